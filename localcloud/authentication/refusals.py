"""Error codes with which each service refuses a request that has an invalid signature.

Source: "Common errors" of each API reference; S3 API reference, "Error responses"; EC2 API reference, "Error
codes". Services with JSON bodies answer 400 and REST services 403, except where the documentation differs.
"""

from __future__ import annotations

from localcloud.authentication.signatures import Reason

# These services respond in JSON but keep the error codes of their query API.
_WITH_QUERY_CODES = ("sqs", "cloudwatch")
_S3: dict[Reason, tuple[str, int]] = {
    "missing": ("AccessDenied", 403),
    "incomplete": ("AuthorizationHeaderMalformed", 400),
    "incomplete-query": ("AuthorizationQueryParametersError", 400),
    "version-2": ("InvalidRequest", 400),
    "unsupported": ("NotImplemented", 501),
    "unknown-key": ("InvalidAccessKeyId", 403),
    "invalid-token": ("InvalidToken", 400),
    "expired-token": ("ExpiredToken", 400),
    "skewed": ("RequestTimeTooSkewed", 403),
    "expired-url": ("AccessDenied", 403),
    "unsigned-headers": ("AccessDenied", 403),
    "mismatch": ("SignatureDoesNotMatch", 403),
    "body-mismatch": ("XAmzContentSHA256Mismatch", 400),
}
_QUERY: dict[Reason, tuple[str, int]] = {
    "missing": ("MissingAuthenticationToken", 403),
    "incomplete": ("IncompleteSignature", 400),
    "incomplete-query": ("IncompleteSignature", 400),
    "version-2": ("IncompleteSignature", 400),
    "unsupported": ("IncompleteSignature", 400),
    "unknown-key": ("InvalidClientTokenId", 403),
    "invalid-token": ("InvalidClientTokenId", 403),
    "expired-token": ("ExpiredToken", 403),
    "skewed": ("SignatureDoesNotMatch", 403),
    "expired-url": ("SignatureDoesNotMatch", 403),
    "unsigned-headers": ("SignatureDoesNotMatch", 403),
    "mismatch": ("SignatureDoesNotMatch", 403),
    "body-mismatch": ("SignatureDoesNotMatch", 403),
}
_EC2: dict[Reason, tuple[str, int]] = {
    **dict.fromkeys(_QUERY, ("AuthFailure", 401)),
    "missing": ("MissingAuthenticationToken", 403),
    "incomplete": ("IncompleteSignature", 400),
    "incomplete-query": ("IncompleteSignature", 400),
    "version-2": ("IncompleteSignature", 400),
    "unsupported": ("IncompleteSignature", 400),
    "expired-token": ("RequestExpired", 400),
    "skewed": ("RequestExpired", 400),
    "expired-url": ("RequestExpired", 400),
}
_JSON: dict[Reason, str] = {
    "missing": "MissingAuthenticationTokenException",
    "incomplete": "IncompleteSignatureException",
    "incomplete-query": "IncompleteSignatureException",
    "version-2": "IncompleteSignatureException",
    "unsupported": "IncompleteSignatureException",
    "unknown-key": "UnrecognizedClientException",
    "invalid-token": "UnrecognizedClientException",
    "expired-token": "ExpiredTokenException",
    "skewed": "InvalidSignatureException",
    "expired-url": "InvalidSignatureException",
    "unsigned-headers": "InvalidSignatureException",
    "mismatch": "InvalidSignatureException",
    "body-mismatch": "InvalidSignatureException",
}


def code_and_status(service: str, protocol: str, reason: Reason) -> tuple[str, int]:
    """Return the error code and HTTP status; `service` and `protocol` are botocore's names."""
    if service == "s3":
        return _S3[reason]
    if service == "ec2":
        return _EC2[reason]
    if protocol == "query" or service in _WITH_QUERY_CODES:
        return _QUERY[reason]
    return _JSON[reason], 403 if protocol.startswith("rest") else 400
