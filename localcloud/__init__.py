"""AWS on one machine, for newcomers, tests and development; deploys any synthesized CDK assembly.

    with LocalCloud.start(file_systems={"home": Path("/home")}, time_scale=0.02) as cloud:
        outputs = cloud.deploy(Path("cdk.out"))          # {stack: {output: value}}
        cloud.client("stepfunctions").start_execution(...)
        cloud.faults.add(Fault(service="s3", operation="PutObject", action="throttle", calls=(3, 3)))
    cloud.calls()                                    # every AWS call with its role

or as a server for any client: `python -m localcloud --file-system home=/home --state DIR`.

A moto server with these additions:

    client/           the Python interface: start, deploy an assembly, stop; the profile for the AWS CLI
    server/           the process: listens, authenticates, injects faults, records and dispatches calls
    functions/        Lambda under AWS's own runtime interface client, in processes
    stepfunctions/    state machines in JSONata: tokens, heartbeats, aborts, redrive
    cloudformation/   stacks, from a table of resource types over AWS's own APIs
    scheduler/        schedules that fire
    backup/           backup, copy and restore jobs with real bytes
    compute/          ECS tasks and EC2 instances as processes
    services/         accounts, EventBridge, EFS, networks, STS, quotas: smaller additions to moto
    iam/              the permissions that a call requires, and the evaluation of policies
    core/             clock, faults, processes, clients, the call record; core/cloud.py composes them
    authentication/   access keys of one run, and the signatures of requests

Each service installs itself with `install(cloud)`. Timestamps are real and durations are scaled
(core/clock.py). `--state DIR` keeps the data that server/state.py lists. No process outlives the server
(core/reaper.py).

`accounts={"backup": "111122223333"}` creates further accounts; `cloud.account("backup").client("s3")` calls
as the administrator of one. Trust policies are enforced, and so are the policies of both accounts for calls
across accounts. Within an account, only the IAM permissions that a call implies are enforced: passed roles,
tags set on creation, and permissions that only the documentation of the operation names. Every call is
recorded with its role, for tools that evaluate policies.
"""

from localcloud.client.accounts import Account
from localcloud.client.local_cloud import FileSystem, LocalCloud
from localcloud.core.errors import LocalCloudError, NotDeployed, ServerNotStarted
from localcloud.core.faults import Fault

__all__ = [
    "Account",
    "Fault",
    "FileSystem",
    "LocalCloud",
    "LocalCloudError",
    "NotDeployed",
    "ServerNotStarted",
]
