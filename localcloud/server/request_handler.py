"""The HTTP request handler of the local cloud."""

from __future__ import annotations

from moto.moto_server.werkzeug_app import MotoRequestHandler


class QuietHandler(MotoRequestHandler):  # type: ignore[misc]  # moto has no types
    """Logs no requests, and sends small responses immediately."""

    disable_nagle_algorithm = True  # else each response on a kept-alive connection may be delayed by 40 ms

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing; the call log records the request."""
