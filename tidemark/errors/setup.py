"""Errors of the configuration, the deployment, the account and its network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidemark.errors.root import TidemarkError


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


class FileSystemNotSelected(FileSystemNotInPolicy):
    """The policy excludes the file system, or does not select it."""

    def __init__(self, file_system_id: str, policy: str) -> None:
        TidemarkError.__init__(
            self,
            f"policy {policy} excludes {file_system_id}, or none of its selections matches the tags of the "
            f"file system; change its tags, or name it in the policy in tidemark.yaml and deploy again",
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


class NextRunUnknown(TidemarkError):
    """A rate counts from its deployment, so the times of its runs are not in the policy."""

    exit_code = 38

    def __init__(self, policy: str, expression: str) -> None:
        super().__init__(
            f"policy {policy} runs at {expression}, which EventBridge Scheduler counts from the deployment; "
            f"see the times of past runs with: tidemark sessions --policy {policy}"
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


class SiteNotDeployed(TidemarkError):
    """The stack of an account and Region does not exist, or is of an older version."""

    exit_code = 52

    def __init__(self, deployment: str, account: str, region: str) -> None:
        super().__init__(
            f"deployment {deployment} has no stack in account {account} in {region}, or an older one; deploy "
            f"the stack of this account and Region again"
        )


class SiteNotAccessible(TidemarkError):
    """Another account does not let the deployment call in it."""

    exit_code = 53

    def __init__(self, account: str, region: str, why: str) -> None:
        super().__init__(
            f"account {account} in {region} cannot be reached ({why}): the account is suspended, its stack "
            f"is not deployed, or its role does not trust the deployment with this external id; deploy the "
            f"account's stack there again, or remove the account from tidemark.yaml"
        )


class CheckFailed(TidemarkError):
    """A check of `tidemark check` failed, so a session would fail."""

    exit_code = 54

    def __init__(self, failed: int, checks: int) -> None:
        super().__init__(f"{failed} of {checks} checks failed; fix them, and check again")


class LocalCloudError(TidemarkError):
    """The local cloud did not start, deploy or stop."""

    exit_code = 60
