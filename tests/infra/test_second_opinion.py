"""A second evaluator for all IAM requests, of the deployment and of AWS's services on its behalf."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.infra.judge import Statement, allows
from tests.infra.recording import Asked, Recording
from tests.infra.service_requests import protecting, requests_of_services, takings_of_roles
from tests.infra.simulator import ALLOWED, DENIED, FORBIDDEN, Request, simulate
from tests.infra.template import Template, as_list, resources, text_of

pytestmark = pytest.mark.cloud

# Differences between the two evaluators, and why the first is right.
DIFFERENCES = {
    "states:SendTask*": (
        "The Service Authorization Reference gives these actions no resource: the second judge wants *. IAM "
        "evaluates the ARN of the state machine all the same: see the note in docs/first-day-on-aws.md."
    ),
    "ssm:GetParameters": (
        "Its list of ARNs has none without an account. Amazon's public parameters have none: Systems Manager "
        'User Guide, "Calling AMI public parameters", arn:aws:ssm:<region>::parameter/aws/service/...'
    ),
}
# Lambda's runtime tries to create the log group, which the stack creates: refused by both, without effect.
REFUSED = {"logs:CreateLogGroup"}


def request_of(recording: Recording, one: Asked) -> Request:
    return Request(
        principal=one.role,
        action=one.action,
        resource=one.resource,
        context=one.context,
        statements=recording.statements[one.role],
        resource_policy=protecting(recording, one.resource),
    )


def differs_for_a_reason(action: str) -> bool:
    return any(fnmatch.fnmatchcase(action, pattern) for pattern in DIFFERENCES)


def distinct(recording: Recording) -> list[Asked]:
    """Return the distinct requests."""
    return list({str(one): one for one in recording.asked}.values())


def test_both_judges_agree_on_every_call(recording: Recording, tmp_path: Path) -> None:
    asked = distinct(recording)
    answers = simulate(
        [request_of(recording, one) for one in asked], account=recording.account, directory=tmp_path
    )
    differences, refused = [], set()
    for one, answer in zip(asked, answers, strict=True):
        ours = allows(recording.statements[one.role], one.action, one.resource, one.context)
        if ours != (answer == ALLOWED):
            differences.append((one, f"{one}: {'allowed' if ours else 'refused'}, but {answer}"))
        elif not ours:
            refused.add(one.action)
    assert [text for one, text in differences if not differs_for_a_reason(one.action)] == []
    assert refused <= REFUSED
    stale = [p for p in DIFFERENCES if not any(fnmatch.fnmatchcase(one.action, p) for one, _ in differences)]
    assert stale == [], "a difference that is gone has no place in the list"


def test_requests_of_services_for_the_deployment_are_allowed(recording: Recording, tmp_path: Path) -> None:
    requests = list(requests_of_services(recording))
    answers = simulate(requests, account=recording.account, directory=tmp_path)
    wrong = [f"{one}: {answer}" for one, answer in zip(requests, answers, strict=True) if answer != ALLOWED]
    assert wrong == []


def test_the_roles_of_backup_have_the_evaluated_managed_policies(main: Template) -> None:
    found = {
        role.get("RoleName"): [text_of(one).rpartition(":")[2] for one in role["ManagedPolicyArns"]]
        for role in resources(main, "AWS::IAM::Role").values()
        if "backup.amazonaws.com" in json.dumps(role["AssumeRolePolicyDocument"])
    }
    assert found == {
        None: ["policy/service-role/AWSBackupServiceRolePolicyForBackup"],
        "cellar-restore-role": ["policy/service-role/AWSBackupServiceRolePolicyForRestores"],
    }


def test_every_role_can_be_assumed_only_by_its_service(recording: Recording, tmp_path: Path) -> None:
    takings = list(takings_of_roles(recording))
    assert {one.resource for one in takings} == set(recording.trust), "every role is for something"
    other = [dataclasses.replace(one, principal="glue.amazonaws.com") for one in takings]
    answers = simulate([*takings, *other], account=recording.account, directory=tmp_path)
    assert [
        f"{one}: {answer}" for one, answer in zip(takings, answers, strict=False) if answer != ALLOWED
    ] == []
    assert set(answers[len(takings) :]) == {DENIED}


@pytest.mark.parametrize("service", ["ecs-tasks", "scheduler"])
def test_a_role_cannot_be_assumed_for_another_account(
    recording: Recording, tmp_path: Path, service: str
) -> None:
    takings = [one for one in takings_of_roles(recording) if one.principal == f"{service}.amazonaws.com"]
    assert takings
    foreign = [
        dataclasses.replace(one, context={**one.context, "aws:SourceAccount": "999999999999"})
        for one in takings
    ]
    assert set(simulate(foreign, account=recording.account, directory=tmp_path)) == {DENIED}


def test_alarms_of_other_accounts_cannot_publish_to_the_topic(recording: Recording, tmp_path: Path) -> None:
    published = [
        one for one in requests_of_services(recording) if one.principal == "cloudwatch.amazonaws.com"
    ]
    foreign = [
        dataclasses.replace(one, context={"aws:SourceArn": one.context["aws:SourceArn"].replace(old, new)})
        for one in published
        if one.action == "sns:Publish"
        for old, new in ((recording.account, "999999999999"), ("alarm:tidemark-", "alarm:other-"))
    ]
    assert len(foreign) == 2
    assert set(simulate(foreign, account=recording.account, directory=tmp_path)) == {DENIED}


def test_removing_any_used_action_is_detected(recording: Recording, tmp_path: Path) -> None:
    """The second evaluator refuses requests of every role without each of the actions that it uses."""
    asked = [one for one in distinct(recording) if one.action not in REFUSED]
    used = [request_of(recording, one) for one in asked]
    used += [one for one in requests_of_services(recording) if one.statements is not None]
    once = {(one.principal, one.action): one for one in used}
    mutants = [
        dataclasses.replace(one, statements=without(one.statements or (), one.action))
        for one in once.values()
    ]
    answers = simulate(mutants, account=recording.account, directory=tmp_path)
    assert len(mutants) > 100
    unmissed = [one for one, answer in zip(mutants, answers, strict=True) if answer != DENIED]
    assert [str(one) for one in unmissed if not differs_for_a_reason(one.action)] == []
    ours = [str(m) for m in mutants if allows(list(m.statements or ()), m.action, m.resource, m.context)]
    assert ours == []


def test_a_request_without_tls_is_forbidden_by_bucket_topic_and_queue(
    recording: Recording, tmp_path: Path
) -> None:
    requests = [
        dataclasses.replace(one, context={**one.context, "aws:SecureTransport": "false"})
        for one in (
            *(request_of(recording, one) for one in distinct(recording)),
            *requests_of_services(recording),
        )
        if one.action in {"s3:GetObject", "s3:PutObject", "sns:Publish", "sqs:SendMessage"}
    ]
    assert {one.action for one in requests} == {
        "s3:GetObject",
        "s3:PutObject",
        "sns:Publish",
        "sqs:SendMessage",
    }
    assert set(simulate(requests, account=recording.account, directory=tmp_path)) == {FORBIDDEN}


def without(statements: Sequence[Statement], action: str) -> list[Statement]:
    """Return the statements without an action, dropping empty ones."""
    kept = []
    for statement in statements:
        actions = [one for one in as_list(statement["Action"]) if one != action]
        if actions:
            kept.append({**statement, "Action": actions})
    return kept
