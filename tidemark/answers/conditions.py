"""Parse the options of a search into conditions on entries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tidemark.answers.requests import InvalidRequest
from tidemark.answers.text import typed
from tidemark.escape import escape

if TYPE_CHECKING:
    from tidemark.index.reading.filters import Filters

TYPES = "fdlpscb"
LARGEST = 2**63 - 1  # the largest number that an option accepts
_SIZE = re.compile(r"(?P<sign>[+-]?)(?P<number>[0-9]+(\.[0-9]+)?)(?P<unit>[kKMGTPE]?)(?P<binary>i?)B?")
_BYTE_OR_ESCAPE = re.compile(rb"\\x(?P<byte>[89a-fA-F][0-9a-fA-F])|\\.", re.DOTALL)
_AGE = re.compile(r"(?P<number>[0-9]{1,9})(?P<unit>min|h|d|w|y)")
_UNITS = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}
_OWNER = re.compile(r"(?P<uid>[0-9]+)?(:(?P<gid>[0-9]+))?")


def filters(
    *,
    now: datetime,
    ext: str | None = None,
    under: str | None = None,
    types: str | None = None,
    sizes: Sequence[str] = (),
    newer: str | None = None,
    older: str | None = None,
    owner: str | None = None,
) -> Filters:
    """Return the conditions of the options; raise InvalidRequest, which names the option."""
    from tidemark.index.reading.filters import Filters

    if ext is not None and not ext.removeprefix("."):
        raise InvalidRequest("it is empty; give an extension such as jpg", option="--ext")
    low, high = size_range(sizes)
    uid, gid = owner_of(owner) if owner is not None else (None, None)
    return Filters(
        ext=None if ext is None else escape(typed(ext)),
        under=None if under is None else escape(typed(under)),
        types=() if types is None else types_of(types),
        size_min=low,
        size_max=high,
        newer=None if newer is None else moment_of(newer, now, "--newer"),
        older=None if older is None else moment_of(older, now, "--older"),
        uid=uid,
        gid=gid,
    )


def pattern_of(text: str, *, regex: bool) -> str:
    r"""Return the pattern as characters: `\xNN` is one byte, as in the names that commands print.

    It is replaced before wildcards are recognized, so `\x2a` is one; a literal `*` is `[*]`. In a regular
    expression, `\x00` to `\x7f` are left to RE2, for which they are literal characters. From `\x80` on, they
    would be the numbers of characters in RE2, which are written `\x{e9}` here.
    """
    if not regex:
        return typed(text).decode("utf-8", "surrogateescape")
    raw = _BYTE_OR_ESCAPE.sub(
        lambda found: bytes.fromhex(found["byte"].decode()) if found["byte"] else found[0],
        text.encode("utf-8", "surrogateescape"),
    )
    return raw.decode("utf-8", "surrogateescape")


def size_range(texts: Sequence[str]) -> tuple[int | None, int | None]:
    """Return the smallest and largest size in bytes that all of `+1G`, `-10k`, `0` allow; None: no limit."""
    low: int | None = None
    high: int | None = None
    for text in texts:
        found = _SIZE.fullmatch(text)
        if found is None or (found["binary"] and not found["unit"]):
            raise InvalidRequest(
                f"{text!r} is not a size such as +1G, -10k or +1.5Gi; k, M, G are powers of 1000 bytes, "
                f"Ki, Mi, Gi of 1024",
                option="--size",
            )
        number = _bytes(found)
        if number > LARGEST:
            raise InvalidRequest(f"{text!r} is more than any file holds", option="--size")
        if found["sign"] != "-":
            low = number if low is None else max(low, number)
        if found["sign"] != "+":
            high = number if high is None else min(high, number)
    return low, high


def byte_size(text: str, option: str) -> int:
    """Return the bytes of a size without sign, such as `50G`; at least one."""
    found = _SIZE.fullmatch(text)
    if found is None or found["sign"] or (found["binary"] and not found["unit"]):
        raise InvalidRequest(
            f"{text!r} is not a size such as 50G or 1.5Gi; k, M, G are powers of 1000 bytes, Ki, Mi, Gi of "
            f"1024",
            option=option,
        )
    number = _bytes(found)
    if not 1 <= number <= LARGEST:
        raise InvalidRequest(f"{text!r} is not between 1 byte and 9 EB", option=option)
    return number


def _bytes(found: re.Match[str]) -> int:
    power = " KMGTPE".index(found["unit"].upper() or " ")
    whole, _, fraction = found["number"].partition(".")
    base: int = (1024 if found["binary"] else 1000) ** power
    tenths: int = 10 ** len(fraction)
    return int(whole) * base + int(fraction or 0) * base // tenths


def moment_of(text: str, now: datetime, option: str) -> datetime:
    """Return the time in UTC of an age such as `30d`, or of `2026-11-22` or `2026-11-22T02:00` (in UTC)."""
    try:
        if found := _AGE.fullmatch(text):
            return now - int(found["number"]) * _UNITS[found["unit"]]
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(
            f"{text!r} is neither a time such as 2026-11-22 or 2026-11-22T02:00 (UTC) nor an age such as "
            f"90min, 12h, 30d, 2w, 1y",
            option=option,
        ) from error


def later_of(text: str, now: datetime, option: str) -> datetime:
    """Return the time in UTC after a span such as `12h` or `30d`, or of `2026-11-22` or `2026-11-22T02:00`.

    Raises InvalidRequest for any other text, and for a time that is past.
    """
    try:
        if found := _AGE.fullmatch(text):
            moment = now + int(found["number"]) * _UNITS[found["unit"]]
        else:
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(
            f"{text!r} is neither a time such as 2026-11-22 or 2026-11-22T02:00 (UTC) nor a span such as "
            f"90min, 12h, 30d, 2w, 1y",
            option=option,
        ) from error
    if moment <= now:
        raise InvalidRequest(f"{text!r} is not in the future", option=option)
    return moment


def owner_of(text: str) -> tuple[int | None, int | None]:
    """Return the user id and the group id of `1000`, `1000:100` or `:100`."""
    found = _OWNER.fullmatch(text)
    numbers = [found["uid"], found["gid"]] if found else []
    uid, gid = (None if number is None else int(number) for number in numbers or (None, None))
    if (uid is None and gid is None) or max(uid or 0, gid or 0) > LARGEST:
        raise InvalidRequest(
            f"{text!r} is not an owner such as 1000, 1000:100 or :100; an index contains numbers, not names",
            option="--owner",
        )
    return uid, gid


def types_of(text: str) -> frozenset[str]:
    """Return the types of `f` or `f,l`."""
    letters = text.split(",")
    if not all(len(letter) == 1 and letter in TYPES for letter in letters):
        raise InvalidRequest(
            f"{text!r} is not a type; f is a file, d a directory, l a symbolic link, p a FIFO, s a socket, "
            f"c and b are devices; separate several with commas",
            option="--type",
        )
    return frozenset(letters)
