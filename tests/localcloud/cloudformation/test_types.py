"""One stack with a resource of every type that the table knows."""

from __future__ import annotations

import json
import time
from typing import Any

from localcloud import LocalCloud
from localcloud.cloudformation.types import RESOURCE_TYPES, STORED_TYPES

TRUST = {"Version": "2012-10-17", "Statement": []}
RIGHTS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}
MACHINE = {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
ANYONE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def arn(name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, "Arn"]}


TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "by", "AttributeType": "S"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-by",
            "KeySchema": [{"AttributeName": "by", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "TimeToLiveSpecification": {"AttributeName": "until", "Enabled": True},
}
RESOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "Table": (
        "AWS::DynamoDB::Table",
        {**TABLE, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}},
    ),
    "GlobalTable": (
        "AWS::DynamoDB::GlobalTable",
        {**TABLE, "Replicas": [{"Region": ref("AWS::Region")}]},
    ),
    "Key": ("AWS::KMS::Key", {"KeyPolicy": ANYONE, "EnableKeyRotation": True}),
    "Alias": ("AWS::KMS::Alias", {"AliasName": "alias/all-types", "TargetKeyId": ref("Key")}),
    "Bucket": (
        "AWS::S3::Bucket",
        {
            "VersioningConfiguration": {"Status": "Enabled"},
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {
                        "BucketKeyEnabled": True,
                        "ServerSideEncryptionByDefault": {
                            "SSEAlgorithm": "aws:kms",
                            "KMSMasterKeyID": arn("Key"),
                        },
                    }
                ]
            },
            "LifecycleConfiguration": {
                "Rules": [{"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]
            },
            "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
        },
    ),
    "BucketPolicy": ("AWS::S3::BucketPolicy", {"Bucket": ref("Bucket"), "PolicyDocument": ANYONE}),
    "Parameter": ("AWS::SSM::Parameter", {"Type": "String", "Value": "v", "Name": "/all/types"}),
    "FileSystem": ("AWS::EFS::FileSystem", {"Encrypted": True}),
    "Vpc": ("AWS::EC2::VPC", {"CidrBlock": "10.7.0.0/16"}),
    "Subnet": ("AWS::EC2::Subnet", {"VpcId": ref("Vpc"), "CidrBlock": "10.7.1.0/24"}),
    "MountTarget": (
        "AWS::EFS::MountTarget",
        {"FileSystemId": ref("FileSystem"), "SubnetId": ref("Subnet"), "SecurityGroups": [ref("Group")]},
    ),
    "AccessPoint": (
        "AWS::EFS::AccessPoint",
        {"FileSystemId": ref("FileSystem"), "AccessPointTags": [{"Key": "Name", "Value": "team"}]},
    ),
    "Group": (
        "AWS::EC2::SecurityGroup",
        {
            "GroupDescription": "workers",
            "VpcId": ref("Vpc"),
            "SecurityGroupEgress": [
                {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}
            ],
        },
    ),
    "In": (
        "AWS::EC2::SecurityGroupIngress",
        {
            "GroupId": ref("Group"),
            "IpProtocol": "tcp",
            "FromPort": 2049,
            "ToPort": 2049,
            "CidrIp": "10.7.0.0/16",
        },
    ),
    "Out": (
        "AWS::EC2::SecurityGroupEgress",
        {
            "GroupId": ref("Group"),
            "IpProtocol": "tcp",
            "FromPort": 2049,
            "ToPort": 2049,
            "DestinationSecurityGroupId": ref("Group"),
        },
    ),
    "Template": (
        "AWS::EC2::LaunchTemplate",
        {"LaunchTemplateData": {"InstanceType": "t4g.small", "MetadataOptions": {"HttpTokens": "required"}}},
    ),
    "Role": (
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": TRUST,
            "Policies": [{"PolicyName": "own", "PolicyDocument": RIGHTS}],
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
        },
    ),
    "Policy": (
        "AWS::IAM::Policy",
        {"PolicyName": "more", "PolicyDocument": RIGHTS, "Roles": [ref("Role")]},
    ),
    "ManagedPolicy": (
        "AWS::IAM::ManagedPolicy",
        {"PolicyDocument": RIGHTS, "Roles": [ref("Role")]},
    ),
    "Profile": ("AWS::IAM::InstanceProfile", {"Roles": [ref("Role")]}),
    "Function": (
        "AWS::Lambda::Function",
        {
            "Code": {"ZipFile": "def handler(event, context):\n    return 1\n"},
            "Handler": "index.handler",
            "Runtime": "python3.13",
            "Role": arn("Role"),
            "MemorySize": "256",
            "Architectures": ["arm64"],
            "TracingConfig": {"Mode": "Active"},
        },
    ),
    "Version": ("AWS::Lambda::Version", {"FunctionName": ref("Function")}),
    "Permission": (
        "AWS::Lambda::Permission",
        {
            "FunctionName": ref("Function"),
            "Action": "lambda:InvokeFunction",
            "Principal": "scheduler.amazonaws.com",
        },
    ),
    "Invoke": (
        "AWS::Lambda::EventInvokeConfig",
        {"FunctionName": ref("Function"), "Qualifier": "$LATEST", "MaximumRetryAttempts": 0},
    ),
    "Machine": (
        "AWS::StepFunctions::StateMachine",
        {
            "RoleArn": arn("Role"),
            "DefinitionString": json.dumps(MACHINE),
            "TracingConfiguration": {"Enabled": True},
        },
    ),
    "Cluster": (
        "AWS::ECS::Cluster",
        {"ClusterSettings": [{"Name": "containerInsights", "Value": "enabled"}]},
    ),
    "Task": (
        "AWS::ECS::TaskDefinition",
        {
            "Cpu": "256",
            "Memory": "512",
            "NetworkMode": "awsvpc",
            "RequiresCompatibilities": ["FARGATE"],
            "ContainerDefinitions": [{"Name": "worker", "Image": "x", "Essential": True}],
        },
    ),
    "Topic": (
        "AWS::SNS::Topic",
        {"KmsMasterKeyId": arn("Key"), "Subscription": [{"Protocol": "sqs", "Endpoint": arn("Queue")}]},
    ),
    "TopicPolicy": ("AWS::SNS::TopicPolicy", {"PolicyDocument": ANYONE, "Topics": [ref("Topic")]}),
    "Subscription": (
        "AWS::SNS::Subscription",
        {"TopicArn": ref("Topic"), "Protocol": "email", "Endpoint": "a@example.com"},
    ),
    "Queue": ("AWS::SQS::Queue", {"MessageRetentionPeriod": 1209600, "SqsManagedSseEnabled": True}),
    "QueuePolicy": ("AWS::SQS::QueuePolicy", {"PolicyDocument": ANYONE, "Queues": [ref("Queue")]}),
    "Rule": (
        "AWS::Events::Rule",
        {
            "EventPattern": {"source": ["aws.backup"]},
            "Targets": [{"Id": "queue", "Arn": arn("Queue")}],
        },
    ),
    "BusPolicy": (
        "AWS::Events::EventBusPolicy",
        {
            "StatementId": "all-types",
            "Statement": {
                "Effect": "Allow",
                "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
                "Action": "events:PutEvents",
                "Resource": {"Fn::Sub": "arn:aws:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"},
            },
        },
    ),
    "ScheduleGroup": ("AWS::Scheduler::ScheduleGroup", {"Name": "all-types"}),
    "Schedule": (
        "AWS::Scheduler::Schedule",
        {
            "GroupName": ref("ScheduleGroup"),
            "ScheduleExpression": "cron(0 2 * * ? 2199)",
            "ScheduleExpressionTimezone": "Europe/Berlin",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": ref("Machine"),
                "RoleArn": arn("Role"),
                "DeadLetterConfig": {"Arn": arn("Queue")},
                "RetryPolicy": {"MaximumRetryAttempts": "3"},
            },
        },
    ),
    "Logs": ("AWS::Logs::LogGroup", {"RetentionInDays": 30}),
    "Alarm": (
        "AWS::CloudWatch::Alarm",
        {
            "Namespace": "X",
            "MetricName": "Y",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
            "AlarmActions": [ref("Topic")],
        },
    ),
    "Composite": (
        "AWS::CloudWatch::CompositeAlarm",
        {"AlarmRule": {"Fn::Sub": 'ALARM("${Alarm}")'}},
    ),
    "Dashboard": ("AWS::CloudWatch::Dashboard", {"DashboardBody": '{"widgets": []}'}),
    "Vault": (
        "AWS::Backup::BackupVault",
        {"BackupVaultName": "all-types", "EncryptionKeyArn": arn("Key")},
    ),
    "AirGappedVault": (
        "AWS::Backup::LogicallyAirGappedBackupVault",
        {"BackupVaultName": "all-types-kept", "MinRetentionDays": 7, "MaxRetentionDays": 30},
    ),
    "RestoreTestingPlan": (
        "AWS::Backup::RestoreTestingPlan",
        {
            "RestoreTestingPlanName": "all_types",
            "ScheduleExpression": "cron(0 5 1 1 ? *)",
            "RecoveryPointSelection": {
                "Algorithm": "LATEST_WITHIN_WINDOW",
                "IncludeVaults": ["*"],
                "RecoveryPointTypes": ["SNAPSHOT"],
            },
        },
    ),
    "RestoreTestingSelection": (
        "AWS::Backup::RestoreTestingSelection",
        {
            "RestoreTestingPlanName": {"Ref": "RestoreTestingPlan"},
            "RestoreTestingSelectionName": "all_types",
            "ProtectedResourceType": "EFS",
            "ProtectedResourceArns": ["*"],
            "IamRoleArn": arn("Role"),
        },
    ),
    "XRay": ("AWS::XRay::Group", {"GroupName": "x"}),
}


def test_every_type_of_the_table_is_tried_here() -> None:
    tried = {kind for kind, _ in RESOURCES.values()}
    assert set(RESOURCE_TYPES) == tried - STORED_TYPES


def test_a_resource_of_every_type_is_created_and_deleted(cloud: LocalCloud) -> None:
    template = {
        "Resources": {
            name: {"Type": kind, "Properties": properties} for name, (kind, properties) in RESOURCES.items()
        },
        "Outputs": {name: {"Value": ref(name)} for name in RESOURCES},
    }
    stacks = cloud.client("cloudformation")
    stacks.create_stack(StackName="all-types", TemplateBody=json.dumps(template))
    failures = _ended(stacks)
    assert not failures
    assert stacks.describe_stacks(StackName="all-types")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    outputs = stacks.describe_stacks(StackName="all-types")["Stacks"][0]["Outputs"]
    assert all(output["OutputValue"] for output in outputs)
    refs = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    points = cloud.client("efs").describe_access_points(AccessPointId=refs["AccessPoint"])["AccessPoints"]
    assert [point["Name"] for point in points] == ["team"]
    stacks.delete_stack(StackName="all-types")
    stacks.get_waiter("stack_delete_complete").wait(StackName="all-types", WaiterConfig={"Delay": 0.1})
    assert "all-types" not in [
        vault["BackupVaultName"] for vault in cloud.client("backup").list_backup_vaults()["BackupVaultList"]
    ]


def _ended(stacks: Any) -> list[str]:
    while "IN_PROGRESS" in stacks.describe_stacks(StackName="all-types")["Stacks"][0]["StackStatus"]:
        time.sleep(0.1)
    events = stacks.describe_stack_events(StackName="all-types")["StackEvents"]
    return [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in events
        if event["ResourceStatus"].endswith("_FAILED")
    ]
