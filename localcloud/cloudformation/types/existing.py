"""Checks whether a resource with a fixed name exists: AWS then refuses to create it in a stack.

Source: AWS CloudFormation, resource provider contract, "Create handlers": a create handler fails with
AlreadyExists for a resource that exists, although many of AWS's own create operations return the old one.
"""

from __future__ import annotations

from collections.abc import Callable

from botocore.exceptions import ClientError

from localcloud.cloudformation.resources import Request

GONE = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist")
Look = Callable[[Request, str], object]  # falsy, or an error in GONE, if the resource does not exist


def exists(kind: str, request: Request) -> str | None:
    """Return the fixed name of the requested resource if it exists already, else None."""
    if kind not in _NAMED:
        return None
    prop, look = _NAMED[kind]
    if prop not in request.properties:
        return None
    name = str(request.properties[prop])
    try:
        return name if look(request, name) else None
    except ClientError as error:
        if is_gone(error):
            return None
        raise


def is_gone(error: ClientError) -> bool:
    """Return whether the error means that the named resource does not exist."""
    code = error.response["Error"]["Code"]
    return any(word in code for word in GONE)


def _vault(request: Request, name: str) -> bool:
    # DescribeBackupVault answers AccessDenied for a vault that does not exist.
    pages = request.client("backup").get_paginator("list_backup_vaults").paginate()
    return any(vault["BackupVaultName"] == name for page in pages for vault in page["BackupVaultList"])


def _log_group(request: Request, name: str) -> bool:
    groups = request.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return any(group["logGroupName"] == name for group in groups)


def _cluster(request: Request, name: str) -> bool:
    clusters = request.client("ecs").describe_clusters(clusters=[name])["clusters"]
    return any(cluster["status"] == "ACTIVE" for cluster in clusters)


def _schedule(request: Request, name: str) -> object:
    group = request.properties.get("GroupName", "default")
    return request.client("scheduler").get_schedule(Name=name, GroupName=group)


def _rule(request: Request, name: str) -> object:
    bus = request.properties.get("EventBusName", "default")
    return request.client("events").describe_rule(Name=name, EventBusName=bus)


def _table(request: Request, name: str) -> object:
    return request.client("dynamodb").describe_table(TableName=name)


_NAMED: dict[str, tuple[str, Look]] = {
    "AWS::Backup::BackupVault": ("BackupVaultName", _vault),
    "AWS::Backup::LogicallyAirGappedBackupVault": ("BackupVaultName", _vault),
    "AWS::CloudWatch::Alarm": (
        "AlarmName",
        lambda r, n: r.client("cloudwatch").describe_alarms(AlarmNames=[n])["MetricAlarms"],
    ),
    "AWS::CloudWatch::Dashboard": (
        "DashboardName",
        lambda r, n: r.client("cloudwatch").get_dashboard(DashboardName=n),
    ),
    "AWS::DynamoDB::GlobalTable": ("TableName", _table),
    "AWS::DynamoDB::Table": ("TableName", _table),
    "AWS::ECS::Cluster": ("ClusterName", _cluster),
    "AWS::Events::Rule": ("Name", _rule),
    "AWS::IAM::InstanceProfile": (
        "InstanceProfileName",
        lambda r, n: r.client("iam").get_instance_profile(InstanceProfileName=n),
    ),
    "AWS::IAM::ManagedPolicy": (
        "ManagedPolicyName",
        lambda r, n: r.client("iam").get_policy(PolicyArn=r.global_arn("iam", f"policy/{n}")),
    ),
    "AWS::IAM::Role": ("RoleName", lambda r, n: r.client("iam").get_role(RoleName=n)),
    "AWS::KMS::Alias": ("AliasName", lambda r, n: r.client("kms").describe_key(KeyId=n)),
    "AWS::Lambda::Function": (
        "FunctionName",
        lambda r, n: r.client("lambda").get_function_configuration(FunctionName=n),
    ),
    "AWS::Logs::LogGroup": ("LogGroupName", _log_group),
    "AWS::S3::Bucket": ("BucketName", lambda r, n: r.client("s3").get_bucket_location(Bucket=n)),
    "AWS::SNS::Topic": (
        "TopicName",
        lambda r, n: r.client("sns").get_topic_attributes(TopicArn=r.arn("sns", n)),
    ),
    "AWS::SQS::Queue": ("QueueName", lambda r, n: r.client("sqs").get_queue_url(QueueName=n)),
    "AWS::SSM::Parameter": ("Name", lambda r, n: r.client("ssm").get_parameter(Name=n)),
    "AWS::Scheduler::Schedule": ("Name", _schedule),
    "AWS::Scheduler::ScheduleGroup": (
        "Name",
        lambda r, n: r.client("scheduler").get_schedule_group(Name=n),
    ),
    "AWS::StepFunctions::StateMachine": (
        "StateMachineName",
        lambda r, n: r.client("stepfunctions").describe_state_machine(
            stateMachineArn=r.arn("states", f"stateMachine:{n}")
        ),
    ),
}
