"""The rules for tags on recovery points.

Sources: StartBackupJob and TagResource in the API reference, and the quotas of AWS Backup: at most 50 tags,
inherited ones of the file system included; tags that the job assigns win over inherited ones and are
taken in alphabetical order; another row of the quotas says 10 assigned by one job.
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
    """Raise InvalidParameterValue unless every key and value is one that AWS accepts."""
    for key, value in tags.items():
        if not 1 <= len(key) <= LONGEST_KEY:
            raise InvalidParameterValue(
                f"Tag keys have 1 to {LONGEST_KEY} characters, {key!r} has {len(key)}"
            )
        if key.lower().startswith("aws:"):
            raise InvalidParameterValue(f"Tag keys must not start with aws:, as {key!r} does")
        if len(value) > LONGEST_VALUE:
            raise InvalidParameterValue(
                f"Tag values have at most {LONGEST_VALUE} characters, that of {key!r} has {len(value)}"
            )
        for text in (key, value):
            wrong = [character for character in text if not _allowed(character)]
            if wrong:
                raise InvalidParameterValue(
                    f"The tag {key!r} has the character {wrong[0]!r}, which tags cannot hold"
                )


def check_job_tags(tags: Mapping[str, str]) -> None:
    """Raise unless a backup job may assign these tags."""
    if len(tags) > MOST_JOB_TAGS:
        raise LimitExceeded(f"A backup job assigns at most {MOST_JOB_TAGS} tags, not {len(tags)}")
    check_tags(tags)


def check_resource_tags(tags: Mapping[str, str]) -> None:
    """Raise unless a resource may carry all of these tags."""
    if len(tags) > MOST_TAGS:
        raise LimitExceeded(f"A resource carries at most {MOST_TAGS} tags, not {len(tags)}")
    check_tags(tags)


def recovery_point_tags(assigned: Mapping[str, str], inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a new recovery point: those of the job, then as many inherited ones as fit."""
    tags = dict(sorted(assigned.items())[:MOST_TAGS])
    for key, value in sorted(inherited.items()):
        if len(tags) < MOST_TAGS and not key.lower().startswith("aws:"):
            tags.setdefault(key, value)
    return tags


def _allowed(character: str) -> bool:
    # \p{L}, \p{Z} and \p{N}: any kind of letter, separator or number
    return character in PUNCTUATION or unicodedata.category(character)[0] in "LZN"
