"""Whole sessions, evaluated against the deployed policies: every caller was allowed to make its calls.

The local cloud enforces few policies, so most missing grants would otherwise appear only in a real account.
"""

from __future__ import annotations

from itertools import chain

import pytest

from tests.infra.judge import allows
from tests.infra.recording import Recording
from tests.infra.test_grants import REFERENCE, RESTRICTED_BY_CONDITION

# Lambda's runtime tries to create the log group, which the stack creates: refused, without effect.
OF_NO_CONSEQUENCE = {"logs:CreateLogGroup"}

# EFS calls them for mount targets, and the local cloud records them without the subnet and the interface.
OF_EFS = {"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"}


@pytest.mark.cloud
def test_every_call_of_a_session_was_granted(recording: Recording) -> None:
    asked, statements = recording.asked, recording.statements
    refused = [
        str(one)
        for one in asked
        if one.action not in OF_NO_CONSEQUENCE
        and not allows(statements[one.role], one.action, one.resource, one.context)
    ]
    assert sorted(set(refused)) == []


@pytest.mark.cloud
def test_a_call_is_evaluated_on_its_resource_where_iam_checks_it(recording: Recording) -> None:
    vague = {one.action for one in recording.asked if one.resource == "*"}
    levels = {
        action
        for action in vague
        if (REFERENCE[action.split(":")[0]]["Actions"][action.split(":")[1].lower()] or {}).get("Resources")
    }
    assert levels <= RESTRICTED_BY_CONDITION | OF_EFS
    assert not {action for action in vague if action.startswith("states:SendTask")}


@pytest.mark.cloud
def test_the_recording_contains_every_kind_of_request(recording: Recording) -> None:
    asked = recording.asked
    actions = {one.action for one in asked}
    wanted = {"iam:PassRole", "ec2:RunInstances", "ec2:CreateTags", "ec2:TerminateInstances", "kms:Decrypt"}
    assert wanted | {"ec2:DescribeNetworkInterfaceAttribute"} <= actions
    swept = {one.action for one in asked if "SweepRole" in one.role}
    assert {"backup:DescribeBackupJob", "backup:DescribeCopyJob"} <= swept
    removed = [
        one.context for one in asked if one.action == "ec2:TerminateInstances" and "SweepRole" in one.role
    ]
    assert {f"aws:ResourceTag/tidemark:{run}" for run in ("index", "restore")} <= {*chain(*removed)}
    answered = {one.action for one in asked if "WorkerStoppedRole" in one.role}
    assert {"states:SendTaskFailure", "dynamodb:GetItem", "ec2:DescribeInstances"} <= answered
    failed = {one.resource.rpartition(":")[2] for one in asked if one.action == "states:SendTaskFailure"}
    assert {"tidemark-indexing-session", "tidemark-restore-session"} <= failed
    idle = {role for role in recording.statements if "-Functions" in role} - {one.role for one in asked}
    assert idle == set(), "every function has called something"
    for role in ("-task-fs-", "-ec2-fs-", "-restore-task-fs-", "-restore-ec2-fs-"):
        did = {one.action for one in asked if role in one.role}
        assert {"s3:PutObject", "states:SendTaskSuccess", "kms:GenerateDataKey"} <= did, "its work is whole"
    assert {one.operation for one in asked if one.action == "iam:PassRole"} == {
        "backup StartBackupJob",
        "backup StartCopyJob",
        "backup StartRestoreJob",
        "ecs RegisterTaskDefinition",
        "ecs RunTask",
        "ec2 RunInstances",
    }


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
        ("s3:GetObject", "*", {}, True),  # the recorded resource is unknown
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
def test_the_evaluator_refuses_requests_without_a_grant(
    action: str, resource: str, context: dict[str, str], granted: bool
) -> None:
    assert allows(GRANTED, action, resource, context) == granted
