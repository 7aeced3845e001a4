"""Which requests no listener answers: those of web pages, and those to other names than loopback's.

The local cloud runs code as its user: it starts functions and workers. A browser sends requests to loopback
for any page, some of them without asking first, and other users of the machine reach every port. So every
listener refuses what this module refuses, and needs a secret. Requests of AWS and of the control interface
are signed (authentication.py); the Runtime API of a function has a secret path (functions/sandbox.py).
"""

from __future__ import annotations

from collections.abc import Mapping

# What browsers add to requests of pages. Source: Fetch Standard, "Origin header"; W3C, Fetch Metadata. Not
# Sec-Fetch-Mode, which Node's fetch adds too, and browsers never without the other.
_OF_A_PAGE = ("HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE")
_NAMES = ("127.0.0.1", "localhost", "[::1]")


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
