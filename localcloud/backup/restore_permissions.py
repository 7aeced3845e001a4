"""The permissions of a role that restores EFS.

Source: the AWS managed policy AWSBackupServiceRolePolicyForRestores, statement EFSPermissions; AWS Backup
Developer Guide, "Restore testing failure troubleshooting", for the message with which the job fails.
"""

from __future__ import annotations

from localcloud.backup.arns import FileSystemArn
from localcloud.backup.engine import JobFailed
from localcloud.backup.vaults import DEFAULT_ROLE
from localcloud.iam.permissions import missing_permission, refusal_text
from localcloud.iam.required_permissions import Check

RESTORE = ("Restore",)
CREATE = ("CreateFilesystem", "DescribeFilesystems")
TAG = ("TagResource",)


def check_permissions(role_arn: str, target: FileSystemArn, names: tuple[str, ...]) -> None:
    """Raise JobFailed unless the role may do this with the file system; `names` are actions of EFS.

    AWS creates the default role with both of its managed policies.
    """
    if role_arn.endswith(f":role/{DEFAULT_ROLE}"):
        return
    checks = [Check(action=f"elasticfilesystem:{name}", resource=str(target)) for name in names]
    missing = missing_permission(role_arn, checks)
    if missing is not None:
        raise JobFailed(refusal_text(role_arn, missing))
