"""The errors that Tidemark raises deliberately, in one tree.

    TidemarkError                         exit code
    ├── ConfigurationError                10   tidemark.yaml or the environment is invalid; with file and line
    ├── NotDeployed                       11   no deployment of that name in this account and Region
    ├── PolicyNotFound                    12
    ├── FileSystemNotInPolicy             13
    ├── MalformedFileSystemId             14
    ├── FileSystemNotFound                15
    ├── SessionNotFound                   16
    ├── IndexNotFound                     17
    ├── PathNotFound                      18
    ├── RecoveryPointNotFound             19
    ├── SessionExists                     20
    ├── NoMountTarget                     21
    ├── VaultNotFound                     22
    ├── NoCredentials                     23
    ├── AccessDenied                      24
    ├── AwsUnreachable                    25   also the repository; retried by the state machines
    ├── AwsThrottled                      26   retried by the state machines
    ├── WorkerNetworkNotFound             27
    ├── WorkerCutOff                      28   no subnet of the worker reaches the AWS services that it calls
    ├── ExtraNotInstalled                 29   a command needs an extra of the package
    ├── BackupJobFailed                   30
    ├── CopyJobFailed                     31
    ├── SessionFailed                     32   ends a failed session or run
    ├── NotOptedIn                        36   AWS Backup is not opted in for EFS in a Region
    ├── RetentionNotAllowed               37   a vault's lock refuses the policy's retention
    ├── WorkerNotLaunched                 40   retried by the state machines
    ├── CrawlFailed                       41
    ├── IndexingFailed                    42
    ├── LeaseLost                         43   the lease expired and was taken over, or the index has ended
    ├── IndexDamaged                      44   a file of an index is missing, truncated or altered
    ├── IndexFormatNotSupported           45
    ├── WorkerStopped                     46   stopped or killed; retried by the state machines
    ├── WorkerCannotRun                   47   every attempt would end the same way; not retried
    ├── WorkerNotRecorded                 48   stopped during its launch; Lambda retries the event
    ├── ForeignTag                        50   a tag that this deployment did not write, or that was altered
    ├── TagKeyDamaged                     51   a data key of the tags is missing, or KMS does not open it
    └── LocalCloudError                   60   the local cloud did not start or stop

The class name is a contract: Step Functions retries and catches by it. A message states one
fact and ends with the next step. A class that composes its message takes the facts as arguments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


class TidemarkError(Exception):
    """An expected failure; the message states the cause and ends with the next step."""

    exit_code = 1


class ConfigurationError(TidemarkError):
    """tidemark.yaml, or a setting in the environment, is invalid."""

    exit_code = 10


class NotDeployed(TidemarkError):
    """No deployment of this name is visible with these credentials."""

    exit_code = 11

    def __init__(self, deployment: str, region: str) -> None:
        super().__init__(
            f"no deployment named {deployment} in {region}; deploy it (README, Deploy), "
            f"or select another with AWS_REGION and TIDEMARK_DEPLOYMENT"
        )


class PolicyNotFound(TidemarkError):
    """The deployment has no policy of this name."""

    exit_code = 12

    def __init__(self, policy: str, known: list[str]) -> None:
        names = ", ".join(sorted(known)) or "none"
        super().__init__(
            f"no policy named {policy!r}; deployed policies: {names}; "
            f"use one of them, or add it to tidemark.yaml and deploy again"
        )


class FileSystemNotInPolicy(TidemarkError):
    """The policy does not protect this file system."""

    exit_code = 13

    def __init__(self, file_system_id: str, policy: str, known: list[str]) -> None:
        super().__init__(
            f"policy {policy} does not name {file_system_id}, only {', '.join(known) or 'none'}; "
            f"add it to the policy in tidemark.yaml and deploy again"
        )


class MalformedFileSystemId(TidemarkError):
    """The text is not an EFS file system id."""

    exit_code = 14

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text!r} is not a file system id such as fs-0123456789abcdef0; "
            f"list yours with: aws efs describe-file-systems"
        )


class FileSystemNotFound(TidemarkError):
    """The id is well formed, but this account and Region have no such file system."""

    exit_code = 15

    def __init__(self, file_system_id: str, region: str) -> None:
        super().__init__(
            f"{file_system_id} does not exist in {region}; "
            f"check the id with: aws efs describe-file-systems --region {region}"
        )


class SessionNotFound(TidemarkError):
    """No session has this id."""

    exit_code = 16

    def __init__(self, session_id: str, message: str | None = None) -> None:
        super().__init__(message or f"no session {session_id}; list them with: tidemark sessions")


class IndexNotFound(TidemarkError):
    """No complete index has this id, or the file system has none yet."""

    exit_code = 17


class PathNotFound(TidemarkError):
    """The index contains no such path."""

    exit_code = 18


class RecoveryPointNotFound(TidemarkError):
    """No recovery point has this ARN, or no index describes it."""

    exit_code = 19


class SessionExists(TidemarkError):
    """Another execution has already opened a session with this id."""

    exit_code = 20

    def __init__(self, session_id: str) -> None:
        super().__init__(f"session {session_id} already exists; show it with: tidemark session {session_id}")


class NoMountTarget(TidemarkError):
    """The file system has no available mount target."""

    exit_code = 21

    def __init__(self, file_system_id: str) -> None:
        super().__init__(
            f"{file_system_id} has no available mount target, so no worker can read it; create one with: "
            f"aws efs create-mount-target --file-system-id {file_system_id} --subnet-id SUBNET, "
            f"or set index: false in the policy"
        )


class VaultNotFound(TidemarkError):
    """A vault that the policy names does not exist in its Region."""

    exit_code = 22

    def __init__(self, vault: str, region: str, message: str | None = None) -> None:
        super().__init__(
            message
            or f"no backup vault named {vault} in {region}; deploy again, create it with: "
            f"aws backup create-backup-vault --backup-vault-name {vault} --region {region}, "
            f"or name the Region's own vault in tidemark.yaml"
        )


class NoCredentials(TidemarkError):
    """The AWS SDK found no usable credentials or Region."""

    exit_code = 23


class AccessDenied(TidemarkError):
    """AWS refused a call."""

    exit_code = 24


class AwsUnreachable(TidemarkError):
    """An AWS endpoint did not answer, or is unavailable."""

    exit_code = 25


class AwsThrottled(TidemarkError):
    """AWS throttled a call, also after the SDK's retries."""

    exit_code = 26


class WorkerNetworkNotFound(TidemarkError):
    """No mount target of the file system admits NFS from its own subnet."""

    exit_code = 27

    def __init__(self, file_system_id: str, groups: list[str]) -> None:
        super().__init__(
            f"no mount target of {file_system_id} admits its own subnet on port 2049 "
            f"(security groups: {', '.join(groups) or 'none'}); allow the subnet in one of them, "
            f"or name the worker's subnets and security groups in tidemark.yaml and deploy again"
        )


class NotOptedIn(TidemarkError):
    """AWS Backup is not opted in for EFS in a Region and refuses backups there."""

    exit_code = 36

    def __init__(self, region: str) -> None:
        super().__init__(
            f"AWS Backup is not opted in for EFS in {region} and refuses backups there; opt in with: "
            f"aws backup update-region-settings --region {region} "
            f"--resource-type-opt-in-preference EFS=true"
        )


class RetentionNotAllowed(TidemarkError):
    """The lock of a vault does not allow the retention of the policy."""

    exit_code = 37

    def __init__(
        self, vault: str, region: str, kind: str, asked: str, least: int | None, most: int | None
    ) -> None:
        bounds = (("least", least), ("most", most))
        limits = [f"at {name} {days} day{'s' * (days > 1)}" for name, days in bounds if days is not None]
        super().__init__(
            f"the lock of vault {vault} in {region} requires a retention of "
            f"{', '.join(limits)}, but the policy keeps the {kind} there {asked}; change `keep` in "
            f"tidemark.yaml, or name another vault there, and deploy again"
        )


class WorkerCutOff(TidemarkError):
    """No subnet of the worker has a route to the AWS services that it calls."""

    exit_code = 28

    def __init__(self, file_system_id: str, missing: Mapping[str, Sequence[str]]) -> None:
        subnets = "; ".join(
            f"{subnet} cannot reach {', '.join(services)}" for subnet, services in sorted(missing.items())
        )
        super().__init__(
            f"the worker of {file_system_id} could not start: {subnets}; route the subnet through a NAT "
            f"gateway, or create VPC endpoints for these services in its VPC, or, where its route leads to "
            f"an internet gateway, set worker.network.public_address: true in tidemark.yaml and deploy again"
        )


class ExtraNotInstalled(TidemarkError):
    """The command needs packages that only an extra installs."""

    exit_code = 29

    def __init__(self, command: str, missing: Sequence[str], installation: str) -> None:
        shown = ", ".join(missing[:3])
        more = f" and {len(missing) - 3} more" * (len(missing) > 3)
        super().__init__(f"{command} cannot run without {shown}{more}; {installation}")


class BackupJobFailed(TidemarkError):
    """AWS Backup ended the backup job without a recovery point."""

    exit_code = 30


class CopyJobFailed(TidemarkError):
    """AWS Backup ended the copy job without a copy."""

    exit_code = 31


class SessionFailed(TidemarkError):
    """A session or a run failed; the message gives the sessions and the reasons."""

    exit_code = 32


class WorkerNotLaunched(TidemarkError):
    """ECS or EC2 did not start the worker."""

    exit_code = 40


class CrawlFailed(TidemarkError):
    """The worker could not read the file system at all."""

    exit_code = 41


class IndexingFailed(TidemarkError):
    """An indexing session ended without an index."""

    exit_code = 42


class LeaseLost(TidemarkError):
    """This indexing session no longer holds the file system's lease."""

    exit_code = 43

    def __init__(self, index_id: str) -> None:
        super().__init__(
            f"index {index_id} no longer holds its file system's lease: the lease expired and was taken "
            f"over, or the index has already ended; no action is needed, the next session starts a new index"
        )


class IndexShared(TidemarkError):
    """No more sessions can share the index that is being created."""

    exit_code = 49

    def __init__(self, index_id: str, most: int) -> None:
        super().__init__(
            f"index {index_id} is still being created and already belongs to {most:,} sessions, the most "
            f"that its record holds; the next session after it ends starts a new index"
        )


class WorkerStopped(TidemarkError):
    """The worker was stopped or killed before its index was complete; another worker may complete it."""

    exit_code = 46


class WorkerCannotRun(TidemarkError):
    """The worker did not start, or ended without a result; another attempt would end the same way."""

    exit_code = 47


class WorkerNotRecorded(TidemarkError):
    """The worker that stopped may belong to a launch that is not recorded yet."""

    exit_code = 48

    def __init__(self, index_id: str, worker_id: str) -> None:
        super().__init__(
            f"{worker_id} stopped while a worker of index {index_id} was being launched; Lambda retries "
            f"the event in a minute, when the launch is recorded; no action is needed"
        )


class IndexDamaged(TidemarkError):
    """A file of an index is missing, truncated or altered."""

    exit_code = 44


class IndexFormatNotSupported(TidemarkError):
    """The index was written by a newer Tidemark."""

    exit_code = 45


class ForeignTag(TidemarkError):
    """A tag was altered, or was not written by this deployment for this file system."""

    exit_code = 50


class TagKeyDamaged(TidemarkError):
    """A wrapped data key in the repository cannot be used."""

    exit_code = 51


class LocalCloudError(TidemarkError):
    """The local cloud did not start, deploy or stop."""

    exit_code = 60


def error_classes(root: type[TidemarkError] = TidemarkError) -> Iterator[type[TidemarkError]]:
    """Return every class of the tree, starting with the root."""
    yield root
    for child in root.__subclasses__():
        yield from error_classes(child)
