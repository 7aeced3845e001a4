"""Names and ARNs of a deployment's resources.

They are built from the deployment's name instead of taken from the resources, which would cause circular
references: a state machine names its functions, and functions have grants on the state machine.
"""

from __future__ import annotations

import dataclasses

from aws_cdk import Aws

from tidemark.aws.regions import url_suffix

_DOCUMENTED_SUFFIX = "amazonaws.com"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names of one deployment in one Region; the partition is resolved at deployment."""

    deployment: str
    region: str
    account: str | None = None  # None: that of the stack, which is resolved at deployment

    @property
    def account_id(self) -> str:
        """The id of the account."""
        return self.account or Aws.ACCOUNT_ID

    def named(self, suffix: str) -> str:
        """Return `<deployment>-<suffix>`."""
        return f"{self.deployment}-{suffix}"

    def function(self, file: str) -> str:
        """Return the name of the function in `lambdas/<file>.py`."""
        return self.named(file.replace("_", "-"))

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """Return an ARN in the deployment's account, by default in its Region; IAM's ARNs have no Region."""
        region = self.region if region is None else region
        return f"arn:{Aws.PARTITION}:{service}:{region}:{self.account_id}:{resource}"

    def amazons_arn(self, service: str, resource: str) -> str:
        """Return an ARN of a resource that Amazon provides to every account in the deployment's Region."""
        return f"arn:{Aws.PARTITION}:{service}:{self.region}::{resource}"

    def service_linked_role_arn(self, service: str, role: str) -> str:
        """Return the ARN of a service-linked role."""
        path = f"aws-service-role/{service}.amazonaws.com/{role}"
        return f"arn:{Aws.PARTITION}:iam::{self.account_id}:role/{path}"

    def via_service(self, service: str) -> list[str]:
        """Return the values of kms:ViaService for a service in the deployment's Region.

        KMS documents the values of this key with amazonaws.com in every Region. In partitions with another
        domain suffix, such as China, policies in use have that suffix, so both are allowed there.
        Source: AWS KMS Developer Guide, "AWS KMS condition keys", kms:ViaService.
        """
        suffixes = dict.fromkeys((_DOCUMENTED_SUFFIX, url_suffix(self.region)))
        return [f"{service}.{self.region}.{suffix}" for suffix in suffixes]

    def function_arn(self, file: str) -> str:
        """Return the ARN of the function in `lambdas/<file>.py`."""
        return self.arn("lambda", f"function:{self.function(file)}")

    def state_machine_arn(self, workflow: str) -> str:
        """Return the ARN of the state machine in `tidemark/workflows/<workflow>.asl.json`."""
        return self.arn("states", f"stateMachine:{self.named(workflow)}")

    def execution_arns(self, workflow: str) -> str:
        """Return the pattern of a state machine's executions, which are named at run time."""
        return self.arn("states", f"execution:{self.named(workflow)}:*")

    def cluster_name(self) -> str:
        """Return the name of the workers' ECS cluster."""
        return self.named("workers")

    def cluster_arn(self) -> str:
        """Return the ARN of the workers' ECS cluster."""
        return self.arn("ecs", f"cluster/{self.cluster_name()}")

    def vault_arn(self, region: str, vault: str) -> str:
        """Return the ARN of a backup vault."""
        return self.arn("backup", f"backup-vault:{vault}", region=region)

    def recovery_point_arns(self, region: str) -> str:
        """Return the pattern of a Region's recovery points; AWS Backup generates their ids."""
        return self.arn("backup", "recovery-point:*", region=region)

    def file_system_arn(self, file_system_id: str) -> str:
        """Return the ARN of an EFS file system."""
        return self.arn("elasticfilesystem", f"file-system/{file_system_id}")
