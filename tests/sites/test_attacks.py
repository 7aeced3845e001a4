"""Attacks by an account that has all rights in itself. Each is denied by one policy.

Each test also removes the policy, or the part of it that denies, and sees the attack succeed: it would not
notice a policy that denies nothing otherwise.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud import Fault
from tests.e2e.conftest import SECONDS, Deployed, until
from tests.sites.conftest import EXTERNAL_IDS, PRODUCTION, RESEARCH
from tidemark.answers.connection import connect
from tidemark.tags import open_tags

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
VICTIM = f"indexes/{RESEARCH}/eu-west-1/fs-0123456789abcdef0/fs-0123456789abcdef0-20261122T020000Z-abcdef/"
OWN = VICTIM.replace(RESEARCH, PRODUCTION)
PART, MANIFEST = "attempt-0123456789abcdef/part-00000.parquet", "manifest.json"


@pytest.fixture(scope="module")
def attacker(organization: Deployed, calls: list[dict[str, Any]]) -> str:
    """Return the ARN of a role of the production account, with all rights and the name of a worker's."""
    assert calls, "recorded before the attacks"
    iam = organization.cloud.account("production").client("iam")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    made = iam.create_role(RoleName="tidemark-task-attacker", AssumeRolePolicyDocument=document)
    iam.put_role_policy(
        RoleName="tidemark-task-attacker", PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING)
    )
    return str(made["Role"]["Arn"])


@pytest.fixture
def victim(organization: Deployed) -> Iterator[str]:
    """Return the bucket, with a part and a manifest of the research account."""
    bucket = organization.outputs["Tidemark-tidemark"]["RepositoryUrl"].removeprefix("s3://")
    s3 = organization.cloud.client("s3")
    for name in (PART, MANIFEST):
        s3.put_object(Bucket=bucket, Key=VICTIM + name, Body=b"theirs", IfNoneMatch="*")
    yield bucket
    for prefix in (VICTIM, OWN):
        listed = s3.list_object_versions(Bucket=bucket, Prefix=prefix)
        for one in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
            s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])


@contextmanager
def denied(*codes: str) -> Iterator[None]:
    with pytest.raises(ClientError) as refused:
        yield
    assert refused.value.response["Error"]["Code"] in (codes or ("AccessDenied", "AccessDeniedException"))


@contextmanager
def changed_bucket_policy(organization: Deployed, bucket: str, *changes: tuple[str, str]) -> Iterator[None]:
    """Replace texts in the bucket's policy for the duration of the block."""
    s3 = organization.cloud.client("s3")
    policy = before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    for old, new in changes:
        assert old in policy
        policy = policy.replace(old, new)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    try:
        yield
    finally:
        s3.put_bucket_policy(Bucket=bucket, Policy=before)


ANY_ACCOUNT = ("${aws:PrincipalAccount}", "*")


def test_a_worker_reads_no_index_of_another_account(
    organization: Deployed, attacker: str, victim: str
) -> None:
    s3 = organization.cloud.role_client(attacker, "s3")
    with denied():
        s3.get_object(Bucket=victim, Key=VICTIM + MANIFEST)
    with denied():
        s3.list_objects_v2(Bucket=victim, Prefix=VICTIM)
    with changed_bucket_policy(organization, victim, ANY_ACCOUNT):
        assert s3.get_object(Bucket=victim, Key=VICTIM + MANIFEST)["Body"].read() == b"theirs"
        assert s3.list_objects_v2(Bucket=victim, Prefix=VICTIM)["KeyCount"] == 2


def test_a_worker_adds_no_file_to_an_index_of_another_account(
    organization: Deployed, attacker: str, victim: str
) -> None:
    s3 = organization.cloud.role_client(attacker, "s3")
    new = {"Bucket": victim, "Body": b"forged", "IfNoneMatch": "*"}
    with denied():
        s3.put_object(Key=f"{VICTIM}attempt-1/part", **new)
    s3.put_object(Key=f"{OWN}attempt-1/part", **new)
    with changed_bucket_policy(organization, victim, ANY_ACCOUNT):
        s3.put_object(Key=f"{VICTIM}attempt-1/part", **new)


def test_a_worker_deletes_no_index_of_another_account(
    organization: Deployed, attacker: str, victim: str
) -> None:
    s3 = organization.cloud.role_client(attacker, "s3")
    for below in (VICTIM, OWN):
        with denied():
            s3.delete_object(Bucket=victim, Key=below + PART)
    may_delete = ("s3:GetObject", "s3:DeleteObject")
    with changed_bucket_policy(organization, victim, ANY_ACCOUNT, may_delete):
        s3.delete_object(Bucket=victim, Key=VICTIM + PART)


def test_a_worker_writes_and_replaces_no_manifest_even_of_its_own_account(
    organization: Deployed, attacker: str, victim: str
) -> None:
    s3 = organization.cloud.role_client(attacker, "s3")
    manifest = {"Bucket": victim, "Key": OWN + MANIFEST}
    with denied():
        s3.put_object(**manifest, Body=b"forged", IfNoneMatch="*")
    with changed_bucket_policy(organization, victim, ("progress.json", MANIFEST)):
        s3.put_object(**manifest, Body=b"first", IfNoneMatch="*")
        with denied("PreconditionFailed"):
            s3.put_object(**manifest, Body=b"second", IfNoneMatch="*")
        with denied():  # by the statement that concerns every principal
            s3.put_object(**manifest, Body=b"second")
    with without_statement(organization, victim, "WrittenOnce", ("progress.json", MANIFEST)):
        s3.put_object(**manifest, Body=b"second")


@contextmanager
def without_statement(
    organization: Deployed, bucket: str, sid: str, *changes: tuple[str, str]
) -> Iterator[None]:
    s3 = organization.cloud.client("s3")
    before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    policy = json.loads(before)
    policy["Statement"] = [one for one in policy["Statement"] if one.get("Sid") != sid]
    text = json.dumps(policy)
    for old, new in changes:
        text = text.replace(old, new)
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    try:
        yield
    finally:
        s3.put_bucket_policy(Bucket=bucket, Policy=before)


def assumed(organization: Deployed, caller: str, role: str, service: str, **parameters: str) -> Any:
    """Return a client of a service with the credentials of a role that `caller` assumes."""
    keys = organization.cloud.role_client(caller, "sts").assume_role(
        RoleArn=role, RoleSessionName="attacker", **parameters
    )["Credentials"]
    return boto3.client(
        service,
        region_name=organization.cloud.region,
        endpoint_url=organization.cloud.endpoint_url,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def token_of(organization: Deployed, index_id: str) -> str:
    """Return the token for which the worker of an index waits, as the records contain it."""

    def tokens() -> list[str]:
        return [
            token
            for item in organization.records("indexes")
            if item.get("index_id") == index_id
            for name, token in item.items()
            if "token" in name
        ]

    return str(until(tokens, bool)[0])


def test_a_token_of_another_account_answers_nothing(organization: Deployed, attacker: str) -> None:
    """The attacker has the token, the role for its own account's workers and its external id."""
    cloud = organization.cloud
    cloud.faults.add(
        Fault(service="s3", operation="PutObject", action="delay", match=r"proposal\.json", seconds=SECONDS)
    )
    session_id = organization.start("genome")
    index_id = until(lambda: organization.session(session_id)["index_id"], bool)
    token = token_of(organization, index_id)
    failure = {"taskToken": token, "error": "Forged", "cause": "by another account"}
    with denied():
        cloud.role_client(attacker, "stepfunctions").send_task_failure(**failure)
    name = f"tidemark-callback-{PRODUCTION}"
    callback = f"arn:aws:iam::{cloud.account_id}:role/{name}"
    external_id = EXTERNAL_IDS["production"]
    states = assumed(organization, attacker, callback, "stepfunctions", ExternalId=external_id)
    with denied():
        states.send_task_failure(**failure)
    other = callback.replace(PRODUCTION, RESEARCH)
    for known in EXTERNAL_IDS.values():  # also with that of the other account: it is not a secret from AWS
        with denied():
            assumed(organization, attacker, other, "stepfunctions", ExternalId=known)
    iam = cloud.client("iam")
    iam.put_role_policy(RoleName=name, PolicyName="removed", PolicyDocument=json.dumps(EVERYTHING))
    try:
        states.send_task_failure(**failure)
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="removed")
        cloud.faults.clear()
    session = organization.ended(session_id)
    assert "by another account" in " ".join(session["reasons"])


def test_the_role_for_functions_is_not_assumed_without_its_external_id(organization: Deployed) -> None:
    """The attacker is another program in the deployment's account, which may assume any role."""
    cloud = organization.cloud
    iam, name = cloud.client("iam"), f"other-program-{uuid.uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    caller = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="e", PolicyDocument=json.dumps(EVERYTHING))
    role = f"arn:aws:iam::{PRODUCTION}:role/tidemark-functions-us-east-1"
    for wrong in ({}, {"ExternalId": EXTERNAL_IDS["research"]}):
        with denied():
            assumed(organization, caller, role, "sts", **wrong)
    owner = cloud.account("production").client("iam")
    described = owner.get_role(RoleName="tidemark-functions-us-east-1")["Role"]["AssumeRolePolicyDocument"]
    (statement,) = described["Statement"]
    open_to_all = {**described, "Statement": [{**statement, "Condition": {}}]}
    owner.update_assume_role_policy(
        RoleName="tidemark-functions-us-east-1", PolicyDocument=json.dumps(open_to_all)
    )
    try:
        identity = assumed(organization, caller, role, "sts").get_caller_identity()
        assert identity["Account"] == PRODUCTION
    finally:
        owner.update_assume_role_policy(
            RoleName="tidemark-functions-us-east-1", PolicyDocument=json.dumps(described)
        )


def test_a_forged_event_of_another_account_reaches_no_rule(organization: Deployed, attacker: str) -> None:
    bus = f"arn:aws:events:{organization.cloud.region}:{organization.cloud.account_id}:event-bus/default"
    events = organization.cloud.role_client(attacker, "events")
    forged = {"Source": "forged", "DetailType": "ECS Task State Change", "Detail": "{}", "EventBusName": bus}
    with denied():
        events.put_events(Entries=[forged])
    owner = organization.cloud.client("events")
    policy = owner.describe_event_bus(Name="default")["Policy"]
    statements = json.loads(policy)["Statement"]
    everything = [{key: value for key, value in one.items() if key != "Condition"} for one in statements]
    owner.put_permission(Policy=json.dumps({"Version": "2012-10-17", "Statement": everything}))
    try:
        assert events.put_events(Entries=[forged])["FailedEntryCount"] == 0
    finally:
        owner.put_permission(Policy=policy)


def test_tags_that_name_another_account_are_not_trusted(
    organization: Deployed, sessions: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attacker gives its own recovery point the tags of one of another account."""
    for name, value in organization.cloud.environment.items():
        monkeypatch.setenv(name, value)
    theirs, own = sessions["genome"], sessions["orders"]
    clients = {
        session["account"]: organization.cloud.account(session["account"]).client("backup", session["region"])
        for session in (theirs, own)
    }
    points = {session["account"]: session["points"][0]["recovery_point_arn"] for session in (theirs, own)}
    before, forged = (
        clients[account].list_tags(ResourceArn=points[account])["Tags"] for account in (PRODUCTION, RESEARCH)
    )
    keys = connect().tag_keys.needed_by(forged)
    backup, arn = clients[PRODUCTION], points[PRODUCTION]
    backup.untag_resource(ResourceArn=arn, TagKeyList=list(before))
    backup.tag_resource(ResourceArn=arn, Tags=forged)
    try:
        tags = backup.list_tags(ResourceArn=arn)["Tags"]
        resource = backup.describe_recovery_point(BackupVaultName="tidemark", RecoveryPointArn=arn)
        refused = open_tags(tags, file_system=resource["ResourceArn"], keys=keys, deployment="tidemark")
        assert "copied from another file system" in " ".join(one.message for one in refused.problems)
        original = resource["ResourceArn"].replace(PRODUCTION, RESEARCH)
        original = original.replace(own["region"], theirs["region"])
        original = original.replace(own["file_system"], theirs["file_system"])
        accepted = open_tags(tags, file_system=original, keys=keys, deployment="tidemark")
        assert accepted.problems == (), "only the binding to the file system refuses them"
    finally:
        backup.untag_resource(ResourceArn=arn, TagKeyList=list(forged))
        backup.tag_resource(ResourceArn=arn, Tags=before)
