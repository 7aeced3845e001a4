"""Records the IAM requests of whole sessions in the local cloud, with the deployed policies.

Runs successful sessions on Fargate and EC2, one whose backup fails and one whose index fails, a policy of
many file systems, the restores of recorded_restores.py, and a sweep that has leftovers to remove and a
stopped session's jobs to poll. Calls include implied requests: passing roles, setting tags, using keys.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from localcloud import Account, Fault, LocalCloud
from tests.infra.assemblies import assembly
from tests.infra.judge import Statement
from tests.infra.recorded_alarms import raise_alarm
from tests.infra.recorded_policies import resource_policies, trust_of
from tests.infra.recorded_prune import prune
from tests.infra.recorded_restores import (
    MANY,
    RESTORE_LEFT_BEHIND,
    check_restore_swept,
    leave_restore,
    restores,
)
from tests.infra.recorded_stacks import stack_resources
from tests.infra.recorded_tags import tags_of
from tests.infra.recorded_tests import check_restore_test, start_restore_test
from tidemark.policy.documents import documents, list_parameter
from tidemark.policy.policy import Policy, policy_parameter

CONFIGURATION = """\
region: eu-central-1
vaults: {{eu-central-1: tidemark, eu-west-1: copies}}
policies:
  nightly:
    file_systems: [{home}]
    keep: 5 days
    copies: [{{region: eu-west-1, keep: 5 days}}]
    restore_testing: {{schedule: {{cron: 0 4 1 1 ? 2099}}}}
    drill: {{schedule: {{cron: 0 2 1 1 ? 2099}}, files: 3}}
    damage: {{on_damage: hold}}
  instance:
    file_systems: [{team}]
    keep: 5 days
    worker: {{type: ec2}}
  unlucky:
    file_systems: [{lost}]
    schedule: {{cron: 0 2 1 1 ? 2099, time_zone: Europe/Berlin}}
    keep: 5 days
  blind:
    file_systems: [{dark}]
    keep: 5 days
"""
ENDS = {
    "nightly": "SUCCEEDED",
    "instance": "SUCCEEDED",
    "unlucky": "FAILED",
    "blind": "SUCCEEDED",
    "unknown": "FAILED",
}
INDEX_LEFT_BEHIND = {
    "tidemark:deployment": "tidemark",
    "tidemark:index": "fs-0123456789abcdef0-20261122T020000Z-abcdef",
}
LEFT_BEHIND = {"worker": INDEX_LEFT_BEHIND, "restore-worker": RESTORE_LEFT_BEHIND}  # by family
STOPPED = "nightly-stopped"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """One IAM request, and its principal."""

    role: str  # ARN
    action: str
    resource: str  # ARN; * if the call does not determine it
    context: dict[str, str]
    operation: str  # service and operation, by botocore's names

    def __str__(self) -> str:
        return f"{self.role.rpartition('/')[2]}: {self.action} on {self.resource} with {self.context}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recording:
    """The deployed policies and the recorded requests; stored as JSON, so that one process creates it for
    all."""

    account: str
    region: str
    statements: dict[str, list[Statement]]  # of each role, by its ARN
    trust: dict[str, Any]  # policy document of each role, by its ARN
    resource_policies: dict[str, Any]  # policy document, by the ARN of what it protects
    asked: list[Asked]
    services: dict[str, Any]  # settings of AWS's services: see `_services`

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Recording:
        value = json.loads(text)
        return cls(**{**value, "asked": [Asked(**one) for one in value["asked"]]})


def record(directory: Path) -> Recording:
    """Deploy to a new local cloud, run everything, and return the recording. Takes a minute."""
    names = ("home", "team", "lost", "dark")
    for name in names:
        for path in ("below/file", *MANY):
            file = directory / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("content")
    trees = {name: directory / name for name in names}
    with LocalCloud.start(
        file_systems=trees, time_scale=0.01, warm_functions=20, region="eu-central-1"
    ) as cloud:
        cloud.set_job_durations(backup=60, copy=60, restore=60)
        _deploy(cloud)
        _let_things_fail(cloud)
        with restores(cloud, directory / "home-of-commands") as restoring:
            assert _run_policies(cloud, restoring.start) == ENDS
            tested = start_restore_test(cloud)
            _resolve_many(cloud)
            _leave_something_behind(cloud)
            _leave_jobs_behind(cloud)
            leave_restore(cloud)
            raise_alarm(cloud)
            check_restore_test(cloud, tested)
        for _ in range(2):  # the mount target of the drill, then its file system
            cloud.client("lambda").invoke(FunctionName="tidemark-sweep", Payload=b"{}")
        _check_swept(cloud)
        prune(cloud, cloud.file_systems["team"].id)
        _report(cloud)
        statements = statements_of_roles(cloud)
        return Recording(
            account=cloud.account_id,
            region=cloud.region,
            statements=statements,
            trust=trust_of(cloud),
            resource_policies=resource_policies(cloud),
            asked=list(_asked(cloud, statements)),
            services=_services(cloud),
        )


def _deploy(cloud: LocalCloud) -> None:
    ids = {name: one.id for name, one in cloud.file_systems.items()}
    cloud.deploy(assembly(CONFIGURATION.format(**ids)))


def _let_things_fail(cloud: LocalCloud) -> None:
    lost, dark = cloud.file_systems["lost"].id, cloud.file_systems["dark"].id
    # Expired, so that the session looks up the blocking job.
    failing = {"action": "fail", "error_code": "EXPIRED"}
    cloud.faults.add(Fault(service="backup", operation="BackupJob", match=lost, **failing))
    unpullable = {"action": "fail", "error_code": "CannotPullContainerError"}
    cloud.faults.add(Fault(service="ecs", operation="ContainerStart", match=dark, **unpullable))


def _run_policies(cloud: LocalCloud, on_end: Callable[[str], None]) -> dict[str, str]:
    """Run all policies concurrently and call `on_end` with each that has ended; return the final statuses of
    their executions."""
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
            if status != "RUNNING" and policy not in ended:
                ended[policy] = status
                on_end(policy)
    return ended


def _resolve_many(cloud: LocalCloud) -> None:
    """Resolve the sessions of a policy that is longer than a parameter, without running them."""
    many = tuple(f"fs-{number:017x}" for number in range(500))
    policy = Policy(name="many", region=cloud.region, file_systems=many, vault="tidemark", keep_days=5)
    stored, ssm = documents(policy), cloud.client("ssm")
    texts = {list_parameter("tidemark", policy.name, name): text for name, text in stored.lists.items()}
    for name, text in {**texts, policy_parameter("tidemark", policy.name): stored.own}.items():
        ssm.put_parameter(Name=name, Value=text, Type="String", Tier="Intelligent-Tiering")
    event = {"policy": policy.name, "scheduled_time": None, "started_at": "2026-11-22T02:00:00+00:00"}
    answer = cloud.client("lambda").invoke(
        FunctionName="tidemark-resolve-policy", Payload=json.dumps(event).encode()
    )
    sessions = json.load(answer["Payload"])["sessions"]
    assert tuple(session["file_system"] for session in sessions) == many


def _report(cloud: LocalCloud) -> None:
    answer = cloud.client("lambda").invoke(
        FunctionName="tidemark-report-protection", Payload=json.dumps({"report": True}).encode()
    )
    # One policy with a schedule has no recovery point.
    unlucky = cloud.file_systems["lost"].id
    assert json.load(answer["Payload"]) == {"file_systems": 504, "unprotected": [unlucky]}


def _leave_something_behind(cloud: LocalCloud) -> None:
    """Leave an instance and a task definition of an index and of a restore that are not in progress, like an
    aborted execution."""
    for family, left in LEFT_BEHIND.items():
        tags = [{"Key": key, "Value": value} for key, value in left.items()]
        cloud.client("ec2").run_instances(
            ImageId="ami-12345678",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )
        cloud.client("ecs").register_task_definition(
            family=f"tidemark-{family}-fs-0123456789abcdef0",
            containerDefinitions=[{"name": "worker", "image": "none", "memory": 128}],
            tags=[{"key": key, "value": value} for key, value in left.items()],
        )


def _leave_jobs_behind(cloud: LocalCloud) -> None:
    """Leave a session that was stopped while its jobs ran: their points are not recorded."""
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
    """Check that no leftover remains. The schedule may have swept before."""
    check_restore_swept(cloud)
    found = cloud.client("dynamodb").get_item(
        TableName="tidemark-sessions", Key={"session_id": {"S": STOPPED}}, ConsistentRead=True
    )["Item"]
    assert found["status"]["S"] == "aborted"
    assert {point["M"]["kind"]["S"] for point in found["points"]["M"].values()} == {"backup", "copy"}
    reservations = cloud.client("ec2").describe_instances()["Reservations"]
    states = {instance["State"]["Name"] for one in reservations for instance in one["Instances"]}
    assert states <= {"shutting-down", "terminated"}
    assert cloud.client("ecs").list_task_definitions(status="ACTIVE")["taskDefinitionArns"] == []


def statements_of_roles(cloud: LocalCloud | Account) -> dict[str, list[Statement]]:
    """Return the statements of each deployed role, from IAM."""
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
    """Return the IAM requests of these roles' calls."""
    keys, tags = _keys(cloud), tags_of(cloud)
    for call in cloud.calls():
        if call["principal"] not in roles:
            continue
        role, action, resource = call["principal"], call["action"], call["resource"]
        context = {**call["context"], **tags.get(resource, {})}
        operation = f"{call['service']} {call['operation']}"
        one = Asked(role=role, action=action, resource=resource, context=context, operation=operation)
        yield one
        key = next((key for whose, key in keys.items() if resource.startswith(whose)), None)
        if key is not None:
            yield from _use_of(key, one)


def _use_of(key: str, call: Asked) -> Iterator[Asked]:
    """Return the use of a key that a call implies, on behalf of the caller.

    Source: Amazon S3 API Reference, CreateMultipartUpload, UploadPart; Amazon SNS Developer Guide, "Key
    management"; Amazon DynamoDB Developer Guide, "Monitoring DynamoDB interaction with AWS KMS".
    """
    both = ("kms:GenerateDataKey", "kms:Decrypt")
    needed = {
        "s3 GetObject": ("kms:Decrypt",),
        "s3 PutObject": ("kms:GenerateDataKey",),
        "s3 CreateMultipartUpload": both,
        "s3 UploadPart": both,
        "s3 CompleteMultipartUpload": both,
        "sns Publish": both,
        "sqs SendMessage": both,
    }
    service = call.operation.split()[0]
    for use in ("kms:Decrypt",) if service == "dynamodb" else needed.get(call.operation, ()):
        context = {"kms:ViaService": f"{service}.eu-central-1.amazonaws.com"}
        yield dataclasses.replace(call, action=use, resource=key, context=context)


def _keys(cloud: LocalCloud) -> dict[str, str]:
    """Return the key of each encrypted resource, by the prefix of the ARNs that it encrypts."""
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


def _services(cloud: LocalCloud) -> dict[str, Any]:
    """Return the deployed resources that AWS's services act on, as described by their APIs."""
    scheduler, states, ecs = (cloud.client(service) for service in ("scheduler", "stepfunctions", "ecs"))
    sqs, events = cloud.client("sqs"), cloud.client("events")
    schedules = [
        scheduler.get_schedule(Name=one["Name"], GroupName=one["GroupName"])
        for one in scheduler.list_schedules()["Schedules"]
    ]
    machines = [
        states.describe_state_machine(stateMachineArn=one["stateMachineArn"])
        for one in states.list_state_machines()["stateMachines"]
    ]
    functions = [
        function
        for page in cloud.client("lambda").get_paginator("list_functions").paginate()
        for function in page["Functions"]
    ]
    definitions = [
        ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        for arn in ecs.list_task_definitions(status="INACTIVE")["taskDefinitionArns"]
    ]
    queues = {}
    for url in sqs.list_queues()["QueueUrls"]:
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        queues[attributes["QueueArn"]] = attributes["KmsMasterKeyId"]
    topics = {arn: key for arn, key in _keys(cloud).items() if arn.split(":")[2] == "sns"}
    targets = [
        target
        for rule in events.list_rules()["Rules"]
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        if "RoleArn" in target
    ]
    found = {
        "stack_resources": stack_resources(cloud),
        "schedules": schedules,
        "targets": targets,
        "machines": machines,
        "functions": functions,
        "definitions": [one for one in definitions if one.get("executionRoleArn")],
        "queues": queues,
        "topics": topics,
    }
    plain: dict[str, Any] = json.loads(json.dumps(found, default=str))
    return plain
