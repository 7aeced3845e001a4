"""Collects the errors of independent items, so that one failing item does not stop the others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOG = logging.getLogger(__name__)


class Failures:
    """The errors of items that are handled one after the other."""

    def __init__(self) -> None:
        self._errors: list[Exception] = []

    @contextmanager
    def collecting(self, what: str) -> Iterator[None]:
        """Log and keep any error raised inside, of any type: a damaged record must not block the others."""
        try:
            yield
        except Exception as error:
            _LOG.warning("skipped %s for now: %s: %s", what, type(error).__name__, error)
            self._errors.append(error)

    def raise_first(self) -> None:
        """Raise the first error, if any. Call this after all items."""
        if self._errors:
            raise self._errors[0]
