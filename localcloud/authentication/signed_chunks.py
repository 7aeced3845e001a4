"""Bodies sent to S3 in chunks, each with a signature that covers the previous chunk's.

Source: S3 API reference, "Signature Calculations for the Authorization Header: Transferring Payload in
Multiple Chunks", and the variant with trailing headers.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable

SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
WITH_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
_HEAD = re.compile(rb"([0-9a-fA-F]{1,16});chunk-signature=([0-9a-f]{64})\r\n")
_SIGNATURE_OF_TRAILER = b"x-amz-trailer-signature"
_EMPTY = hashlib.sha256(b"").hexdigest()


def chunks_are_signed(
    body: bytes, *, seed: str, dated: str, scope: str, sign: Callable[[str], str], trailer: bool
) -> bool:
    """Return whether the body consists of correctly signed chunks, in order and complete.

    `seed` is the request's own signature; `sign` returns the signature of a string to sign.
    """
    at, before, size = 0, seed, -1

    def is_next(kind: str, hashed: str, signature: bytes) -> bool:
        nonlocal before
        before = sign("\n".join((f"AWS4-HMAC-SHA256-{kind}", dated, scope, before, hashed)))
        return hmac.compare_digest(before.encode(), signature)

    while size != 0:
        head = _HEAD.match(body, at)
        if head is None:
            return False
        size, at = int(head[1], 16), head.end()
        digest = hashlib.sha256(memoryview(body)[at : at + size]).hexdigest()
        if at + size > len(body) or not is_next("PAYLOAD", f"{_EMPTY}\n{digest}", head[2]):
            return False
        at += size
        if size != 0 and body[at : at + 2] != b"\r\n":
            return False
        at += 2 if size != 0 else 0
    if not trailer:
        return body[at:] == b"\r\n"
    lines = [line.strip().partition(b":") for line in body[at:].split(b"\n") if line.strip()]
    signatures = [value.strip() for name, _, value in lines if name.lower() == _SIGNATURE_OF_TRAILER]
    headers = [
        name.lower() + b":" + value.strip() + b"\n"
        for name, _, value in lines
        if name.lower() != _SIGNATURE_OF_TRAILER
    ]
    digest = hashlib.sha256(b"".join(headers)).hexdigest()
    return len(signatures) == 1 and is_next("TRAILER", digest, signatures[0])
