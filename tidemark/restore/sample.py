"""Chooses the files of a drill: few that differ as much as possible, in one pass through an index.

Each stratum has its own candidates. Files are taken from one stratum after another, until there are enough:
a random sample of a large file system would consist of its most common kind of file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.format.manifest import Manifest
from tidemark.index.query.lookup import subtrees_of
from tidemark.index.reading.scan import places_of
from tidemark.index.storage.object_store import Store
from tidemark.restore.cover import requestable
from tidemark.restore.items import Limits
from tidemark.restore.plan import Sampled

Stratum = Literal["large", "small", "old", "new", "name", "owner", "link", "random"]

MOST_OWNERS = 10_000  # whose files are candidates
MOST_ENTRIES = 10_000  # restored with a file whose own name cannot be requested
# No file may take more of the drill's bytes than one in this many.
_SHARES = 4

_COLUMNS = ["parent", "name", "type", "size", "mtime", "uid", "nlink"]
_PATH_COLUMNS = ["parent", "name", "size"]
# Names that scripts and copies get wrong: beginning with a hyphen or dot, spaces at an end, quotes, control
# characters, escapes, more than 100 characters, and everything beyond ASCII.
_UNUSUAL = r"""^[-. ]|[ .]$|['"\\*?$`\x00-\x1f\x7f]|[^\x00-\x7f]|^.{100}"""

_Select = Callable[[pa.Table], pa.Table]


def sample_files(
    store: Store, manifest: Manifest, count: int, *, seed: int, most_bytes: int, limits: Limits
) -> list[Sampled]:
    """Return up to `count` files and symbolic links of an index, each once; the same for the same seed.

    Together they need no more than `most_bytes`, with the directories that must be restored for those whose
    names AWS Backup cannot be given; each of them no more than a quarter of it. Raises IndexDamaged.
    """
    candidates = _candidates(store, manifest, count, seed, most_bytes // _SHARES)
    costs = _costs(store, manifest, candidates, most_bytes // _SHARES, limits)
    return list(_taken(candidates, costs, count, most_bytes))


def _candidates(
    store: Store, manifest: Manifest, count: int, seed: int, largest: int
) -> dict[Stratum, list[tuple[str, int]]]:
    """Return the paths and sizes of the candidates of each stratum, the preferred ones first."""
    pools: dict[Stratum, pa.Table] = {}
    owners: dict[int, tuple[float, tuple[str, int]]] = {}
    for number, place in enumerate(places_of(store, manifest)):
        rows = place.read(_COLUMNS, encoded=["parent", "type"])
        rows = rows.append_column("chance", pc.random(len(rows), initializer=(seed + number) % 2**63))
        rows = rows.filter(_is_of_interest(rows, largest))
        _add_owners(owners, rows)
        for stratum, select in _strata(count).items():
            found = select(rows)
            known = pools.get(stratum)
            pools[stratum] = _plain(found if known is None else select(pa.concat_tables([known, found])))
    lists = {stratum: _paths(pool) for stratum, pool in pools.items()}
    lists["owner"] = [path for _, path in sorted(owners.values())]
    return lists


def _is_of_interest(rows: pa.Table, largest: int) -> pa.ChunkedArray:
    kind = rows.column("type").cast(pa.string())
    is_file = pc.and_(pc.equal(kind, "f"), pc.less_equal(rows.column("size"), largest))
    return pc.or_(is_file, pc.equal(kind, "l"))


def _strata(count: int) -> Mapping[Stratum, _Select]:
    """Return the strata, in the order in which files are taken from them; `owner` is separate."""

    def first(*keys: tuple[str, str], where: Callable[[pa.Table], pa.ChunkedArray] | None = None) -> _Select:
        def select(rows: pa.Table) -> pa.Table:
            kept = rows if where is None else rows.filter(where(rows))
            order = [*keys, ("chance", "ascending")]
            return kept.take(pc.select_k_unstable(kept, min(count, len(kept)), order)) if len(kept) else kept

        return select

    def is_file(rows: pa.Table) -> pa.ChunkedArray:
        return pc.equal(rows.column("type").cast(pa.string()), "f")

    def is_linked(rows: pa.Table) -> pa.ChunkedArray:
        return pc.or_(pc.invert(is_file(rows)), pc.greater(rows.column("nlink"), 1))

    return {
        "large": first(("size", "descending"), where=is_file),
        "small": first(("size", "ascending"), where=is_file),
        "old": first(("mtime", "ascending")),
        "new": first(("mtime", "descending")),
        "name": first(where=lambda rows: pc.match_substring_regex(rows.column("name"), _UNUSUAL)),
        "link": first(where=is_linked),
        "random": first(),
    }


def _add_owners(owners: dict[int, tuple[float, tuple[str, int]]], rows: pa.Table) -> None:
    """Keep one random file of each owner."""
    if not len(rows):
        return
    least = rows.group_by("uid").aggregate([("chance", "min")])
    for uid, chance in zip(
        least.column("uid").to_pylist(), least.column("chance_min").to_pylist(), strict=True
    ):
        known = owners.get(uid)
        if (known is None and len(owners) < MOST_OWNERS) or (known is not None and chance < known[0]):
            row = rows.filter(pc.equal(rows.column("chance"), chance)).slice(0, 1)
            owners[uid] = chance, _paths(row)[0]


def _plain(rows: pa.Table) -> pa.Table:
    """Return the rows without dictionaries, which differ between row groups."""
    return rows.cast(
        pa.schema([(name, _TYPES.get(name, rows.schema.field(name).type)) for name in rows.column_names])
    )


_TYPES = {"parent": pa.string(), "type": pa.string()}


def _paths(rows: pa.Table) -> list[tuple[str, int]]:
    columns = (_plain(rows.select(_PATH_COLUMNS)).column(name).to_pylist() for name in _PATH_COLUMNS)
    return [(parent + name, size) for parent, name, size in zip(*columns, strict=True)]


def _costs(
    store: Store,
    manifest: Manifest,
    candidates: Mapping[Stratum, Sequence[tuple[str, int]]],
    most_bytes: int,
    limits: Limits,
) -> dict[str, int]:
    """Return the bytes that each candidate restores, without the candidates that restore too much."""
    sizes = {path: size for found in candidates.values() for path, size in found}
    instead = {path: requestable(path, limits) for path in sizes}
    others = {directory for path, directory in instead.items() if directory != path}
    subtrees = subtrees_of(store, manifest, others) if others else {}
    costs = {path: size for path, size in sizes.items() if instead[path] == path}
    for path in sizes.keys() - costs.keys():
        below = subtrees.get(instead[path])
        if below is not None and below.entries <= MOST_ENTRIES and below.bytes <= most_bytes:
            costs[path] = below.bytes
    return costs


def _taken(
    candidates: Mapping[Stratum, Sequence[tuple[str, int]]],
    costs: Mapping[str, int],
    count: int,
    most_bytes: int,
) -> Iterator[Sampled]:
    """Yield one file of each stratum after another, until there are enough or none is left."""
    taken, left = set[str](), most_bytes
    rest: dict[Stratum, Iterator[tuple[str, int]]] = {
        stratum: iter(found) for stratum, found in candidates.items()
    }
    while rest:
        for stratum in list(rest):
            path = next(
                (
                    each
                    for each, _ in rest[stratum]
                    if each not in taken and costs.get(each, left + 1) <= left
                ),
                None,
            )
            if path is None:
                del rest[stratum]
                continue
            taken.add(path)
            left -= costs[path]
            yield Sampled(path=path, stratum=stratum)
            if len(taken) == count:
                return
