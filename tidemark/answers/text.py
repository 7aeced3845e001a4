"""Short texts for people: sizes, times, counts, and names without characters that deceive.

File names and all other input from outside are data. A path shown by `visible` can be typed back into a
command unchanged.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tidemark.escape import as_bytes as as_bytes
from tidemark.escape import unescape
from tidemark.escape import visible as visible


def quoted(text: str) -> str:
    """Return text from the user in quotes, as `visible` shows it."""
    return f"'{visible(text)}'"


def typed(text: str) -> bytes:
    r"""Return the bytes that a path or pattern on the command line means; `\xNN` is one byte."""
    raw = text.encode("utf-8", "surrogateescape")
    return unescape(raw.decode("utf-8", "backslashreplace"))


def size(number: int) -> str:
    """Return a number of bytes for people: `0 B`, `999 B`, `1.2 kB`, `34 GB`; units of 1000, as AWS bills."""
    if number < 1000:
        return f"{number} B"
    amount = float(number)
    for unit in ("kB", "MB", "GB", "TB", "PB", "EB"):
        amount /= 1000
        if amount < 9.95:
            return f"{amount:.1f} {unit}"
        if amount < 999.5 or unit == "EB":
            return f"{amount:.0f} {unit}"
    raise AssertionError(number)


def count(number: int, thing: str, things: str | None = None) -> str:
    """Return `1 file`, `12,345 files`."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def moment(time: datetime | None) -> str:
    """Return a time in UTC to the second, `2026-11-22 02:00:00`; a dash for none."""
    # Not strftime: it shortens years before 1000, and entries hold any time.
    return "-" if time is None else time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds")


def minute(time: datetime | None) -> str:
    """Return a time as `moment` does, to the minute, for narrow columns."""
    return moment(time)[:16]


def clock(time: datetime) -> str:
    """Return the time of day in UTC: `02:00:00`."""
    return f"{time.astimezone(UTC):%H:%M:%S}"


def json_time(time: datetime | None) -> str | None:
    """Return a time in ISO 8601, in UTC, to the second: `2026-11-22T02:00:00Z`."""
    return None if time is None else time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def duration(span: timedelta) -> str:
    """Return `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`, `3 d 04 h`."""
    seconds = max(span.total_seconds(), 0)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600:02} h"


def kept(days: int | None) -> str:
    """Return how long something is kept, in words."""
    return "forever" if days is None else count(days, "day")
