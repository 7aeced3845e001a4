"""Who may ask the local cloud: programs that know this run's secret, and no web page.

Whoever reaches it runs code as its user: it starts functions and workers from what it is told. A browser
sends requests to loopback for any page, some of them without asking first, and other users of the machine
reach every port. So the access key is made anew at each start, and nobody but this user is told it.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path

# What browsers add to requests of pages. Source: Fetch Standard, "Origin header"; W3C, Fetch Metadata.
_OF_A_PAGE = ("HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_MODE")
_NAMES = ("127.0.0.1", "localhost", "[::1]")
# How services refuse a key that is none. Source: "Common errors" of each API reference.
UNKNOWN_KEY = {
    "s3": "InvalidAccessKeyId",
    "ec2": "AuthFailure",
    **dict.fromkeys(("sts", "iam", "sns", "sqs", "cloudformation", "cloudwatch"), "InvalidClientTokenId"),
}


def new_access_key() -> str:
    """Return an access key id that nobody can guess."""
    return "AKIA" + secrets.token_hex(16).upper()


def refusal(environ: Mapping[str, str], port: int) -> str | None:
    """Return why a request must not be answered at all, or None.

    A page may have had its name resolve to loopback (DNS rebinding): only the names of loopback are taken.
    """
    if any(name in environ for name in _OF_A_PAGE):
        return "web pages may not ask the local cloud"
    host = environ.get("HTTP_HOST", "")
    if host not in {f"{name}:{port}" for name in _NAMES}:
        return f"the local cloud does not answer to the name {host!r}; use 127.0.0.1:{port}"
    return None


def knows(environ: Mapping[str, str], secret: str) -> bool:
    """Return whether a request of the control interface carries the secret."""
    return hmac.compare_digest(environ.get("HTTP_AUTHORIZATION", "").encode(), f"Bearer {secret}".encode())


def is_same_user(peer: tuple[str, int], own_uid: int) -> bool:
    """Return whether the other end of a connection on loopback is a process of this user.

    As Linux tells it in /proc/net/tcp; where there is none, everybody counts as the same.
    """
    table = Path("/proc/net/tcp")
    if not table.exists():
        return True
    address, port = peer
    there = f"{int.from_bytes(bytes(map(int, address.split('.'))), 'little'):08X}:{port:04X}"
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == there:
            return int(fields[7]) in (own_uid, 0)
    return False
