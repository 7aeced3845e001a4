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
    ├── RestoreNotFound                   33
    ├── RestoreFailed                     34   ends a failed restore session
    ├── NotRestorable                     35   no recovery point holds the requested paths
    ├── NotOptedIn                        36   AWS Backup is not opted in for EFS in a Region
    ├── RetentionNotAllowed               37   a vault's lock refuses the policy's retention
    ├── NextRunUnknown                    38   a rate counts from its deployment
    ├── AccessPointNotFound               39   no access point has this id, name or volume claim
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
    ├── SiteNotDeployed                   52   an account or Region has no stack of the deployment
    ├── SiteNotAccessible                 53   another account does not let the deployment call in it
    ├── CheckFailed                       54   a session would fail
    ├── PruneFailed                       55   retention could not remove some indexes
    ├── PointsNotRemoved                  56   a lock or a hold keeps them, or AWS Backup refused
    ├── DamageSuspected                   57   an index has suspicious changes that no person has accepted
    ├── OutputExists                      58
    ├── NotImportable                     59   an exported policy lacks what Tidemark needs
    └── LocalCloudError                   60   the local cloud did not start or stop

The class name is a contract: Step Functions retries and catches by it. A message states one
fact and ends with the next step. A class that composes its message takes the facts as arguments.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidemark.errors.repository import (
    AccessPointNotFound,
    ForeignTag,
    IndexDamaged,
    IndexFormatNotSupported,
    IndexNotFound,
    PathNotFound,
    RecoveryPointNotFound,
    TagKeyDamaged,
)
from tidemark.errors.root import TidemarkError
from tidemark.errors.sessions import (
    BackupJobFailed,
    CopyJobFailed,
    CrawlFailed,
    DamageSuspected,
    IndexingFailed,
    IndexShared,
    LeaseLost,
    NotRestorable,
    PointsNotRemoved,
    PruneFailed,
    RestoreFailed,
    RestoreNotFound,
    SessionExists,
    SessionFailed,
    SessionNotFound,
    WorkerCannotRun,
    WorkerNotLaunched,
    WorkerNotRecorded,
    WorkerStopped,
)
from tidemark.errors.setup import (
    AccessDenied,
    AwsThrottled,
    AwsUnreachable,
    CheckFailed,
    ConfigurationError,
    ExtraNotInstalled,
    FileSystemNotFound,
    FileSystemNotInPolicy,
    FileSystemNotSelected,
    LocalCloudError,
    MalformedFileSystemId,
    NextRunUnknown,
    NoCredentials,
    NoMountTarget,
    NotDeployed,
    NotImportable,
    NotOptedIn,
    OutputExists,
    PolicyNotFound,
    RetentionNotAllowed,
    SiteNotAccessible,
    SiteNotDeployed,
    VaultNotFound,
    WorkerCutOff,
    WorkerNetworkNotFound,
)

__all__ = [
    "AccessDenied",
    "AccessPointNotFound",
    "AwsThrottled",
    "AwsUnreachable",
    "BackupJobFailed",
    "CheckFailed",
    "ConfigurationError",
    "CopyJobFailed",
    "CrawlFailed",
    "DamageSuspected",
    "ExtraNotInstalled",
    "FileSystemNotFound",
    "FileSystemNotInPolicy",
    "FileSystemNotSelected",
    "ForeignTag",
    "IndexDamaged",
    "IndexFormatNotSupported",
    "IndexNotFound",
    "IndexShared",
    "IndexingFailed",
    "LeaseLost",
    "LocalCloudError",
    "MalformedFileSystemId",
    "NextRunUnknown",
    "NoCredentials",
    "NoMountTarget",
    "NotDeployed",
    "NotImportable",
    "NotOptedIn",
    "NotRestorable",
    "OutputExists",
    "PathNotFound",
    "PointsNotRemoved",
    "PolicyNotFound",
    "PruneFailed",
    "RecoveryPointNotFound",
    "RestoreFailed",
    "RestoreNotFound",
    "RetentionNotAllowed",
    "SessionExists",
    "SessionFailed",
    "SessionNotFound",
    "SiteNotAccessible",
    "SiteNotDeployed",
    "TagKeyDamaged",
    "TidemarkError",
    "VaultNotFound",
    "WorkerCannotRun",
    "WorkerCutOff",
    "WorkerNetworkNotFound",
    "WorkerNotLaunched",
    "WorkerNotRecorded",
    "WorkerStopped",
    "error_classes",
]


def error_classes(root: type[TidemarkError] = TidemarkError) -> Iterator[type[TidemarkError]]:
    """Return every class of the tree, starting with the root."""
    yield root
    for child in root.__subclasses__():
        yield from error_classes(child)
