"""Interrupted actions, which are completed before anything else is placed."""

from __future__ import annotations

from errno import ENOENT

from tidemark.restore.descriptors import Descent, names_of, status_of
from tidemark.restore.journal import Intent
from tidemark.restore.moves import Entry
from tidemark.restore.target_directories import NO_DIRECTORY

_NO_ENTRY = {*NO_DIRECTORY, ENOENT}


def recover(intent: Intent, source: Descent, target: Descent) -> bool:
    """Complete an action that may have been interrupted; return whether it is complete.

    False means that nothing of it was done, or that its target is no longer what it made. Raises OSError if
    this cannot be determined.
    """
    *above, name = names_of(intent.path)
    try:
        source.go_to(above)
    except OSError as error:
        if error.errno not in _NO_ENTRY:
            raise
        return True  # only the holder of the journal's lock removes directories
    *target_above, target_name = names_of(intent.target)
    try:
        target.go_to(target_above)
    except OSError as error:
        if error.errno not in _NO_ENTRY:
            raise
        return status_of(name, source.fd) is None
    return Entry(source.fd, name, target.fd, target_name).recover(intent.action, intent.placeholder)
