"""The root of the error tree."""

from __future__ import annotations


class TidemarkError(Exception):
    """An expected failure; the message states the cause and ends with the next step."""

    exit_code = 1
