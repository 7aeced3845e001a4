"""Every grant is used by a recorded session or has a documented reason."""

from __future__ import annotations

import fnmatch

import pytest

from tests.infra.recording import Recording
from tests.infra.template import as_list

pytestmark = pytest.mark.cloud

# By role and action: when it is needed, although a recorded session may not use it. Which step runs last, and
# does the write that all can do, varies.
REASONS = {
    ("*", "kms:DescribeKey"): "DynamoDB requires it of writers to a table with a customer managed key.",
    ("*", "kms:Encrypt"): "The same.",
    ("*", "kms:GenerateDataKey"): "The same.",
    ("*", "xray:Put*"): "Lambda's runtime and Step Functions send traces; both are none of the local cloud.",
    ("*Workflows*", "xray:GetSampling*"): "The same.",
    ("*Workflows*", "logs:*"): "Step Functions delivers the executions' logs, which are none there.",
    ("*PolicyRun*", "events:*"): "Step Functions follows nested executions by a rule; the local cloud asks.",
    ("*PolicyRun*", "states:StopExecution"): "A run that is stopped stops its sessions.",
    ("*DrillRun*", "events:*"): "The same as for policy-run.",
    ("*DrillRun*", "states:StopExecution"): "The same.",
    ("*Schedules*", "*"): "Only Scheduler does what its role is for: tests/infra/service_requests.py.",
    ("*Workers*", "ecr:*"): "Only ECS pulls the image: service_requests.py.",
    ("*-ec2-fs", "ecr:*"): "Only an instance's Docker pulls the image: service_requests.py.",
    ("*-ec2-fs", "logs:*"): "Only an instance's Docker writes the log: service_requests.py.",
    ("*-fs", "elasticfilesystem:Client*"): "Only the mount asks for it: service_requests.py.",
    ("*-fs", "states:SendTaskFailure"): "A worker that fails and is not killed.",
    ("tidemark-restore-new", "states:SendTaskFailure"): "The same.",
    ("tidemark-verification", "states:SendTaskFailure"): "The same.",
    ("*Sweep*", "states:StartExecution"): "A restore test whose event did not arrive: test_sweeps.py.",
    ("*CloseRestoreTest*", "backup:DescribeRestoreJob"): "AWS Backup refuses the result: test_steps.py.",
    ("*", "ssm:GetParametersByPath"): "A policy that was removed meanwhile is answered with those there are.",
    ("*", "ssm:GetParameters"): "A policy of many file systems has lists; the recording only resolves one.",
    ("*", "s3:ListBucket"): "It distinguishes a missing key from a denied one.",
    ("*FailPolicyRun*", "sns:Publish"): "A notification that was held back: tests/lambdas/test_retries.py.",
    ("*FailSession*", "dynamodb:*"): "A redrive: tests/lambdas/test_backup_session.py.",
    ("*FailSession*", "kms:Decrypt"): "The same.",
    ("*OpenRestore*", "dynamodb:GetItem"): "Step Functions calls it twice: the recorded session is returned.",
    ("*FailRestore*", "dynamodb:GetItem"): "Another write of the session is in progress.",
    ("*StartRestoreJob*", "dynamodb:PutItem"): "The redrive of a swept session takes its turn again.",
    ("*LaunchRestore*", "dynamodb:PutItem"): "The same.",
    ("*FileSys*", "dynamodb:PutItem"): "The same.",
    ("*StartCopy*", "dynamodb:GetItem"): "A redrive finds the job that it has started.",
    ("*Check*", "dynamodb:PutItem"): "The index may be complete before the backup: test_interleavings.py.",
    ("*CloseSession*", "dynamodb:PutItem"): "The same.",
    ("*OpenSession*", "dynamodb:UpdateItem"): "The session attaches to an index that is being made.",
    ("*FailIndex*", "dynamodb:UpdateItem"): "The index may be complete already: its points are tagged again.",
    ("*Sweep*", "dynamodb:PutItem"): "An aborted execution's index is ended.",
    ("*Sweep*", "dynamodb:DeleteItem"): "The same: its lease.",
    ("*Sweep*", "states:SendTaskSuccess"): "The same, for sessions that wait for it.",
    ("*AwaitIndex*", "states:SendTaskSuccess"): "The index may have ended before the session waits for it.",
    (
        "*",
        "backup:ListTags",
    ): "The last step to run writes a point's index to its tags: test_permanent_errors.py.",
    ("*", "backup:TagResource"): "The same.",
    ("*", "s3:GetObject"): "The same: the data key that has sealed its tags.",
    ("*", "ecs:DescribeTasks"): "A worker of Fargate that has not ended by itself is stopped.",
    ("*", "ecs:StopTask"): "The same.",
    ("*Launch*", "ec2:TerminateInstances"): "The same, on EC2: one of an earlier attempt.",
    ("*RemoveWorker*", "ec2:TerminateInstances"): "The same.",
}


def purpose(role: str) -> str:
    """Return a role's name without CloudFormation's suffix or a worker's file system."""
    return role.rpartition("/")[2].rpartition("-")[0]


def granted(recording: Recording) -> set[tuple[str, str]]:
    return {
        (purpose(role), action)
        for role, statements in recording.statements.items()
        for statement in statements
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
    }


def test_every_grant_is_used_or_has_a_reason(recording: Recording) -> None:
    used = {(purpose(one.role), one.action) for one in recording.asked}
    unused = granted(recording) - used
    unexplained = sorted(
        (role, action)
        for role, action in unused
        if not any(fnmatch.fnmatchcase(role, r) and fnmatch.fnmatchcase(action, a) for r, a in REASONS)
    )
    assert unexplained == []
    stale = [
        (r, a)
        for r, a in REASONS
        if not any(
            fnmatch.fnmatchcase(role, r) and fnmatch.fnmatchcase(action, a)
            for role, action in granted(recording)
        )
    ]
    assert stale == [], "a reason for what is not granted has no place in the list"
