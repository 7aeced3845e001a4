"""Authenticates WSGI requests by their signature."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localcloud.authentication.credentials import Credentials, Issuer
from localcloud.authentication.signatures import Received, Signature, check_claims, read, verify

_HEADERS_WITHOUT_PREFIX = ("CONTENT_TYPE", "CONTENT_LENGTH")
_OF_A_VERSION = re.compile(r"/\d{4}-\d{2}-\d{2}/")  # paths of Lambda, EFS and other REST services


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentic:
    """A request signed with a secret access key of this run."""

    signature: Signature
    credentials: Credentials
    body: bytes


def authenticate(request: Received, environ: dict[str, Any], issuer: Issuer, now: datetime) -> Authentic:
    """Return the caller, and leave the body readable in `environ`; raise Unauthentic.

    The body is read only after everything but the signature has been checked.
    """
    signature = read(request)
    credentials = check_claims(request, signature, issuer.find(signature.access_key_id), now)
    body = _read_body(environ)
    verify(request, signature, credentials, body)
    return Authentic(signature=signature, credentials=credentials, body=body)


def received(environ: dict[str, Any], original_names: dict[str, str]) -> Received:
    """Return the request line and headers of WSGI.

    `original_names` maps WSGI keys to the header names that WSGI cannot represent.
    """
    headers = []
    for key, value in environ.items():
        if key.startswith("HTTP_") or (key in _HEADERS_WITHOUT_PREFIX and value):
            name = original_names.get(key) or key.removeprefix("HTTP_").replace("_", "-").lower()
            headers.append((name, value))
    return Received(method=environ["REQUEST_METHOD"], target=environ["REQUEST_URI"], headers=tuple(headers))


def likely_service(request: Received) -> str:
    """Return the service whose error format the sender of an unsigned request most likely expects.

    On AWS the host name identifies the service; here all services share one.
    """
    if request.header("x-amz-target") is not None:
        return "dynamodb"  # stands for any service with the JSON protocol
    if (request.header("content-type") or "").startswith("application/x-www-form-urlencoded"):
        return "sts"  # stands for any service with the query protocol
    if dict(request.query).get("Action"):
        return "sts"
    return "lambda" if _OF_A_VERSION.match(request.path) else "s3"


def _read_body(environ: dict[str, Any]) -> bytes:
    length = environ.get("CONTENT_LENGTH") or ""
    if environ.get("wsgi.input_terminated"):  # sent in chunks
        body: bytes = environ["wsgi.input"].read()
        environ["CONTENT_LENGTH"] = str(len(body))
        del environ["wsgi.input_terminated"], environ["HTTP_TRANSFER_ENCODING"]
    else:
        body = environ["wsgi.input"].read(int(length)) if length.isdigit() else b""
    environ["wsgi.input"] = io.BytesIO(body)
    return body
