"""HTTP as the local cloud speaks it."""

from __future__ import annotations

from moto.moto_server.werkzeug_app import MotoRequestHandler


class QuietHandler(MotoRequestHandler):  # type: ignore[misc]  # moto has no types
    """Logs no requests, and sends small answers at once."""

    disable_nagle_algorithm = True  # else every answer of a kept-alive connection may wait 40 ms

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: the call log has it."""
