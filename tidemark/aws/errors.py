"""AWS's errors in Tidemark's words, translated in one place.

A step that expects a certain refusal (a vault that is not there) asks `code_of` and raises its own
error. What remains passes through `translated`, at the edge of each program: refusals, throttling and
silence become errors of the tree, and anything unknown passes unchanged, with its traceback.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)

from tidemark.errors import (
    AccessDenied,
    AwsThrottled,
    AwsUnreachable,
    ConfigurationError,
    NoCredentials,
    TidemarkError,
)

_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "AuthorizationError",
    "403",
    # What a service answers where it was refused the use of a key.
    "KMSAccessDeniedException",
    "KMSAccessDenied",
    "KmsAccessDeniedException",
}
_BAD_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "AuthFailure",
}
# Those that botocore's standard mode knows, and what single services say instead.
_THROTTLED = {
    "Throttling",
    "Throttled",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
    "RequestThrottled",
    "SlowDown",
    "LimitExceededException",
    "TransactionInProgressException",
    "RequestThrottledException",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
    "KMSThrottling",
    "KMSThrottlingException",
    "KmsThrottlingException",
}
_UNAVAILABLE = {
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServerException",
    "ServerException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "ServerInternal",
    "Unavailable",
    "KMSInternalException",
    "KeyUnavailableException",
    "DependencyFailureException",
    "DependencyTimeout",
    "DependencyTimeoutException",
    "ReplicatedWriteConflictException",
    "RequestTimeout",
    "RequestTimeoutException",
    "500",
    "502",
    "503",
    "504",
}


# What a call may end with, for whoever looks after many things and goes on with the others.
AWS_FAILURES = (BotoCoreError, ClientError, TidemarkError)


def code_of(error: ClientError) -> str:
    """Return AWS's name for the error, such as `ResourceNotFoundException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_denied(error: ClientError) -> bool:
    """Return whether AWS refused the call for want of a permission, or answers as if it did."""
    return code_of(error) in _DENIED


def is_taken(error: ClientError) -> bool:
    """Return whether a conditional write to S3 found the key taken, or somebody writing it at this moment.

    Source: Amazon S3 API Reference, PutObject, If-None-Match.
    """
    return code_of(error) in {"PreconditionFailed", "ConditionalRequestConflict"}


def message_of(error: ClientError) -> str:
    """Return AWS's own words, without the SDK's frame around them; of a web page, only that it is one."""
    said = str(error.response.get("Error", {}).get("Message", "")) or str(error)
    if "<html" in said.lower():
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "none")
        return f"a web page came back, with status {status}; whoever answered is not AWS"
    return said


def translate(error: Exception) -> TidemarkError | None:
    """Return the error in Tidemark's words, or None when it is not one of the known kinds."""
    if isinstance(error, ClientError):
        return _translate_answer(error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound | NoRegionError):
        return NoCredentials(
            f"{_sentence(error)}; sign in with: aws configure (or aws sso login), and set AWS_REGION"
        )
    if isinstance(error, InvalidRegionError | ConfigParseError | ConfigNotFound):
        return ConfigurationError(f"{_sentence(error)}; mend AWS_REGION, or AWS's configuration file")
    if isinstance(error, TokenRetrievalError | UnauthorizedSSOTokenError):
        return NoCredentials(f"{_sentence(error)}; sign in again with: aws sso login")
    if isinstance(error, BotoConnectionError | HTTPClientError):
        return AwsUnreachable(
            f"{_sentence(error)}; check the network, AWS_REGION and AWS_ENDPOINT_URL, then try again"
        )
    if isinstance(error, BotoCoreError) and "Token" in type(error).__name__:
        return NoCredentials(f"{_sentence(error)}; sign in again with: aws sso login")
    return None


def _translate_answer(error: ClientError) -> TidemarkError | None:
    code = code_of(error)
    said = f"{error.operation_name}: {message_of(error)}"
    if code in _BAD_CREDENTIALS:
        return NoCredentials(f"AWS does not accept the credentials ({said}); sign in again, then try again")
    if code in _DENIED:
        return AccessDenied(
            f"AWS denied {said}; "
            f"grant the action to these credentials (check them with: aws sts get-caller-identity)"
        )
    if code in _THROTTLED:
        return AwsThrottled(f"AWS throttled {said}; try again in a minute")
    if code in _UNAVAILABLE:
        return AwsUnreachable(f"AWS could not serve {said}; try again in a minute")
    return None


def _sentence(error: Exception) -> str:
    return str(error).rstrip(".")


@contextmanager
def translated() -> Iterator[None]:
    """Raise what AWS's SDK raises inside as errors of Tidemark's tree; unknown errors pass."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        known = translate(error)
        if known is None:
            raise
        raise known from error
