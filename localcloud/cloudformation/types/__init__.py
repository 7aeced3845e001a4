"""The table of resource types."""

from __future__ import annotations

from localcloud.cloudformation.resources import Request, Resource, ResourceType
from localcloud.cloudformation.types.compute import COMPUTE
from localcloud.cloudformation.types.data import DATA
from localcloud.cloudformation.types.identity import IDENTITY
from localcloud.cloudformation.types.messaging import MESSAGING
from localcloud.cloudformation.types.network import NETWORK
from localcloud.cloudformation.types.operation import OPERATION
from localcloud.cloudformation.types.restore_testing import RESTORE_TESTING

RESOURCE_TYPES: dict[str, ResourceType] = {
    **COMPUTE,
    **DATA,
    **IDENTITY,
    **MESSAGING,
    **NETWORK,
    **OPERATION,
    **RESTORE_TESTING,
}

# Accepted without effect: no program in the local cloud could observe them.
STORED_TYPES = frozenset(
    {
        "AWS::CDK::Metadata",
        "AWS::CloudFormation::WaitConditionHandle",
        "AWS::CloudWatch::CompositeAlarm",  # moto does not support it
        "AWS::ECR::Repository",
        "AWS::Lambda::Alias",
        "AWS::Logs::MetricFilter",
        "AWS::Logs::QueryDefinition",
        "AWS::Logs::ResourcePolicy",
        "AWS::ResourceGroups::Group",
        "AWS::ServiceCatalogAppRegistry::Application",
        "AWS::XRay::Group",
        "AWS::XRay::SamplingRule",
        "AWS::XRay::ResourcePolicy",
        "AWS::Backup::BackupPlan",
        "AWS::Backup::BackupSelection",
    }
)


def stored(request: Request) -> Resource:
    """Return a resource that has only a name and an ARN."""
    name = request.before.ref if request.before else request.name("Name")
    arn = request.arn("cloudformation", f"stored/{name}")
    return Resource(ref=name, attributes={"Arn": arn, "Name": name, "Id": name})
