from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    ConfigParseError,
    ConnectTimeoutError,
    EndpointConnectionError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    ReadTimeoutError,
    TokenRetrievalError,
)
from botocore.retries.standard import ThrottledRetryableChecker

from tests.aws.account import REGION, the_clients
from tidemark.aws.errors import code_of, message_of, translate, translated
from tidemark.errors import (
    AccessDenied,
    AwsThrottled,
    AwsUnreachable,
    ConfigurationError,
    NoCredentials,
    TidemarkError,
)

SERVICES = ("backup", "dynamodb", "ec2", "ecs", "efs", "kms", "s3", "sns", "ssm", "stepfunctions", "sts")
NOT_PASSING = {
    "InsufficientThroughputCapacity"
}  # of EFS, when a file system's throughput is changed too often


def answer(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "AWS's words"}}, "DoThing")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (answer("AccessDeniedException"), AccessDenied),
        (answer("UnauthorizedOperation"), AccessDenied),
        (answer("ExpiredTokenException"), NoCredentials),
        (answer("UnrecognizedClientException"), NoCredentials),
        (answer("ThrottlingException"), AwsThrottled),
        (answer("ProvisionedThroughputExceededException"), AwsThrottled),
        (answer("SlowDown"), AwsThrottled),
        (answer("ServiceUnavailableException"), AwsUnreachable),
        (answer("InternalServerError"), AwsUnreachable),
        (answer("503"), AwsUnreachable),
        (NoCredentialsError(), NoCredentials),
        (NoRegionError(), NoCredentials),
        (InvalidRegionError(region_name="eu central 1"), ConfigurationError),
        (ConfigParseError(path="/home/me/.aws/config"), ConfigurationError),
        (TokenRetrievalError(provider="sso", error_msg="expired"), NoCredentials),
        (EndpointConnectionError(endpoint_url="https://efs"), AwsUnreachable),
        (ConnectTimeoutError(endpoint_url="https://efs"), AwsUnreachable),
        (ReadTimeoutError(endpoint_url="https://efs"), AwsUnreachable),
    ],
    ids=lambda value: (
        value.__name__
        if isinstance(value, type)
        else code_of(value)
        if isinstance(value, ClientError)
        else type(value).__name__
    ),
)
def test_an_aws_error_becomes_a_fact_with_a_next_step(
    error: Exception, expected: type[TidemarkError]
) -> None:
    with pytest.raises(expected) as caught, translated():
        raise error
    assert caught.value.__cause__ is error
    assert "; " in str(caught.value), "the message ends with the next step"
    if isinstance(error, ClientError):
        assert "DoThing: AWS's words" in str(caught.value)


def test_every_code_that_botocore_treats_as_throttling_is_throttling() -> None:
    for code in ThrottledRetryableChecker._THROTTLED_ERROR_CODES:
        assert isinstance(translate(answer(code)), AwsThrottled), code


@pytest.mark.parametrize("service", SERVICES)
def test_every_transient_error_that_a_service_model_declares_is_retried(service: str) -> None:
    shapes = the_clients().of(service, REGION).meta.service_model._service_description["shapes"]
    for name, shape in shapes.items():
        error = shape.get("error", {})
        passing = shape.get("fault") or shape.get("retryable") or "hrottl" in name
        if shape.get("exception") and (passing or error.get("httpStatusCode", 0) >= 500):
            found = translate(answer(error.get("code", name)))
            assert isinstance(found, AwsThrottled | AwsUnreachable) or name in NOT_PASSING, (service, name)


@pytest.mark.parametrize("error", [answer("ValidationException"), ParamValidationError(report="x")])
def test_an_unknown_error_is_not_translated(error: Exception) -> None:
    assert translate(error) is None
    with pytest.raises(type(error)) as caught, translated():
        raise error
    assert caught.value is error


def test_an_error_that_is_not_from_aws_is_not_translated() -> None:
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError


def test_a_web_page_is_not_shown() -> None:
    page = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n"
    found = translate(
        ClientError(
            {"Error": {"Code": "500", "Message": page}, "ResponseMetadata": {"HTTPStatusCode": 500}},  # type: ignore[typeddict-item]  # as far as it is read
            "DoThing",
        )
    )
    assert isinstance(found, AwsUnreachable)
    assert "<" not in str(found)
    assert "the response is a web page, with status 500" in str(found)


def test_a_response_without_a_message_still_gives_a_message() -> None:
    empty = ClientError({"Error": {"Code": "X"}}, "DoThing")
    assert "DoThing" in message_of(empty)
    assert code_of(ClientError({}, "DoThing")) == ""
