"""Many things in turn, where an error with one of them keeps nobody from the others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOG = logging.getLogger(__name__)


class Failures:
    """What went wrong with single ones of many."""

    def __init__(self) -> None:
        self._errors: list[Exception] = []

    @contextmanager
    def collecting(self, what: str) -> Iterator[None]:
        """Log and keep any error inside, whatever it is: a damaged record must block no other either."""
        try:
            yield
        except Exception as error:
            _LOG.warning("%s is left for later: %s: %s", what, type(error).__name__, error)
            self._errors.append(error)

    def raise_first(self) -> None:
        """Raise the first error; to be called when everything has had its turn."""
        if self._errors:
            raise self._errors[0]
