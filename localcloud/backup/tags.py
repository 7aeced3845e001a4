"""The rules for tags on recovery points.

Sources: StartBackupJob and TagResource in the API reference, and the quotas of AWS Backup: at most 50 tags,
inherited ones of the file system included; tags that the job assigns take precedence over inherited ones and
are applied in alphabetical order. Another row of the quotas allows a job to assign 10.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from localcloud.backup.errors import InvalidParameterValue, LimitExceeded

MOST_TAGS = 50
MOST_JOB_TAGS = 10
LONGEST_KEY = 128
LONGEST_VALUE = 256
PUNCTUATION = set("_.:/=+-@")


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise InvalidParameterValue unless AWS accepts every key and value."""
    for key, value in tags.items():
        if not 1 <= len(key) <= LONGEST_KEY:
            raise InvalidParameterValue(
                f"Tag keys must have 1 to {LONGEST_KEY} characters; {key!r} has {len(key)}"
            )
        if key.lower().startswith("aws:"):
            raise InvalidParameterValue(f"Tag keys must not start with aws:, as {key!r} does")
        if len(value) > LONGEST_VALUE:
            raise InvalidParameterValue(
                f"Tag values must have at most {LONGEST_VALUE} characters; that of {key!r} has {len(value)}"
            )
        for text in (key, value):
            wrong = [character for character in text if not _allowed(character)]
            if wrong:
                raise InvalidParameterValue(
                    f"The tag {key!r} contains {wrong[0]!r}, which tags must not contain"
                )


def check_job_tags(tags: Mapping[str, str]) -> None:
    """Raise unless a backup job may assign these tags."""
    if len(tags) > MOST_JOB_TAGS:
        raise LimitExceeded(f"A backup job can assign at most {MOST_JOB_TAGS} tags, not {len(tags)}")
    check_tags(tags)


def check_resource_tags(tags: Mapping[str, str]) -> None:
    """Raise unless a resource may have all of these tags."""
    if len(tags) > MOST_TAGS:
        raise LimitExceeded(f"A resource can have at most {MOST_TAGS} tags, not {len(tags)}")
    check_tags(tags)


def recovery_point_tags(assigned: Mapping[str, str], inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a new recovery point: those of the job, then inherited ones up to the limit."""
    tags = dict(sorted(assigned.items())[:MOST_TAGS])
    for key, value in sorted(inherited.items()):
        if len(tags) < MOST_TAGS and not key.lower().startswith("aws:"):
            tags.setdefault(key, value)
    return tags


def _allowed(character: str) -> bool:
    # \p{L}, \p{Z} and \p{N}: any kind of letter, separator or number
    return character in PUNCTUATION or unicodedata.category(character)[0] in "LZN"
