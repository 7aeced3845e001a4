"""Step Functions: state machines in JSONata, executed here.

This interpreter replaces moto's, which lacks JSONata, redrive, scaled time, tokens and heartbeats without
races, and immediate aborts, and takes a second longer to parse a definition.

Definitions are validated on creation, by the rules that AWS documents and one additional rule: a variable
that no path can have assigned is refused (`variables`). Sizes are checked while an execution runs (`limits`).

Not supported: JSONPath definitions (refused when created), activities, versions and aliases, express
workflows' own API, Map's ItemReader, ItemBatcher and ResultWriter (refused when created; distributed mode
runs like inline mode).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localcloud.core.cloud import ApiCall, Cloud
from localcloud.core.role_clients import Clients
from localcloud.iam.callers import caller_keys, identity_decision
from localcloud.iam.permissions import NotPermitted
from localcloud.stepfunctions.api import StepFunctions
from localcloud.stepfunctions.integrations import Integrations
from localcloud.stepfunctions.scope import Runtime
from localcloud.stepfunctions.tokens import Tokens

ANSWERS = ("SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat")


def install(cloud: Cloud) -> None:
    """Register Step Functions' operations."""
    runtime = Runtime(
        clock=cloud.clock,
        timeout_scale=cloud.timeout_scale,
        tokens=Tokens(),
        integrations=Integrations(Clients(cloud)),
    )
    api = StepFunctions(runtime)
    operations = api.operations()
    for operation in ANSWERS:
        operations[operation] = _permitted(cloud, runtime.tokens, operation, operations[operation])
    cloud.answer("stepfunctions", **operations)
    for operation in ANSWERS:
        # The Service Authorization Reference names no resource; AWS's error messages name the state machine.
        cloud.resource_finders["stepfunctions", operation] = lambda params, *_: runtime.tokens.machine_of(
            str(params.get("taskToken"))
        )
    cloud.at_shutdown(api.close)


def _permitted(
    cloud: Cloud, tokens: Tokens, operation: str, answer: Callable[[ApiCall], Any]
) -> Callable[[ApiCall], Any]:
    """Return an operation that refuses callers whose policies do not allow it for the token's state machine.

    A token alone is no permission. Source: AWS Step Functions Developer Guide, "IAM policies for integrated
    services", task tokens; the message is that of real denials.
    """

    def checked(call: ApiCall) -> Any:
        machine = tokens.machine_of(str(call.params.get("taskToken")))
        caller = call.caller
        if machine is not None and caller is not None:
            keys = caller_keys(caller, cloud.accounts, region=call.region, now=cloud.clock.now())
            action = f"states:{operation}"
            if identity_decision(caller, action=action, resource=machine, keys=keys) != "Allow":
                raise NotPermitted(
                    "AccessDeniedException",
                    f"User: {caller.arn} is not authorized to perform: {action} on resource: {machine} "
                    f"because no identity-based policy allows the {action} action",
                )
        return answer(call)

    return checked
