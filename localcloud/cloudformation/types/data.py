"""DynamoDB, S3, KMS, SSM parameters, EFS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from localcloud.cloudformation.resources import Request, Resource, ResourceType
from localcloud.core.partitions import partition_of, url_suffix


def _create_table(request: Request) -> Resource:
    name = request.name("TableName", 255)
    dynamodb = request.client("dynamodb")
    properties = _here(request)
    stream = properties.get("StreamSpecification")
    replaced = Request(**{f: getattr(request, f) for f in request.__slots__} | {"properties": properties})
    try:
        replaced.call(
            "dynamodb",
            "CreateTable",
            TableName=name,
            Tags=replaced.tag_list(),
            StreamSpecification={"StreamEnabled": True, **stream} if stream else None,
            SSESpecification=_encryption(properties),
            **({"BillingMode": "PAY_PER_REQUEST"} if "ProvisionedThroughput" not in properties else {}),
        )
    except dynamodb.exceptions.ResourceInUseException:
        if not request.adopts:
            raise
    return _configure_table(replaced, name)


def _update_table(request: Request) -> Resource:
    return _configure_table(
        Request(**{f: getattr(request, f) for f in request.__slots__} | {"properties": _here(request)}),
        request.before.ref if request.before else "",
    )


def _configure_table(request: Request, name: str) -> Resource:
    dynamodb = request.client("dynamodb")
    table = dynamodb.describe_table(TableName=name)["Table"]
    indexed = {index["IndexName"] for index in table.get("GlobalSecondaryIndexes", ())}
    for index in request.properties.get("GlobalSecondaryIndexes", ()):
        if index["IndexName"] not in indexed:
            create = {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
            dynamodb.update_table(
                TableName=name,
                AttributeDefinitions=request.properties["AttributeDefinitions"],
                GlobalSecondaryIndexUpdates=[{"Create": create}],
            )
    if ttl := request.properties.get("TimeToLiveSpecification"):
        dynamodb.update_time_to_live(
            TableName=name,
            TimeToLiveSpecification={"Enabled": ttl["Enabled"], "AttributeName": ttl["AttributeName"]},
        )
    if recovery := request.properties.get("PointInTimeRecoverySpecification"):
        enabled = bool(recovery.get("PointInTimeRecoveryEnabled"))
        dynamodb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
        )
    attributes = {"Arn": table["TableArn"], "TableId": table.get("TableId", name), "TableName": name}
    if "LatestStreamArn" in table:
        attributes["StreamArn"] = table["LatestStreamArn"]
    return Resource(ref=name, attributes=attributes)


def _here(request: Request) -> Mapping[str, Any]:
    """Return a table's properties, including those of a GlobalTable's replica in this Region."""
    replicas = request.properties.get("Replicas", ())
    mine: Mapping[str, Any] = next((one for one in replicas if one["Region"] == request.region), {})
    return {**request.properties, **mine}


def _encryption(properties: Mapping[str, Any]) -> dict[str, Any] | None:
    specification = properties.get("SSESpecification")
    if not specification:
        return None
    key = specification.get("KMSMasterKeyId")
    enabled = {"Enabled": True, "SSEType": "KMS"}
    return {**enabled, "KMSMasterKeyId": key} if key else enabled


def _create_bucket(request: Request) -> Resource:
    name = request.name("BucketName", 63).lower()
    s3 = request.client("s3")
    where = {"CreateBucketConfiguration": {"LocationConstraint": request.region}}
    try:
        s3.create_bucket(Bucket=name, **({} if request.region == "us-east-1" else where))
    except (s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
        if not request.adopts:
            raise
    return _configure_bucket(request, name)


def _update_bucket(request: Request) -> Resource:
    return _configure_bucket(request, request.before.ref if request.before else "")


def _configure_bucket(request: Request, name: str) -> Resource:
    s3, properties = request.client("s3"), request.properties
    if versioning := properties.get("VersioningConfiguration"):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": versioning["Status"]})
    if encryption := properties.get("BucketEncryption"):
        rules = [
            {
                "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
                "BucketKeyEnabled": bool(rule.get("BucketKeyEnabled", False)),
            }
            for rule in encryption["ServerSideEncryptionConfiguration"]
        ]
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    if block := properties.get("PublicAccessBlockConfiguration"):
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict(block))
    if lifecycle := properties.get("LifecycleConfiguration"):
        rules = [_lifecycle_rule(number, rule) for number, rule in enumerate(lifecycle["Rules"])]
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    if tags := request.tag_list():
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    suffix = url_suffix(request.region)
    return Resource(
        ref=name,
        attributes={
            "Arn": f"arn:{partition_of(request.region)}:s3:::{name}",
            "DomainName": f"{name}.s3.{suffix}",
            "RegionalDomainName": f"{name}.s3.{request.region}.{suffix}",
            "WebsiteURL": f"http://{name}.s3-website-{request.region}.{suffix}",
        },
    )


def _lifecycle_rule(number: int, rule: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "ID": rule.get("Id", f"rule-{number}"),
        "Status": rule["Status"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
    }
    if "ExpirationInDays" in rule:
        made["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if rule.get("ExpiredObjectDeleteMarker"):
        made["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    if "AbortIncompleteMultipartUpload" in rule:
        days = int(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
        made["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    if "NoncurrentVersionExpiration" in rule:
        days = int(rule["NoncurrentVersionExpiration"]["NoncurrentDays"])
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    return made


def _bucket_policy(request: Request) -> Resource:
    bucket = request.properties["Bucket"]
    policy = json.dumps(request.properties["PolicyDocument"])
    request.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    return Resource(ref=bucket)


def _create_key(request: Request) -> Resource:
    kms = request.client("kms")
    # AWS sets such tags on all resources of a stack; here they identify the owner of a kept key.
    mine = {
        "aws:cloudformation:stack-name": request.stack_name,
        "aws:cloudformation:logical-id": request.logical_id,
    }
    kept = _key_with_tags(kms, mine) if request.adopts else None
    if kept is None:
        tags = [{"TagKey": k, "TagValue": v} for k, v in {**mine, **(request.tags() or {})}.items()]
        key = request.call("kms", "CreateKey", Policy=_key_policy(request), Tags=tags)["KeyMetadata"]
    else:
        key = kms.describe_key(KeyId=kept)["KeyMetadata"]
    if request.properties.get("EnableKeyRotation"):
        kms.enable_key_rotation(KeyId=key["KeyId"])
    return Resource(ref=key["KeyId"], attributes={"Arn": key["Arn"], "KeyId": key["KeyId"]})


def _key_with_tags(kms: Any, wanted: Mapping[str, str]) -> str | None:  # a KMS client
    for key in kms.list_keys()["Keys"]:
        tags = kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
        if wanted.items() <= {tag["TagKey"]: tag["TagValue"] for tag in tags}.items():
            found: str = key["KeyId"]
            return found
    return None


def _update_key(request: Request) -> Resource:
    assert request.before is not None  # noqa: S101  # an update has one
    request.client("kms").put_key_policy(
        KeyId=request.before.ref, PolicyName="default", Policy=_key_policy(request)
    )
    return request.before


def _key_policy(request: Request) -> str | None:
    policy = request.properties.get("KeyPolicy")
    return json.dumps(policy) if policy else None


def _delete_key(request: Request) -> None:
    if request.before:
        request.client("kms").schedule_key_deletion(KeyId=request.before.ref, PendingWindowInDays=7)


def _create_alias(request: Request) -> Resource:
    kms = request.client("kms")
    name, key = request.properties["AliasName"], request.properties["TargetKeyId"]
    try:
        kms.create_alias(AliasName=name, TargetKeyId=key)
    except kms.exceptions.AlreadyExistsException:
        kms.update_alias(AliasName=name, TargetKeyId=key)
    return Resource(ref=name)


def _put_parameter(request: Request) -> Resource:
    name = request.name("Name", 255)
    request.call("ssm", "PutParameter", Name=name, Overwrite=True, Tags=None)
    attributes = {"Type": request.properties["Type"], "Value": request.properties["Value"]}
    return Resource(ref=name, attributes=attributes)


def _create_file_system(request: Request) -> Resource:
    tags = request.properties.get("FileSystemTags")
    made = request.call("efs", "CreateFileSystem", CreationToken=request.name("CreationToken"), Tags=tags)
    return Resource(
        ref=made["FileSystemId"],
        attributes={"Arn": made["FileSystemArn"], "FileSystemId": made["FileSystemId"]},
    )


def _create_mount_target(request: Request) -> Resource:
    made = request.call("efs", "CreateMountTarget")
    attributes = {"Id": made["MountTargetId"], "IpAddress": made["IpAddress"]}
    return Resource(ref=made["MountTargetId"], attributes=attributes)


def _create_access_point(request: Request) -> Resource:
    tags = request.properties.get("AccessPointTags") or None
    made = request.call("efs", "CreateAccessPoint", ClientToken=request.name("ClientToken"), Tags=tags)
    attributes = {"Arn": made["AccessPointArn"], "AccessPointId": made["AccessPointId"]}
    return Resource(ref=made["AccessPointId"], attributes=attributes)


def _ref(request: Request) -> str:
    assert request.before is not None  # noqa: S101  # a deletion has one
    return request.before.ref


_TABLE = ResourceType(
    create=_create_table,
    update=_update_table,
    delete=lambda r: r.client("dynamodb").delete_table(TableName=_ref(r)),
    names=("TableName", "KeySchema"),
)

DATA = {
    "AWS::DynamoDB::Table": _TABLE,
    "AWS::DynamoDB::GlobalTable": _TABLE,
    "AWS::S3::Bucket": ResourceType(
        create=_create_bucket,
        update=_update_bucket,
        delete=lambda r: r.client("s3").delete_bucket(Bucket=_ref(r)),
        names=("BucketName",),
    ),
    "AWS::S3::BucketPolicy": ResourceType(
        create=_bucket_policy, delete=lambda r: r.client("s3").delete_bucket_policy(Bucket=_ref(r))
    ),
    "AWS::KMS::Key": ResourceType(create=_create_key, update=_update_key, delete=_delete_key),
    "AWS::KMS::Alias": ResourceType(
        create=_create_alias,
        delete=lambda r: r.client("kms").delete_alias(AliasName=_ref(r)),
        names=("AliasName",),
    ),
    "AWS::SSM::Parameter": ResourceType(
        create=_put_parameter,
        delete=lambda r: r.client("ssm").delete_parameter(Name=_ref(r)),
        names=("Name",),
    ),
    "AWS::EFS::FileSystem": ResourceType(
        create=_create_file_system,
        update=lambda r: r.before or _create_file_system(r),
        delete=lambda r: r.client("efs").delete_file_system(FileSystemId=_ref(r)),
    ),
    "AWS::EFS::MountTarget": ResourceType(
        create=_create_mount_target,
        delete=lambda r: r.client("efs").delete_mount_target(MountTargetId=_ref(r)),
        names=("SubnetId",),
    ),
    "AWS::EFS::AccessPoint": ResourceType(
        create=_create_access_point,
        delete=lambda r: r.client("efs").delete_access_point(AccessPointId=_ref(r)),
    ),
}
