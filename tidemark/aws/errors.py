"""Translation of AWS errors into Tidemark's errors.

A step that expects a certain error (such as a missing vault) checks `code_of` and raises its own error.
Other errors pass through `translated`, at the edge of each program: denials, throttling and timeouts
become errors of the tree, and unknown errors pass unchanged, with their traceback.
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
    # Returned by a service that was denied the use of a KMS key.
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
# The codes of botocore's standard retry mode, and those specific to single services.
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


def are_credentials_refused(code: str) -> bool:
    """Return whether an error code means that AWS does not accept the caller's credentials."""
    return code in _BAD_CREDENTIALS


# The errors of a single call, for callers that handle many items and continue with the others.
AWS_FAILURES = (BotoCoreError, ClientError, TidemarkError)


def code_of(error: ClientError) -> str:
    """Return AWS's name for the error, such as `ResourceNotFoundException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_denied(error: ClientError) -> bool:
    """Return whether AWS denied the call for lack of a permission, or returned an equivalent error."""
    return code_of(error) in _DENIED


def is_taken(error: ClientError) -> bool:
    """Return whether a conditional write to S3 failed because the key exists or is being written.

    Source: Amazon S3 API Reference, PutObject, If-None-Match.
    """
    return code_of(error) in {"PreconditionFailed", "ConditionalRequestConflict"}


def message_of(error: ClientError) -> str:
    """Return AWS's message without the SDK's prefix; for a web page, only the fact that it is one."""
    said = str(error.response.get("Error", {}).get("Message", "")) or str(error)
    if "<html" in said.lower():
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "none")
        return f"the response is a web page, with status {status}; it does not come from AWS"
    return said


def translate(error: Exception) -> TidemarkError | None:
    """Return the error as a Tidemark error, or None if it is unknown."""
    if isinstance(error, ClientError):
        return _translate_answer(error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound | NoRegionError):
        return NoCredentials(
            f"{_sentence(error)}; sign in with: aws configure (or aws sso login), and set AWS_REGION"
        )
    if isinstance(error, InvalidRegionError | ConfigParseError | ConfigNotFound):
        return ConfigurationError(f"{_sentence(error)}; correct AWS_REGION, or the AWS configuration file")
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
    """Raise SDK errors from inside the block as Tidemark errors; unknown errors pass unchanged."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        known = translate(error)
        if known is None:
            raise
        raise known from error
