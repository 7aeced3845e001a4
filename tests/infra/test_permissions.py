"""Whole sessions, judged by the policies that were deployed: every call was allowed to whoever made it.

The local cloud enforces no policy, so that a missing grant would show in a real account only. Judged are
sessions that go well, on Fargate and on EC2, one whose backup fails and one whose index does, and a sweep
that has something to remove and a stopped session's jobs to ask about; with each call, what it implies:
passing roles, setting tags, using keys.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import Fault, LocalCloud
from tests.infra.judge import Statement, allows

SOURCES = Path(__file__).parents[2]
CONFIGURATION = """\
region: eu-central-1
vaults: {{eu-central-1: tidemark, eu-west-1: copies}}
policies:
  nightly:
    file_systems: [{home}]
    keep: 5 days
    copies: [{{region: eu-west-1, keep: 5 days}}]
  instance:
    file_systems: [{team}]
    keep: 5 days
    worker: {{type: ec2}}
  unlucky:
    file_systems: [{lost}]
    keep: 5 days
  blind:
    file_systems: [{dark}]
    keep: 5 days
"""
ENDS = {"nightly": "SUCCEEDED", "instance": "SUCCEEDED", "unlucky": "FAILED", "blind": "SUCCEEDED"}
# Lambda's runtime would make the log group if the stack had not: refused, and of no consequence.
OF_NO_CONSEQUENCE = {"logs:CreateLogGroup"}
LEFT_BEHIND = {
    "tidemark:deployment": "tidemark",
    "tidemark:index": "fs-0123456789abcdef0-20261122T020000Z-abcdef",
}


STOPPED = "nightly-stopped"


@dataclasses.dataclass(frozen=True)
class Asked:
    """One question to IAM, and about whom."""

    role: str
    action: str
    resource: str
    context: dict[str, str]

    def __str__(self) -> str:
        return f"{self.role.rpartition('/')[2]}: {self.action} on {self.resource} with {self.context}"


@pytest.mark.cloud
def test_every_call_of_a_session_was_granted(tmp_path: Path) -> None:
    names = ("home", "team", "lost", "dark")
    for name in names:
        (tmp_path / name / "below").mkdir(parents=True)
        (tmp_path / name / "below" / "file").write_text("content")
    trees = {name: tmp_path / name for name in names}
    with LocalCloud.start(file_systems=trees, time_scale=0.01, region="eu-central-1") as cloud:
        _deploy(cloud, tmp_path)
        _let_things_fail(cloud)
        assert _run_policies(cloud) == ENDS
        _leave_something_behind(cloud)
        _leave_jobs_behind(cloud)
        cloud.client("lambda").invoke(FunctionName="tidemark-sweep", Payload=b"{}")
        _check_swept(cloud)
        policies = _statements(cloud)
        asked = list(_asked(cloud, policies))
    refused = [
        str(one)
        for one in asked
        if one.action not in OF_NO_CONSEQUENCE
        and not allows(policies[one.role], one.action, one.resource, one.context)
    ]
    assert sorted(set(refused)) == []
    actions = {one.action for one in asked}
    wanted = {"iam:PassRole", "ec2:RunInstances", "ec2:CreateTags", "ec2:TerminateInstances", "kms:Decrypt"}
    assert wanted <= actions, "what is judged above has happened"
    swept = {one.action for one in asked if "SweepRole" in one.role}
    assert {"backup:DescribeBackupJob", "backup:DescribeCopyJob"} <= swept
    answered = {one.action for one in asked if "WorkerStoppedRole" in one.role}
    assert {"states:SendTaskFailure", "dynamodb:GetItem", "ec2:DescribeInstances"} <= answered
    idle = {role for role in policies if "-Functions" in role} - {one.role for one in asked}
    assert idle == set(), "every function has called something"
    for role in ("WorkersTaskRole", "WorkersInstanceRole"):
        did = {one.action for one in asked if role in one.role}
        assert {"s3:PutObject", "states:SendTaskSuccess", "kms:GenerateDataKey"} <= did, "the index is whole"


GRANTED = [
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::b/tag-keys/*"]},
    {
        "Effect": "Allow",
        "Action": ["ec2:TerminateInstances"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/a": "1"}, "Null": {"aws:ResourceTag/b": "false"}},
    },
    {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": "*",
        "Condition": {"StringLike": {"s3:prefix": "tag-keys/*"}},
    },
]


@pytest.mark.parametrize(
    ("action", "resource", "context", "granted"),
    [
        ("s3:GetObject", "arn:aws:s3:::b/tag-keys/1.json", {}, True),
        ("s3:GetObject", "*", {}, True),  # the record could not tell the resource
        ("s3:GetObject", "arn:aws:s3:::b/indexes/1", {}, False),
        ("s3:PutObject", "arn:aws:s3:::b/tag-keys/1.json", {}, False),
        ("ec2:TerminateInstances", "i", {"aws:ResourceTag/a": "1", "aws:ResourceTag/b": "x"}, True),
        ("ec2:TerminateInstances", "i", {"aws:ResourceTag/a": "2", "aws:ResourceTag/b": "x"}, False),
        ("ec2:TerminateInstances", "i", {"aws:ResourceTag/a": "1"}, False),
        ("ec2:TerminateInstances", "i", {}, False),
        ("s3:ListBucket", "b", {"s3:prefix": "tag-keys/1"}, True),
        ("s3:ListBucket", "b", {"s3:prefix": ""}, False),
        ("s3:ListBucket", "b", {}, False),
    ],
)
def test_the_judge_refuses_what_is_not_granted(
    action: str, resource: str, context: dict[str, str], granted: bool
) -> None:
    assert allows(GRANTED, action, resource, context) == granted


def _deploy(cloud: LocalCloud, folder: Path) -> None:
    configuration = folder / "tidemark.yaml"
    ids = {name: one.id for name, one in cloud.file_systems.items()}
    configuration.write_text(CONFIGURATION.format(**ids))
    command = [sys.executable, "app.py", "--config", str(configuration), "--output", str(folder / "cdk.out")]
    subprocess.run(command, cwd=SOURCES, check=True)
    cloud.deploy(folder / "cdk.out")


def _let_things_fail(cloud: LocalCloud) -> None:
    lost, dark = cloud.file_systems["lost"].id, cloud.file_systems["dark"].id
    failing = {"action": "fail", "error_code": "FAILED"}
    cloud.faults.add(Fault(service="backup", operation="BackupJob", match=lost, **failing))
    unpullable = {"action": "fail", "error_code": "CannotPullContainerError"}
    cloud.faults.add(Fault(service="ecs", operation="ContainerStart", match=dark, **unpullable))


def _run_policies(cloud: LocalCloud) -> dict[str, str]:
    """Run all policies at once; return how their executions ended."""
    states = cloud.client("stepfunctions")
    machine = next(
        found["stateMachineArn"]
        for found in states.list_state_machines()["stateMachines"]
        if found["name"] == "tidemark-policy-run"
    )
    started = {
        policy: states.start_execution(stateMachineArn=machine, input=json.dumps({"policy": policy}))
        for policy in ENDS
    }
    deadline, ended = time.monotonic() + 240, dict[str, str]()
    while len(ended) < len(started):
        assert time.monotonic() < deadline, f"of all policies only {ended} have ended"
        time.sleep(0.5)
        for policy, execution in started.items():
            status = states.describe_execution(executionArn=execution["executionArn"])["status"]
            if status != "RUNNING":
                ended[policy] = status
    return ended


def _leave_something_behind(cloud: LocalCloud) -> None:
    """As an aborted execution does: an instance and a task definition of an index that nobody makes."""
    tags = [{"Key": key, "Value": value} for key, value in LEFT_BEHIND.items()]
    cloud.client("ec2").run_instances(
        ImageId="ami-12345678",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )
    cloud.client("ecs").register_task_definition(
        family="tidemark-worker-fs-0123456789abcdef0",
        containerDefinitions=[{"name": "worker", "image": "none", "memory": 128}],
        tags=[{"key": key, "value": value} for key, value in LEFT_BEHIND.items()],
    )


def _leave_jobs_behind(cloud: LocalCloud) -> None:
    """As a session does that is stopped while its jobs run: their points are not on it."""
    dynamodb = cloud.client("dynamodb")
    items = dynamodb.scan(TableName="tidemark-sessions")["Items"]
    (left,) = (item for item in items if item["policy"]["S"] == "nightly")
    jobs = [value["M"] for name, value in left.items() if name.startswith("job#")]
    assert {job["kind"]["S"] for job in jobs} == {"backup", "copy"}
    for job in jobs:
        job["state"] = {"S": "RUNNING"}
    long_ago = {"S": "2026-01-01T00:00:00+00:00"}
    texts = {"session_id": STOPPED, "execution_arn": left["execution_arn"]["S"] + "-stopped"}
    stopped = {name: {"S": text} for name, text in {**texts, "status": "running", "running": "yes"}.items()}
    item: Any = {**left, **stopped, "opened_at": long_ago, "points": {"M": {}}}
    dynamodb.put_item(TableName="tidemark-sessions", Item=item)


def _check_swept(cloud: LocalCloud) -> None:
    """Return if nothing of it is left. The schedule may have swept before."""
    found = cloud.client("dynamodb").get_item(
        TableName="tidemark-sessions", Key={"session_id": {"S": STOPPED}}, ConsistentRead=True
    )["Item"]
    assert found["status"]["S"] == "aborted"
    assert {point["M"]["kind"]["S"] for point in found["points"]["M"].values()} == {"backup", "copy"}
    reservations = cloud.client("ec2").describe_instances()["Reservations"]
    states = {instance["State"]["Name"] for one in reservations for instance in one["Instances"]}
    assert states <= {"shutting-down", "terminated"}
    assert cloud.client("ecs").list_task_definitions(status="ACTIVE")["taskDefinitionArns"] == []


def _statements(cloud: LocalCloud) -> dict[str, list[Statement]]:
    """Return what each deployed role may do, as IAM holds it."""
    iam = cloud.client("iam")
    found: dict[str, list[Statement]] = {}
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            names = iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
            documents = [
                iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
                for name in names
            ]
            found[role["Arn"]] = [
                statement
                for document in documents
                for statement in (json.loads(document) if isinstance(document, str) else document)[
                    "Statement"
                ]
            ]
    return found


def _asked(cloud: LocalCloud, roles: dict[str, list[Statement]]) -> Iterator[Asked]:
    """Return what IAM would be asked about the calls of these roles."""
    keys, instances = _keys(cloud), _instance_tags(cloud)
    for call in cloud.calls():
        if call["principal"] not in roles:
            continue
        role, action, resource = call["principal"], call["action"], call["resource"]
        context = {**call["context"], **instances.get(resource, {})}
        yield Asked(role, action, resource, context)
        key = next((key for whose, key in keys.items() if resource.startswith(whose)), None)
        if key is not None:
            yield from _use_of(key, role, action)


def _use_of(key: str, role: str, action: str) -> Iterator[Asked]:
    """Return the use of a key that a call of its service implies, in the caller's name."""
    service, _, operation = action.partition(":")
    needed = {
        "s3:GetObject": ("kms:Decrypt",),
        "s3:PutObject": ("kms:GenerateDataKey",),
        "sns:Publish": ("kms:GenerateDataKey", "kms:Decrypt"),
        "sqs:SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"),
    }
    for use in ("kms:Decrypt",) if service == "dynamodb" else needed.get(f"{service}:{operation}", ()):
        yield Asked(role, use, key, {"kms:ViaService": f"{service}.eu-central-1.amazonaws.com"})


def _keys(cloud: LocalCloud) -> dict[str, str]:
    """Return the key of each encrypted resource, by the beginning of the ARNs that it encrypts."""
    s3, dynamodb, sns = (cloud.client(service) for service in ("s3", "dynamodb", "sns"))
    found: dict[str, str] = {}
    for table in dynamodb.list_tables()["TableNames"]:
        described: Any = dynamodb.describe_table(TableName=table)["Table"]
        found[described["TableArn"]] = described["SSEDescription"]["KMSMasterKeyArn"]
    (bucket,) = (one["Name"] for one in s3.list_buckets()["Buckets"] if one["Name"].startswith("tidemark-"))
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    found[f"arn:aws:s3:::{bucket}/"] = rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    for topic in sns.list_topics()["Topics"]:
        attributes = sns.get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]
        found[topic["TopicArn"]] = attributes["KmsMasterKeyId"]
    return found


def _instance_tags(cloud: LocalCloud) -> dict[str, dict[str, str]]:
    """Return what conditions see of each instance, by its ARN; those that have ended included."""
    reservations = cloud.client("ec2").describe_instances()["Reservations"]
    return {
        f"arn:aws:ec2:{cloud.region}:{cloud.account_id}:instance/{instance['InstanceId']}": {
            f"aws:ResourceTag/{tag['Key']}": tag["Value"] for tag in instance.get("Tags", [])
        }
        for reservation in reservations
        for instance in reservation["Instances"]
    }
