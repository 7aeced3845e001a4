// Judges requests with @cloud-copilot/iam-simulate: node iam_simulate.mjs FILE
//
// FILE holds {account, policies: {id: document}, requests: [{principal, action, resource, context, identity,
// resourcePolicy}]}; identity and resourcePolicy are ids of policies, or null. Prints one answer for each request:
// "Allowed", "ImplicitlyDenied", "ExplicitlyDenied", or "Invalid: " and why the request cannot be judged.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const { account, policies, requests } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const answers = []
for (const request of requests) {
  const { principal, action, resource, context, identity, resourcePolicy } = request
  const answer = await runSimulation(
    {
      request: {
        principal,
        action,
        resource: { resource, accountId: account },
        contextVariables: context
      },
      identityPolicies: identity === null ? [] : [{ name: identity, policy: policies[identity] }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: resourcePolicy === null ? undefined : policies[resourcePolicy]
    },
    {}
  )
  answers.push(answer.resultType === 'error' ? `Invalid: ${answer.errors.message}` : answer.overallResult)
}
process.stdout.write(JSON.stringify(answers))
