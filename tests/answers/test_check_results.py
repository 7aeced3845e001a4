"""Errors as results of checks, and the calls of roles with placeholders."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tidemark.answers.checks.result import Status, check
from tidemark.answers.checks.role_calls import FILE, RoleCall, RoleCalls, recorded_calls
from tidemark.answers.checks.runner import elsewhere_checks, scope_of
from tidemark.errors import AccessDenied, AwsThrottled, NotOptedIn, WorkerCutOff
from tidemark.policy.policy import Policy


def denied(message: str, operation: str = "DescribeKey", code: str = "AccessDeniedException") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def result_of(error: Exception):
    with check("name", "subject", "fine") as outcomes:
        raise error
    (result,) = outcomes.results
    assert (result.name, result.subject) == ("name", "subject")
    return result


def test_a_check_without_a_result_passes_with_its_fact():
    with check("name", "subject", "fine") as outcomes:
        pass
    (result,) = outcomes.results
    assert (result.status, result.message, result.fix) == (Status.PASSED, "fine", "")


def test_an_error_is_a_failure_with_fact_and_next_step():
    result = result_of(NotOptedIn("eu-central-1"))
    assert result.status is Status.FAILED
    assert result.message == "AWS Backup is not opted in for EFS in eu-central-1 and refuses backups there"
    assert result.fix.startswith("opt in with: aws backup update-region-settings")
    missing = {"subnet-1": ["S3 (s3)"], "subnet-2": ["ECR (ecr.api)"]}
    result = result_of(WorkerCutOff("fs-0123456789abcdef0", missing))
    assert result.message.endswith("subnet-2 cannot reach ECR (ecr.api)")
    assert result.fix.startswith("route the subnet through a NAT gateway")


@pytest.mark.parametrize(
    ("message", "action"),
    [
        ("User: x is not authorized to perform: kms:DescribeKey on resource: y", "kms:DescribeKey"),
        ("You are not authorized to perform this operation.", "DescribeKey"),
        ("", "DescribeKey"),
    ],
)
def test_a_denied_call_is_a_warning_that_names_the_permission(message, action):
    result = result_of(denied(message))
    assert result.status is Status.WARNED
    assert result.message == f"could not be checked: needs permission {action}"
    assert action in result.fix
    assert result_of(AccessDenied("AWS denied x; grant y")).status is Status.WARNED


def test_other_errors_are_not_results():
    with pytest.raises(AwsThrottled), check("name", "subject", "fine"):
        raise denied("slow down", code="ThrottlingException")
    with pytest.raises(ClientError), check("name", "subject", "fine"):
        raise denied("strange", code="ValidationException")
    with pytest.raises(EndpointConnectionError), check("name", "subject", "fine"):
        raise EndpointConnectionError(endpoint_url="https://x")


def test_calls_survive_their_file():
    calls = recorded_calls()
    assert RoleCalls.from_json(calls.to_json()) == calls
    assert calls.to_json() == FILE.read_text()
    assert len(json.loads(FILE.read_text())) > 50


def test_placeholders_are_filled_in_resource_and_context():
    call = RoleCall(
        action="s3:ListBucket",
        resource="arn:{partition}:s3:::{bucket}",
        context=(("s3:prefix", "{prefix}x/"),),
    )
    assert call.placeholders() == {"partition", "bucket", "prefix"}
    filled = call.filled({"partition": "aws", "bucket": "b", "prefix": "below/"})
    assert filled == RoleCall(
        action="s3:ListBucket", resource="arn:aws:s3:::b", context=(("s3:prefix", "below/x/"),)
    )


def test_file_systems_of_other_sites_are_reported_as_not_checked() -> None:
    names = ("eu-west-1/fs-0123456789abcdef1", "111111111111/us-east-1/fs-0123456789abcdef2")
    policy = Policy(
        name="wide",
        region="eu-central-1",
        file_systems=("fs-0123456789abcdef0", *names),
        vault="tidemark",
        keep_days=1,
    )
    scope = scope_of(SimpleNamespace(policies=lambda: [policy]), None)  # type: ignore[arg-type]  # as far as read
    assert scope.file_systems == ("fs-0123456789abcdef0",)
    found = list(elsewhere_checks(scope))
    assert [(one.subject, one.status) for one in found] == [(name, Status.WARNED) for name in names]
