"""Errors of indexes, of the paths in them, and of tags."""

from __future__ import annotations

from tidemark.errors.root import TidemarkError


class IndexNotFound(TidemarkError):
    """No complete index has this id, or the file system has none yet."""

    exit_code = 17


class PathNotFound(TidemarkError):
    """The index contains no such path."""

    exit_code = 18


class AccessPointNotFound(TidemarkError):
    """No access point of the file system has this id, name or volume claim."""

    exit_code = 39


class RecoveryPointNotFound(TidemarkError):
    """No recovery point has this ARN, or no index describes it."""

    exit_code = 19


class IndexDamaged(TidemarkError):
    """A file of an index is missing, truncated or altered."""

    exit_code = 44


class IndexFormatNotSupported(TidemarkError):
    """The index was written by a newer Tidemark."""

    exit_code = 45


class ForeignTag(TidemarkError):
    """A tag was altered, or was not written by this deployment for this file system."""

    exit_code = 50


class TagKeyDamaged(TidemarkError):
    """A wrapped data key in the repository cannot be used."""

    exit_code = 51
