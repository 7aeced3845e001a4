"""Signature Version 4: parses the signature of a request and verifies it.

The signature is calculated again with botocore's own signer and compared. Source of the rules: IAM user
guide, "AWS Signature Version 4 for API requests"; S3 API reference, "Authenticating Requests (AWS Signature
Version 4)".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPMessage
from typing import Literal
from urllib.parse import quote, unquote_plus, unquote_to_bytes

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.utils import normalize_url_path

from localcloud.authentication.credentials import Credentials
from localcloud.authentication.signed_chunks import SIGNED_CHUNKS, WITH_TRAILER, chunks_are_signed

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
# Bodies without a digest in the signature. AWS accepts these for S3 only.
_UNSIGNED_PAYLOADS = (UNSIGNED, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
# How far a request's date may be from now. Source for S3: "RequestTimeTooSkewed"; for other services: IAM
# user guide, "Why requests are signed": five minutes.
_SKEW = timedelta(minutes=5)
_SKEW_OF_S3 = timedelta(minutes=15)
_LONGEST = 604_800  # seconds that a presigned URL may be valid

_NOT_VERSION_2 = (
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
)

_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)
Reason = Literal[
    "missing",  # no signature
    "incomplete",  # the signature's parameters cannot be read
    "incomplete-query",  # the same, for a presigned URL
    "version-2",  # Signature Version 2, which S3 accepts only for buckets created before June 2020
    "unsupported",  # signed with a scheme that the local cloud does not verify
    "unknown-key",
    "invalid-token",
    "expired-token",
    "skewed",  # date too far in the past or future
    "expired-url",
    "unsigned-headers",  # headers that must be signed are unsigned
    "mismatch",
    "body-mismatch",  # the digest of the body differs from the signed one
]


class Unauthentic(Exception):
    """The request is not validly signed with a secret access key of this run."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as received over the wire, without its body."""

    method: str
    target: str  # path and query, still percent-encoded
    headers: Sequence[tuple[str, str]]

    @property
    def path(self) -> str:
        """The path, percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        """The decoded parameters, in order."""
        pairs = (pair.partition("=") for pair in self.target.partition("?")[2].split("&") if pair)
        return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]

    def header(self, name: str) -> str | None:
        """Return a header's value, or None."""
        return next((value for key, value in self.headers if key.lower() == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The parsed Authorization header or signature parameters of a request."""

    access_key_id: str
    region: str
    service: str  # signing name
    timestamp: str  # YYYYMMDDTHHMMSSZ
    signed_headers: tuple[str, ...]
    value: str = field(repr=False)
    session_token: str | None = field(repr=False)
    expires: int | None  # seconds, for a presigned URL; None: signed in a header

    @property
    def dated(self) -> datetime:
        """The time of the signature."""
        return datetime.strptime(self.timestamp, _TIMESTAMP).replace(tzinfo=UTC)


def read(request: Received) -> Signature:
    """Parse the signature from the Authorization header or the query.

    Raises Unauthentic if there is none or it is incomplete.
    """
    authorization = request.header("authorization")
    query = dict(reversed(request.query))  # the first of duplicates wins
    if authorization is None:
        if "X-Amz-Algorithm" in query or "X-Amz-Credential" in query or "X-Amz-Signature" in query:
            return _from_query(query)
        if "AWSAccessKeyId" in query:
            raise Unauthentic("version-2", _NOT_VERSION_2)
        raise Unauthentic("missing", "Request is missing Authentication Token")
    if "X-Amz-Signature" in query:
        raise Unauthentic(
            "incomplete", "Only one auth mechanism allowed: X-Amz-Signature or the Authorization header"
        )
    return _from_header(request, authorization)


def _from_header(request: Received, authorization: str) -> Signature:
    algorithm, _, rest = authorization.strip().partition(" ")
    if algorithm == "AWS":  # Signature Version 2
        raise Unauthentic("version-2", _NOT_VERSION_2)
    if algorithm != ALGORITHM:
        raise Unauthentic("incomplete", f"Unsupported AWS 'algorithm': {algorithm!r}.")
    parts = (part.strip().partition("=") for part in rest.split(","))
    parameters = {name: value for name, _, value in parts}
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not parameters.get(name):
            raise Unauthentic("incomplete", f"Authorization header requires {name!r} parameter.")
    return _signature(
        credential=parameters["Credential"],
        timestamp=_date_of(request),
        signed_headers=parameters["SignedHeaders"],
        value=parameters["Signature"],
        session_token=request.header("x-amz-security-token"),
        expires=None,
    )


def _date_of(request: Received) -> str:
    """Return the date of a request that is signed in a header."""
    if (stated := request.header("x-amz-date")) is not None:
        return stated
    try:
        return parsedate_to_datetime(request.header("date") or "").astimezone(UTC).strftime(_TIMESTAMP)
    except ValueError:
        raise Unauthentic(
            "incomplete",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        ) from None


def _from_query(query: Mapping[str, str]) -> Signature:
    names = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
    for name in names:
        if not query.get(f"X-Amz-{name}"):
            raise Unauthentic("incomplete-query", f"AWS query-string parameters must include 'X-Amz-{name}'.")
    if query["X-Amz-Algorithm"] != ALGORITHM:
        raise Unauthentic("incomplete-query", 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
    expires = query["X-Amz-Expires"]
    if not re.fullmatch(r"[0-9]{1,9}", expires) or int(expires) > _LONGEST:
        raise Unauthentic("incomplete-query", "X-Amz-Expires must be less than a week (in seconds)")
    try:
        return _signature(
            credential=query["X-Amz-Credential"],
            timestamp=query["X-Amz-Date"],
            signed_headers=query["X-Amz-SignedHeaders"],
            value=query["X-Amz-Signature"],
            session_token=query.get("X-Amz-Security-Token"),
            expires=int(expires),
        )
    except Unauthentic as error:
        raise Unauthentic("incomplete-query", error.message) from error


def _signature(
    *,
    credential: str,
    timestamp: str,
    signed_headers: str,
    value: str,
    session_token: str | None,
    expires: int | None,
) -> Signature:
    scope = credential.split("/")
    if len(scope) != 5 or scope[4] != "aws4_request":
        raise Unauthentic(
            "incomplete",
            "Credential must have 5 slash-delimited elements, like keyid/date/region/service/aws4_request; "
            f"got {credential!r}",
        )
    access_key_id, date, region, service, _ = scope
    try:
        datetime.strptime(timestamp, _TIMESTAMP)  # noqa: DTZ007  # the Z means UTC
    except ValueError:
        raise Unauthentic(
            "incomplete", f"Date must be in ISO-8601 'basic format'. Got {timestamp!r}."
        ) from None
    if timestamp[:8] != date:
        raise Unauthentic(
            "incomplete", f"Date in Credential scope does not match YYYYMMDD of the request: {date!r}."
        )
    return Signature(
        access_key_id=access_key_id,
        region=region,
        service=service,
        timestamp=timestamp,
        signed_headers=tuple(signed_headers.split(";")),
        value=value,
        session_token=session_token,
        expires=expires,
    )


def check_claims(
    request: Received, signature: Signature, credentials: Credentials | None, now: datetime
) -> Credentials:
    """Return the credentials if everything but the signature is valid; raise Unauthentic."""
    if credentials is None:
        raise Unauthentic("unknown-key", "The security token included in the request is invalid.")
    if not hmac.compare_digest(
        (signature.session_token or "").encode(), (credentials.session_token or "").encode()
    ):
        raise Unauthentic("invalid-token", "The security token included in the request is invalid.")
    if credentials.expires_at is not None and credentials.expires_at <= now:
        raise Unauthentic("expired-token", "The security token included in the request is expired")
    _check_time(signature, now)
    _check_headers(request, signature)
    return credentials


def _check_time(signature: Signature, now: datetime) -> None:
    skew = _SKEW_OF_S3 if signature.service == "s3" else _SKEW
    dated, at = signature.dated, now.strftime(_TIMESTAMP)
    if dated > now + skew:
        raise Unauthentic(
            "skewed", f"Signature not yet current: {signature.timestamp} is still later than {at}"
        )
    if signature.expires is None and dated < now - skew:
        raise Unauthentic("skewed", f"Signature expired: {signature.timestamp} is now earlier than {at}")
    if signature.expires is not None and dated + timedelta(seconds=signature.expires) < now:
        raise Unauthentic("expired-url", "Request has expired")


def _check_headers(request: Received, signature: Signature) -> None:
    """Return if the signature covers every header that AWS requires it to cover.

    Source: IAM user guide, "Create a signed AWS API request": host and all x-amz- headers.
    """
    present = {name.lower() for name, _ in request.headers}
    must = {"host", *(name for name in present if name.startswith("x-amz-"))}
    if unsigned := sorted(must - set(signature.signed_headers)):
        raise Unauthentic(
            "unsigned-headers",
            f"There were headers present in the request which were not signed: {', '.join(unsigned)}",
        )


def verify(request: Received, signature: Signature, credentials: Credentials, body: bytes) -> None:
    """Return if the signature is that of these credentials for this request; raise Unauthentic."""
    digest = hashlib.sha256(body).hexdigest()
    stated = _payload(request, signature, digest)
    path, mark, query = request.target.partition("?")
    # The signature of a presigned URL covers the URL without that signature.
    signed = [pair for pair in query.split("&") if unquote_plus(pair.partition("=")[0]) != "X-Amz-Signature"]
    again = AWSRequest(method=request.method, url=f"http://localhost{path}{mark}{'&'.join(signed)}")
    again.context["timestamp"] = signature.timestamp
    for name, value in request.headers:
        if name.lower() in signature.signed_headers:
            again.headers[name.lower()] = value
    signer = _Signer(credentials, signature, stated)
    calculated = signer.calculate(again)
    is_same = hmac.compare_digest(calculated.encode(), signature.value.encode())
    if not is_same or not _is_plain(request.target, signature):
        raise Unauthentic("mismatch", _MISMATCH)
    if stated in (SIGNED_CHUNKS, WITH_TRAILER):
        is_same = signature.service == "s3" and chunks_are_signed(
            body,
            seed=signature.value,
            dated=signature.timestamp,
            scope=signer.credential_scope(again),
            sign=lambda text: signer.signature(text, again),
            trailer=stated == WITH_TRAILER,
        )
        if not is_same:
            raise Unauthentic("mismatch", _MISMATCH)
    elif stated != digest and not (signature.service == "s3" and stated in _UNSIGNED_PAYLOADS):
        raise Unauthentic(
            "body-mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."
        )


def _is_plain(target: str, signature: Signature) -> bool:
    """Return whether routing and signing interpret the path alike.

    Signing removes fragments and, except for S3, dot segments; routing does not.
    """
    path = target.partition("?")[0]
    return (
        target.startswith("/")
        and "#" not in target
        and (signature.service == "s3" or normalize_url_path(path) == path)
    )


def _payload(request: Received, signature: Signature, digest: str) -> str:
    """Return the payload hash of the canonical request."""
    stated = request.header("x-amz-content-sha256")
    if signature.service != "s3":
        return digest if stated is None else stated
    if stated is None:
        if signature.expires is not None:
            return UNSIGNED
        raise Unauthentic("incomplete", "Missing required header for this request: x-amz-content-sha256")
    if stated not in (*_UNSIGNED_PAYLOADS, SIGNED_CHUNKS, WITH_TRAILER) and not _DIGEST.fullmatch(stated):
        raise Unauthentic("unsupported", f"The local cloud does not verify bodies signed as {stated[:60]!r}.")
    return stated


class _Signer(SigV4Auth):
    """botocore's signer for a request whose signed headers are known."""

    def __init__(self, credentials: Credentials, signature: Signature, payload: str) -> None:
        secret = BotocoreCredentials(credentials.access_key_id, credentials.secret_access_key)
        super().__init__(secret, signature.service, signature.region)
        self._of_s3, self._payload = signature.service == "s3", payload

    def calculate(self, request: AWSRequest) -> str:
        """Return the signature."""
        return self.signature(self.string_to_sign(request, self.canonical_request(request)), request)

    def headers_to_sign(self, request: AWSRequest) -> HTTPMessage:
        return request.headers

    def payload(self, request: AWSRequest) -> str:
        return self._payload

    def _normalize_url_path(self, path: str) -> str:
        # S3 encodes once and keeps every slash and dot of a key
        if self._of_s3:
            return quote(unquote_to_bytes(path), safe="/~")
        normalized: str = super()._normalize_url_path(path)  # type: ignore[misc]  # not in the stubs
        return normalized
