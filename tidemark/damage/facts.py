"""What one comparison of two indexes found, counted by directory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Self

ROOT = "/"
LISTED_PER_SIGNAL = 12  # directories that are kept for the comparison with later indexes
_MOST_EXTENSIONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Changes of files in a directory and below. All but the bytes are numbers of files."""

    replaced: int = 0  # gone, while a file with a related name and another extension appeared next to it
    overwritten: int = 0  # old files with other content
    emptied: int = 0  # truncated to nothing
    disguised: int = 0  # changed, while size, time of modification, owner and permissions stayed the same
    changed: int = 0  # files with other content, old or not
    deleted: int = 0  # neither replaced nor moved
    moved: int = 0  # added elsewhere with the same name, size and time
    added: int = 0
    new_extension: int = 0  # added, with an extension that no file had before
    lost_bytes: int = 0  # of deleted files and of those that became smaller
    gained_bytes: int = 0
    moved_bytes: int = 0
    replaced_bytes: int = 0

    def of(self, signal: str) -> int:
        """Return one of the numbers by its name."""
        return int(getattr(self, signal))


# Those that rules compare with earlier ones.
_JUDGED = (
    "replaced",
    "overwritten",
    "emptied",
    "disguised",
    "changed",
    "deleted",
    "lost_bytes",
    "gained_bytes",
)
SIGNALS = tuple(field.name for field in fields(Counts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A directory with its subtree, and what changed in it."""

    files: int  # before the changes
    files_after: int
    bytes: int  # before the changes
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The changes of one index against the previous one."""

    index_id: str
    previous_index_id: str
    crawled_at: datetime  # start of the crawl, UTC
    suspicious: bool  # judged so when the index was made
    # By path, escaped, with a slash at the end; always with the root. Others are those with most changes.
    scopes: Mapping[str, Scope]
    limits: Counts  # no directory outside `scopes` has more changes than these
    extensions: tuple[tuple[str, int], ...] = ()  # the most frequent new ones, with their files

    @property
    def root(self) -> Scope:
        """The whole file system."""
        return self.scopes[ROOT]

    def at_most(self, path: str, signal: str) -> int:
        """Return an upper bound of a directory's count, which is exact for the listed directories."""
        scope = self.scopes.get(path)
        if scope is not None:
            return scope.counts.of(signal)
        above = next(self.scopes[each] for each in above_of(path) if each in self.scopes)
        return min(self.limits.of(signal), above.counts.of(signal))

    def at_least(self, path: str, signal: str) -> int:
        """Return a lower bound of a directory's count, which is exact for the listed directories."""
        scope = self.scopes.get(path)
        return 0 if scope is None else scope.counts.of(signal)

    def trimmed(self) -> Comparison:
        """Return the comparison with few directories, as later indexes need it."""
        kept = {ROOT}
        for signal in _JUDGED:
            order = sorted(self.scopes, key=lambda path: (-self.scopes[path].counts.of(signal), path))
            kept |= {path for path in order[:LISTED_PER_SIGNAL] if self.scopes[path].counts.of(signal)}
        left = [scope.counts for path, scope in self.scopes.items() if path not in kept]
        return replace(
            self,
            scopes={path: self.scopes[path] for path in sorted(kept)},
            limits=most_of([self.limits, *left]),
            extensions=self.extensions[:_MOST_EXTENSIONS],
        )

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values. Zeros are omitted."""
        return {
            "index_id": self.index_id,
            "previous_index_id": self.previous_index_id,
            "crawl_started_at": self.crawled_at.isoformat(),
            "suspicious": self.suspicious,
            "limits": _counts_json(self.limits),
            "extensions": [list(each) for each in self.extensions],
            "directories": {
                path: {
                    "files": scope.files,
                    "files_after": scope.files_after,
                    "bytes": scope.bytes,
                    **_counts_json(scope.counts),
                }
                for path, scope in self.scopes.items()
            },
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return the comparison from its JSON values. Raises ValueError, KeyError or TypeError."""
        scopes = {
            _path(path): Scope(
                files=_number(each["files"]),
                files_after=_number(each["files_after"]),
                bytes=_number(each["bytes"]),
                counts=_counts(each),
            )
            for path, each in content["directories"].items()
        }
        crawled_at = datetime.fromisoformat(content["crawl_started_at"])
        if ROOT not in scopes or crawled_at.tzinfo is None:
            raise ValueError("a comparison lacks the root or the time zone")
        return cls(
            index_id=str(content["index_id"]),
            previous_index_id=str(content["previous_index_id"]),
            crawled_at=crawled_at,
            suspicious=content["suspicious"] is True,
            scopes=scopes,
            limits=_counts(content["limits"]),
            extensions=tuple((str(name), _number(files)) for name, files in content["extensions"]),
        )


def most_of(several: Iterable[Counts]) -> Counts:
    """Return the largest value of each count; zeros for none."""
    known = [Counts(), *several]
    return Counts(**{name: max(each.of(name) for each in known) for name in SIGNALS})


def above_of(path: str) -> Iterator[str]:
    """Return the directories above a directory, nearest first; the last one is the root."""
    at = path.rfind("/", 0, -1)
    while at >= 0:
        yield path[: at + 1]
        at = path.rfind("/", 0, at)


def _counts_json(counts: Counts) -> dict[str, int]:
    return {name: value for name, value in asdict(counts).items() if value}


def _counts(content: dict[str, Any]) -> Counts:
    return Counts(**{name: _number(content.get(name, 0)) for name in SIGNALS})


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a number of files or bytes")
    return value


def _path(value: str) -> str:
    if not (value.startswith("/") and value.endswith("/")):
        raise ValueError(f"{value!r} is not the path of a directory")
    return value
