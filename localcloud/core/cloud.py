"""The state that all parts of the local cloud share; each service module's `install` takes a `Cloud`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.authentication.credentials import Credentials, Issuer, RoleSession
from localcloud.core.accounts import Accounts
from localcloud.core.call_record import CallLog
from localcloud.core.clock import ScaledClock
from localcloud.core.faults import Faults
from localcloud.core.partitions import global_arn, partition_of
from localcloud.core.processes import ChildProcesses

ACCOUNT_ID = "123456789012"  # the default account; moto's
WARM_FUNCTIONS = 3  # idle processes, each with 35 to 55 MB of unshared memory; starting another takes 0.2 s


class AwsError(Exception):
    """An AWS error to return from a call; `code` is the shape's name in botocore's model."""

    def __init__(self, code: str, message: str, **members: object) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        for name, value in members.items():  # additional members of the error's shape
            setattr(self, name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One call of an operation that the local cloud implements itself."""

    params: dict[str, Any]  # keys as in botocore's input shape; blobs are bytes
    account_id: str  # of the resource; the caller's unless policies allow access across accounts
    region: str
    principal: str  # ARN of the caller: of a role, not of its session
    caller: Credentials | None = None  # None for calls that the local cloud makes itself

    @property
    def caller_arn(self) -> str:
        """The ARN of the caller in AWS's messages: that of a session if the caller is a role."""
        return self.caller.arn if self.caller else self.principal


# Returns a value of botocore's output shape (None for an empty response), or raises AwsError.
Operation = Callable[[ApiCall], Mapping[str, Any] | None]


# Checks a call before moto answers it; raises AwsError where AWS would refuse it.
Refusal = Callable[[ApiCall], None]


# Takes parameters, account and Region of a call that does not name its resource; returns the ARN for IAM.
ResourceFinder = Callable[[Mapping[str, Any], str, str], str | None]


# Takes the JSON body of a request below /_localcloud/, returns JSON; ValueError becomes a 400.
Control = Callable[[dict[str, Any]], object]


@dataclass(slots=True, kw_only=True)
class Cloud:
    """The local cloud inside its server process.

    `install(cloud)` functions run before the server listens. They patch moto and keep the reference to the
    cloud, but call no AWS API. `at_shutdown` functions run once, in reverse order, before the processes are
    stopped.
    """

    endpoint_url: str  # http://127.0.0.1:PORT, for every service
    state_dir: Path  # exists; with --state the user's, else temporary and removed at the end
    keeps_state: bool  # whether state_dir is the user's
    clock: ScaledClock
    faults: Faults
    timeout_scale: float = 1.0  # for TimeoutSeconds and HeartbeatSeconds, which wait for real work
    warm_functions: int = WARM_FUNCTIONS  # idle processes that are kept
    account_id: str = ACCOUNT_ID  # the default account
    default_region: str = "us-east-1"
    writable: bool = False  # whether restores and read-write mounts may write to users' directories
    # EFS file system id -> its root directory; read and changed by services/file_system_directories.py
    file_systems: dict[str, Path] = field(default_factory=dict)
    images: dict[str, Path] = field(default_factory=dict)  # image URI as in the template -> build context
    processes: ChildProcesses = field(default_factory=ChildProcesses)
    call_log: CallLog = field(default_factory=CallLog)
    issuer: Issuer = field(default_factory=Issuer)  # issues all access keys of this run
    owner: Credentials = field(init=False)  # the user's own credentials, of the default account's root
    accounts: Accounts = field(init=False)
    # access key id -> endpoints reachable from its process; absent if all are (compute/routes.py)
    reach: dict[str, frozenset[str]] = field(default_factory=dict)
    operations: dict[tuple[str, str], Operation] = field(default_factory=dict)  # see `answer`
    refusals: dict[tuple[str, str], list[Refusal]] = field(default_factory=dict)  # see `refuse`
    resource_finders: dict[tuple[str, str], ResourceFinder] = field(default_factory=dict)  # by operation
    controls: dict[tuple[str, str], Control] = field(default_factory=dict)  # see `control`
    kept_clients: dict[tuple[str, str, str], Any] = field(default_factory=dict)  # of role_clients.Clients
    _at_shutdown: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Create the default account and issue the owner's credentials."""
        self.accounts = Accounts(self.issuer, default_id=self.account_id, region=self.default_region)
        self.owner = self.issuer.long_term(self.root_of(self.account_id))

    def role_credentials(
        self, principal: str, region: str, session: RoleSession | None = None
    ) -> dict[str, str]:
        """Return the environment for a process that calls this cloud as a role or a root user, by its ARN.

        Every call issues new keys, which identify the process in its AWS calls: pass AWS_ACCESS_KEY_ID to
        `processes.spawn(access_key=...)`. Contains AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION and the
        three keys.
        """
        issued = self.issuer.temporary(principal, session=session)
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": issued.access_key_id,
            "AWS_SECRET_ACCESS_KEY": issued.secret_access_key,
            "AWS_SESSION_TOKEN": issued.session_token or "",
            # Isolates the process from the machine's own AWS configuration and instance metadata.
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    @property
    def port(self) -> int:
        """The port of all services."""
        return int(self.endpoint_url.rpartition(":")[2])

    @property
    def partition(self) -> str:
        """The partition of all accounts."""
        return partition_of(self.default_region)

    def root_of(self, account_id: str) -> str:
        """Return the ARN of an account's root user."""
        return global_arn("iam", self.default_region, account_id, "root")

    def answer(self, service: str, **operations: Operation) -> None:
        """Register operations to answer instead of moto: `cloud.answer("backup", StartBackupJob=start_job)`.

        `service` is botocore's name. The gateway parses parameters and serializes responses by botocore's
        shapes, checks faults and records calls.
        """
        for name, operation in operations.items():
            self.operations[service, name] = operation

    def refuse(self, service: str, **refusals: Refusal) -> None:
        """Register checks of calls that moto answers: `cloud.refuse("ssm", PutParameter=too_long)`.

        Checks of one operation run in the order of their registration. Requests whose body the gateway does
        not read, such as uploads of code, are not checked.
        """
        for name, refusal in refusals.items():
            self.refusals.setdefault((service, name), []).append(refusal)

    def control(self, method: str, name: str, handler: Control) -> None:
        """Register `handler` for `method /_localcloud/name`, for functions that no AWS API has
        (server/control.py)."""
        self.controls[method, name] = handler

    def at_shutdown(self, function: Callable[[], None]) -> None:
        """Register `function` to be called once at shutdown."""
        self._at_shutdown.append(function)

    def close(self) -> None:
        """End all waits, run the shutdown functions, stop all processes."""
        self.clock.stop()
        while self._at_shutdown:
            self._at_shutdown.pop()()
        self.processes.close()
