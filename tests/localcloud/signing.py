"""Requests signed by botocore, and sent unchanged."""

from __future__ import annotations

import hashlib
import http.client
from dataclasses import dataclass

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localcloud import LocalCloud


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def keys_of(cloud: LocalCloud) -> Credentials:
    return Credentials(cloud.access_key_id, cloud.secret_access_key)


def signed_headers(
    cloud: LocalCloud,
    service: str,
    method: str,
    target: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    keys: Credentials | None = None,
) -> dict[str, str]:
    """Return these headers with botocore's signature of the request."""
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    request = AWSRequest(method=method, url=cloud.endpoint_url + target, data=body, headers=headers or {})
    signer(keys or keys_of(cloud), service, cloud.region).add_auth(request)
    return dict(request.headers.items())


def presigned(
    cloud: LocalCloud,
    service: str,
    method: str,
    target: str,
    *,
    expires: int = 60,
    keys: Credentials | None = None,
) -> str:
    """Return path and query of a URL that botocore has presigned."""
    signer = S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth
    request = AWSRequest(method=method, url=cloud.endpoint_url + target)
    signer(keys or keys_of(cloud), service, cloud.region, expires=expires).add_auth(request)
    return request.url.removeprefix(cloud.endpoint_url)


def in_chunks(pieces: list[bytes], request: AWSRequest, signer: SigV4Auth) -> bytes:
    """Return the body of a signed request in signed chunks."""
    before = request.headers["Authorization"].rpartition("Signature=")[2]
    scope, empty, body = signer.credential_scope(request), hashlib.sha256(b"").hexdigest(), b""
    for piece in (*pieces, b""):
        digest = hashlib.sha256(piece).hexdigest()
        lines = ("AWS4-HMAC-SHA256-PAYLOAD", request.context["timestamp"], scope, before, empty, digest)
        before = signer.signature("\n".join(lines), request)
        body += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(piece), before.encode(), piece)
    return body


def send(
    endpoint_url: str,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Send a request with these headers, a Host and a Content-Length."""
    address = endpoint_url.removeprefix("http://").partition("/")[0]
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        named = {"Host": address, **(headers or {})}
        if body is not None and "Transfer-Encoding" not in named:
            named.setdefault("Content-Length", str(len(body)))
        for name, value in named.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(status=answer.status, headers=dict(answer.getheaders()), body=answer.read())
    finally:
        connection.close()
