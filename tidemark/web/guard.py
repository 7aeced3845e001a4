"""Admit only the browser of the user who started the server, and limit what its pages can do.

Every program and every open web page of this machine can reach the loopback interface. A random token in the
printed address is exchanged for a cookie. Requests of other web pages are refused by their Host (DNS
rebinding), Origin and Sec-Fetch-Site headers.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field

from flask import Request, Response

_SAFE_METHODS = {"GET", "HEAD"}
_OWN_SITES = {"same-origin", "none"}  # `none`: typed by the user, or opened by another program

# No inline script or style, no frames, nothing from elsewhere.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # With no-referrer, browsers would send the Origin "null" with the forms of these pages.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not answered, and its HTTP status."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Guard:
    """The secrets of one run of the server."""

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def origin(self) -> str:
        """The origin of the pages."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """The address that admits a browser."""
        return f"{self.origin}/enter?token={self.token}"

    @property
    def cookie(self) -> str:
        """The name of the cookie; it contains the port, because cookies do not distinguish ports."""
        return f"tidemark-{self.port}"

    def refusal(self, request: Request) -> Refusal | None:
        """Return why a request may not be answered to any browser, or None. Its cookie is not checked."""
        hosts = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        host = request.headers.get("Host", "")
        if host not in hosts:
            return Refusal(status=421, reason="This server has another name; use the address it printed.")
        origin = request.headers.get("Origin")
        writes = request.method not in _SAFE_METHODS
        if (origin is None and writes) or origin not in (None, f"http://{host}"):
            return Refusal(status=403, reason="Another web page sent this request.")
        site = request.headers.get("Sec-Fetch-Site", "none")
        # A link on another page may open a page here, but nothing else: no image, no script, no frame.
        navigates = (
            request.headers.get("Sec-Fetch-Mode") == "navigate"
            and request.headers.get("Sec-Fetch-Dest") == "document"
            and not writes
        )
        if site not in _OWN_SITES and not navigates:
            return Refusal(status=403, reason="Another web page sent this request.")
        return None

    def admits(self, request: Request) -> bool:
        """Return whether the request has the cookie of this run."""
        return _same(request.cookies.get(self.cookie, ""), self.session)

    def accepts(self, token: str) -> bool:
        """Return whether this is the token of the printed address."""
        return _same(token, self.token)

    def admit(self, response: Response) -> None:
        """Set the cookie. Scripts cannot read it, and requests of other sites do not carry it."""
        response.set_cookie(self.cookie, self.session, httponly=True, samesite="Strict", path="/")


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
