"""The error of a request that has no meaning, such as a size that is not a number."""

from __future__ import annotations


class InvalidRequest(ValueError):
    """A value that a user gave is malformed; `option` names it as the command line does, such as --size.

    Commands report it as wrong usage, and pages next to the field.
    """

    def __init__(self, message: str, *, option: str | None = None) -> None:
        super().__init__(message)
        self.option = option
