"""Made-up comparisons, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from tidemark.damage.facts import ROOT, SIGNALS, Comparison, Counts, Scope

DIRECTORIES = ("/a/", "/a/b/", "/a/c/", "/d/", "/d/e/", "/d/e/f/")


def scope(files: int = 1_000, *, after: int | None = None, size: int = 10**6, **counts: int) -> Scope:
    gone = sum(counts.get(name, 0) for name in ("deleted", "replaced", "moved"))
    left = files - gone + counts.get("added", 0)
    return Scope(
        files=files, files_after=left if after is None else after, bytes=size, counts=Counts(**counts)
    )


def comparison(number: int, scopes: Mapping[str, Scope] | None = None, **fields: object) -> Comparison:
    """Return the comparison of index `number` with the one before; `scopes` in addition to an idle root."""
    usual = {
        "index_id": f"index-{number:03}",
        "previous_index_id": f"index-{number - 1:03}",
        "crawled_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number),
        "suspicious": False,
        "scopes": {ROOT: scope(10_000, size=10**7), **(scopes or {})},
        "limits": Counts(),
    }
    return Comparison(**usual | fields)


@st.composite
def trees(draw) -> dict[str, Scope]:
    """Directories whose counts include those of the directories below."""
    own = {
        path: {name: draw(st.integers(0, 400)) for name in SIGNALS}
        for path in (ROOT, *DIRECTORIES)
        if path == ROOT or draw(st.booleans())
    }
    for path in list(own):
        for above in _above(path):
            own.setdefault(above, dict.fromkeys(SIGNALS, 0))
    found = {}
    for path in own:
        below = [counts for each, counts in own.items() if each.startswith(path)]
        counts = {name: sum(each[name] for each in below) for name in SIGNALS}
        files = counts["deleted"] + counts["replaced"] + counts["moved"] + draw(st.integers(0, 500))
        found[path] = scope(files, size=counts["lost_bytes"] + 1_000, **counts)
    return found


def _above(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    return [f"/{'/'.join(parts[:number])}/" for number in range(1, len(parts))]
