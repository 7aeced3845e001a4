"""AWS on one machine, for newcomers, tests and development; deploys any synthesized CDK assembly.

    with LocalCloud.start(file_systems={"home": Path("/home")}, time_scale=0.02) as cloud:
        outputs = cloud.deploy(Path("cdk.out"))          # {stack: {output: value}}
        cloud.client("stepfunctions").start_execution(...)
        cloud.faults.add(Fault(service="s3", operation="PutObject", action="throttle", calls=(3, 3)))
        cloud.calls()                                    # who called what: for IAM policies

or as a server for any client: `python -m localcloud --file-system home=/home --state DIR`.

It is a moto server with what moto lacks. A request enters by gateway.py, which refuses web pages (guard.py)
and what no access key of this run has signed (authentication.py, signatures.py), finds service, operation
and caller, lets faults strike (faults.py) and records the call (calls.py). What moto has not, or has not so
that one can work with it, is answered here, each package by its `install(cloud)`:

    functions/       Lambda under AWS's own runtime interface client, in processes
    stepfunctions/   state machines in JSONata: tokens, heartbeats, aborts, redrive
    cloudformation/  stacks, from a table of resource types over AWS's own APIs
    scheduler/       schedules that fire
    backup/          backup, copy and restore jobs with real bytes
    compute/         ECS tasks and EC2 instances as processes
    identity.py      who is calling (STS); storage.py, file_systems.py: corrections to S3 and EFS

profile.py writes the access key for AWS's CLI and SDKs.

`cloud.py` is what they all get: clock, faults, processes, credentials (credentials.py). Time: stamps are
real, durations are scaled (clock.py). `--state` keeps what state.py says. Nothing outlives the server:
reaper.py.

Of IAM only what a call implies is enforced: passed roles, tags set while creating, and permissions that only
the documentation of the operation names. Every call is recorded with its role, for tools that evaluate
policies.
"""

from localcloud.client.local_cloud import FileSystem, LocalCloud
from localcloud.core.errors import LocalCloudError, NotDeployed, ServerNotStarted
from localcloud.core.faults import Fault

__all__ = ["Fault", "FileSystem", "LocalCloud", "LocalCloudError", "NotDeployed", "ServerNotStarted"]
