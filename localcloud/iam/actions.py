"""Maps calls to IAM actions and, where the call determines them, resources.

Source: the Service Authorization Reference; only differences from "prefix:Operation on *" are listed here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from localcloud.core.partitions import partition_of, regional_arn

PREFIXES = {
    "stepfunctions": "states",
    "efs": "elasticfilesystem",
    "resourcegroupstaggingapi": "tag",
    "service-quotas": "servicequotas",
}
ACTIONS = {
    ("lambda", "Invoke"): ("lambda:InvokeFunction",),
    ("s3", "ListObjectsV2"): ("s3:ListBucket",),
    ("s3", "ListObjects"): ("s3:ListBucket",),
    ("s3", "HeadBucket"): ("s3:ListBucket",),
    ("s3", "ListObjectVersions"): ("s3:ListBucketVersions",),
    ("s3", "HeadObject"): ("s3:GetObject",),
    ("s3", "DeleteObjects"): ("s3:DeleteObject",),
    ("s3", "CreateMultipartUpload"): ("s3:PutObject",),
    ("s3", "UploadPart"): ("s3:PutObject",),
    ("s3", "CompleteMultipartUpload"): ("s3:PutObject",),
    ("s3", "CopyObject"): ("s3:PutObject",),
    ("s3", "ListBuckets"): ("s3:ListAllMyBuckets",),
    ("s3", "ListParts"): ("s3:ListMultipartUploadParts",),
    ("s3", "ListMultipartUploads"): ("s3:ListBucketMultipartUploads",),
}
# DynamoDB checks a transaction's parts, not the transaction.
TRANSACTION_PARTS = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Get": "dynamodb:GetItem",
}
# Operations that name a task definition or a resource only as a filter, which IAM does not check.
WITHOUT_RESOURCE = {
    ("ecs", "DescribeTaskDefinition"),
    ("ecs", "DeregisterTaskDefinition"),
    ("backup", "ListBackupJobs"),
    ("backup", "ListCopyJobs"),
    ("backup", "ListRestoreJobs"),
    ("backup", "ListRestoreJobsByProtectedResource"),
    ("backup", "ListProtectedResources"),
    ("backup", "ListRecoveryPointsByResource"),
}
# Parameters that name the resource, by service, in order of precedence.
ARN_PARAMETERS = (
    "stateMachineArn",
    "executionArn",
    "TopicArn",
    "taskDefinition",
    "roleArn",
    "ResourceArn",
    "resourceArn",
)


def actions_of(service: str, operation: str) -> tuple[str, ...]:
    """Return the IAM actions that a call of the operation is checked for; see also `transaction_parts`."""
    return ACTIONS.get((service, operation), (f"{PREFIXES.get(service, service)}:{operation}",))


def resource_of(
    service: str, operation: str, labels: Mapping[str, Any], text: str, account: str, region: str
) -> str:
    """Return the ARN of the resource that a call names, or * if the call does not determine it."""
    if (service, operation) in WITHOUT_RESOURCE:
        return "*"
    params = {**_capitalised(_query_of(text)), **parameters_of(text), **_capitalised(labels)}
    arn = regional_arn(PREFIXES.get(service, service), region, account, "")
    match service:
        case "s3" if "Bucket" in params:
            key = params.get("Key")
            return f"arn:{partition_of(region)}:s3:::{params['Bucket']}" + (f"/{key}" if key else "")
        case "dynamodb":
            if table := params.get("TableName"):
                index = f"/index/{params['IndexName']}" if params.get("IndexName") else ""
                return table if table.startswith("arn:") else f"{arn}table/{table}{index}"
        case "kms" if params.get("KeyId"):
            key = str(params["KeyId"])
            return key if key.startswith("arn:") else f"{arn}key/{key}"
        case "lambda" if params.get("FunctionName"):
            name = str(params["FunctionName"])
            return name if name.startswith("arn:") else f"{arn}function:{name}"
        case "ssm" if params.get("Name") or params.get("Path"):
            return f"{arn}parameter/{str(params.get('Name') or params['Path']).lstrip('/')}"
        case "backup" if params.get("BackupVaultName"):
            return str(params.get("RecoveryPointArn") or f"{arn}backup-vault:{params['BackupVaultName']}")
        case "efs" if params.get("FileSystemId"):
            return f"{arn}file-system/{params['FileSystemId']}"
        case "efs" if str(params.get("ResourceId", "")).startswith("fs-"):  # of TagResource
            return f"{arn}file-system/{params['ResourceId']}"
        case "efs" if params.get("AccessPointId") or str(params.get("ResourceId", "")).startswith("fsap-"):
            return f"{arn}access-point/{params.get('AccessPointId') or params['ResourceId']}"
        case "ecs" if operation == "RegisterTaskDefinition" and params.get("family"):
            return f"{arn}task-definition/{params['family']}:0"  # the revision does not exist yet
        case "sts" if operation == "AssumeRole" and params.get("RoleArn"):
            return str(params["RoleArn"])
        case "logs" if params.get("logGroupName"):
            stream = params.get("logStreamName")
            return f"{arn}log-group:{params['logGroupName']}" + (f":log-stream:{stream}" if stream else "")
        case _:
            pass
    for name in ARN_PARAMETERS:
        value = params.get(name)
        if isinstance(value, str) and value.startswith("arn:"):
            return value
    return "*"


def transaction_parts(text: str, account: str, region: str) -> Iterator[tuple[str, str]]:
    """Return action and resource of each part of a DynamoDB transaction.

    Source: Amazon DynamoDB Developer Guide, "Using IAM with DynamoDB transactions".
    """
    items = parameters_of(text).get("TransactItems")
    for item in items if isinstance(items, list) else ():
        for part, body in item.items() if isinstance(item, dict) else ():
            table = body.get("TableName") if isinstance(body, dict) else None
            if part in TRANSACTION_PARTS and isinstance(table, str):
                named = table.startswith("arn:")
                arn = table if named else regional_arn("dynamodb", region, account, f"table/{table}")
                yield TRANSACTION_PARTS[part], arn


def parameters_of(text: str) -> dict[str, Any]:
    """Return the parameters in a JSON body, or those of a query API. `text` is path, query and body."""
    body = text.partition(" ")[2]
    if body.startswith("{"):
        try:
            value = json.loads(body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}
    if "Action=" in body:
        return {name: values[0] for name, values in parse_qs(body).items()}
    return {}


def _query_of(text: str) -> dict[str, Any]:
    query = text.split(" ")[0].partition("?")[2]
    return {name: values[0] for name, values in parse_qs(query).items()}


def _capitalised(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters of a path or query by their member names in the API."""
    return {**params, **{f"{name[:1].upper()}{name[1:]}": value for name, value in params.items()}}
