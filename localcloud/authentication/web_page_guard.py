"""Refuses requests from web pages, and requests to host names other than loopback's.

The local cloud runs code as its user: it starts functions and workers. A browser sends requests to loopback
for any page, some without a preflight, and other users of the machine can reach every port. So every listener
calls `refusal` and also requires a secret: AWS requests and the control interface are signed
(authentication/), and the Runtime API of a function has a secret path (functions/sandbox.py).
"""

from __future__ import annotations

from collections.abc import Mapping

# Headers that browsers add to requests from pages. Source: Fetch Standard, "Origin header"; W3C, Fetch
# Metadata. Sec-Fetch-Mode is left out: Node's fetch sends it too, and browsers send it only with
# Sec-Fetch-Site.
_OF_A_PAGE = ("HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE")
_NAMES = ("127.0.0.1", "localhost", "[::1]")


def refusal(environ: Mapping[str, str], port: int) -> str | None:
    """Return the reason to refuse a request, or None.

    The name of a page may resolve to loopback (DNS rebinding), so only loopback's own names are accepted.
    """
    if any(name in environ for name in _OF_A_PAGE):
        return "the local cloud refuses requests from web pages"
    host = environ.get("HTTP_HOST", "")
    if host not in {f"{name}:{port}" for name in _NAMES}:
        return f"the local cloud refuses requests to the host {host!r}; use 127.0.0.1:{port}"
    return None
