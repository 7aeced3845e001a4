"""All IAM checks of one call: its own actions, implied actions, and condition keys.

A call that names a role needs iam:PassRole, a call that sets tags needs the tagging action, and RunInstances
needs permission for every kind of resource that it uses. Source: the Service Authorization Reference.
Permissions that the reference does not list are in documented_permissions.py and passed_roles.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from localcloud.core.partitions import global_arn, regional_arn
from localcloud.iam.actions import PREFIXES, actions_of, parameters_of, resource_of, transaction_parts
from localcloud.iam.documented_permissions import always_demanded

# Parameters that name roles, and the services that receive the roles.
PASSED_ROLES = {
    ("ecs", "RegisterTaskDefinition"): (("taskRoleArn", "executionRoleArn"), "ecs-tasks.amazonaws.com"),
    ("backup", "StartBackupJob"): (("IamRoleArn",), "backup.amazonaws.com"),
    ("backup", "StartCopyJob"): (("IamRoleArn",), "backup.amazonaws.com"),
    ("backup", "StartRestoreJob"): (("IamRoleArn",), "backup.amazonaws.com"),
    ("backup", "CreateRestoreTestingSelection"): (("IamRoleArn",), "backup.amazonaws.com"),
    ("backup", "UpdateRestoreTestingSelection"): (("IamRoleArn",), "backup.amazonaws.com"),
}
TAGGED = {  # by the parameter that holds the tags; the resource has no id yet
    ("ecs", "RegisterTaskDefinition"): ("tags", "ecs:TagResource", "task-definition/{family}:0"),
    ("ecs", "RunTask"): ("tags", "ecs:TagResource", "task/{cluster}/new"),
    ("backup", "StartBackupJob"): ("RecoveryPointTags", "backup:TagResource", "recovery-point:new"),
    ("backup", "CreateRestoreTestingPlan"): (
        "Tags",
        "backup:TagResource",
        "restore-testing-plan:{RestoreTestingPlanName}-new",
    ),
    ("efs", "CreateFileSystem"): ("Tags", "elasticfilesystem:TagResource", "file-system/new"),
    ("efs", "CreateAccessPoint"): ("Tags", "elasticfilesystem:TagResource", "access-point/new"),
}
# Service-linked roles that a service creates on behalf of the caller if missing; checked as if they were
# missing. Source: AWS Backup Developer Guide, "Using service-linked roles for AWS Backup".
LINKED_ROLES = {
    ("backup", "StartBackupJob"): ("backup.amazonaws.com", "AWSServiceRoleForBackup"),
    ("backup", "CreateRestoreTestingPlan"): (
        "restore-testing.backup.amazonaws.com",
        "AWSServiceRoleForBackupRestoreTesting",
    ),
}
# Structures whose members count as parameters of the call.
NESTED = {
    ("backup", "CreateRestoreTestingPlan"): "RestoreTestingPlan",
    ("backup", "CreateRestoreTestingSelection"): "RestoreTestingSelection",
    ("backup", "UpdateRestoreTestingSelection"): "RestoreTestingSelection",
}
OF_A_CLUSTER = {"RunTask", "ListTasks", "DescribeTasks", "StopTask"}
OF_A_PREFIX = {"ListObjects", "ListObjectsV2", "ListObjectVersions"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One authorization check."""

    action: str
    resource: str  # ARN if the call determines it, else *
    context: Mapping[str, str] = field(default_factory=dict)  # condition keys and their values
    implied: bool = False  # True for actions other than the operation's own


def checks_of(
    service: str, operation: str, labels: Mapping[str, Any], text: str, account: str, region: str
) -> Iterator[Check]:
    """Return the checks of a call by `account` in `region`; `text` is its path, query and body."""
    params = {**parameters_of(text), **labels}
    nested = params.get(NESTED.get((service, operation), ""))
    params |= nested if isinstance(nested, dict) else {}
    if (service, operation) == ("ec2", "RunInstances"):
        yield from _instances(params, account, region)
        return
    if service == "dynamodb" and operation.startswith(
        "Transact"
    ):  # the parts are checked, not the transaction
        for action, table in transaction_parts(text, account, region):
            yield Check(action=action, resource=table)
        return
    context: dict[str, str] = {}
    if service == "ecs" and operation in OF_A_CLUSTER:
        cluster = f"cluster/{_last(params.get('cluster', 'default'))}"
        context["ecs:cluster"] = regional_arn("ecs", region, account, cluster)
    if service == "s3" and operation in OF_A_PREFIX:
        query = parse_qs(text.split(" ")[0].partition("?")[2])
        context["s3:prefix"] = query.get("prefix", [""])[0]
    if (service, operation) == ("sts", "AssumeRole"):
        seen = {"sts:ExternalId": "ExternalId", "sts:RoleSessionName": "RoleSessionName"}
        context |= {key: str(params[name]) for key, name in seen.items() if name in params}
    if service == "efs" and isinstance(params.get("Tags"), list):
        context |= {f"aws:RequestTag/{tag['Key']}": str(tag["Value"]) for tag in params["Tags"]}
    for resource in _resources(service, operation, params, account, region) or [
        resource_of(service, operation, labels, text, account, region)
    ]:
        for action in actions_of(service, operation):
            yield Check(action=action, resource=resource, context=context)
    for action in sorted(always_demanded(service, operation) - set(actions_of(service, operation))):
        yield Check(
            action=action, resource="*", implied=True
        )  # the documentation names the resource only in prose
    roles, passed_to = PASSED_ROLES.get((service, operation), ((), ""))
    for role in (params[name] for name in roles if name in params):
        yield passing(str(role), passed_to)
    if linked := LINKED_ROLES.get((service, operation)):
        made_by, name = linked
        yield Check(
            action="iam:CreateServiceLinkedRole",
            resource=global_arn("iam", region, account, f"role/aws-service-role/{made_by}/{name}"),
            context={"iam:AWSServiceName": made_by},
        )
    tags, action, named = TAGGED.get((service, operation), ("", "", ""))
    if params.get(tags):
        cluster = _last(params.get("cluster", "default"))
        of = named.format_map(defaultdict(str, {**params, "cluster": cluster}))
        arn = regional_arn(PREFIXES.get(service, service), region, account, of)
        yield Check(action=action, resource=arn, implied=True)


def passing(role_arn: str, service: str) -> Check:
    """Return the check for passing a role to a service, such as ecs-tasks.amazonaws.com."""
    context = {"iam:PassedToService": service}
    return Check(action="iam:PassRole", resource=role_arn, context=context, implied=True)


def _resources(
    service: str, operation: str, params: Mapping[str, Any], account: str, region: str
) -> Sequence[str]:
    match service, operation:
        case "ecs", "StopTask":
            return [str(params.get("task", "*"))]
        case "ecs", "DescribeTasks":
            tasks = params.get("tasks")
            return [str(task) for task in tasks] if isinstance(tasks, list) else []
        case "ec2", "TerminateInstances":
            instances = _members(params, "InstanceId")
            return [regional_arn("ec2", region, account, f"instance/{one}") for one in instances]
        case "backup", "StartCopyJob" | "StartRestoreJob":
            return [str(params.get("RecoveryPointArn", "*"))]
        case "backup", _ if "RestoreTestingPlanName" in params:
            # the end of a plan's ARN is known only to AWS
            name = f"restore-testing-plan:{params['RestoreTestingPlanName']}-new"
            return [regional_arn("backup", region, account, name)]
        case "ssm", "GetParameters":
            names = params.get("Names")
            named = names if isinstance(names, list) else []
            return [
                regional_arn("ssm", region, account, f"parameter/{str(one).lstrip('/')}") for one in named
            ]
    return []


def _instances(params: Mapping[str, Any], account: str, region: str) -> Iterator[Check]:
    """Source: Amazon EC2 User Guide, "Example policies", launch instances."""
    action = "ec2:RunInstances"

    def touched(resource: str, owner: str = account) -> str:
        return regional_arn("ec2", region, owner, resource)

    tagged: dict[str, dict[str, str]] = {"instance": {}, "volume": {}}
    for number in range(1, 10):
        specification = f"TagSpecification.{number}"
        if kind := params.get(f"{specification}.ResourceType"):
            keys = _members(params, f"{specification}.Tag", ".Key")
            values = _members(params, f"{specification}.Tag", ".Value")
            pairs = zip(keys, values, strict=False)  # a tag may have no value
            tagged.setdefault(kind, {}).update({f"aws:RequestTag/{key}": value for key, value in pairs})
    for kind, tags in tagged.items():
        new = touched(f"{kind}/new")
        yield Check(action=action, resource=new, context=tags)
        if tags:
            created = {**tags, "ec2:CreateAction": "RunInstances"}
            yield Check(action="ec2:CreateTags", resource=new, context=created, implied=True)
    image = str(params.get("ImageId", ""))
    if image.startswith("resolve:ssm:"):
        parameter = image.removeprefix("resolve:ssm:")
        named = regional_arn("ssm", region, "", f"parameter{parameter}")
        yield Check(action="ssm:GetParameters", resource=named, implied=True)
    yield Check(action=action, resource=touched("image/ami-resolved", owner=""))
    yield Check(action=action, resource=touched("network-interface/new"))
    for subnet in _members(params, "NetworkInterface", ".SubnetId"):
        yield Check(action=action, resource=touched(f"subnet/{subnet}"))
    for group in _members(params, "NetworkInterface.1.SecurityGroupId"):
        yield Check(action=action, resource=touched(f"security-group/{group}"))


def _members(params: Mapping[str, Any], name: str, below: str = "") -> list[str]:
    """Return the members of a list in the query protocol's format: `Name.1.Below`, `Name.2.Below`, ..."""
    found: list[str] = []
    while (value := params.get(f"{name}.{len(found) + 1}{below}")) is not None:
        found.append(value)
    return found


def _last(arn_or_name: str) -> str:
    return str(arn_or_name).rpartition("/")[2]
