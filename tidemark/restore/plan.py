"""The plan of a restore: a value that the CLI shows, the repository stores and the state machine executes.

`Plan.to_dict` documents the fields, for `--json` as well. Paths are escaped text (tidemark/escape.py),
from the root, without a trailing slash; `/` is the whole file system.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, Self, TypeVar, cast, get_args

from tidemark.errors import ConfigurationError

FORMAT = "tidemark-restore-plan"
VERSION = 1

DestinationKind = Literal["in-place", "directory", "new-file-system"]
OnConflict = Literal["fail", "skip", "rename", "replace"]

_Flat = TypeVar("_Flat", "Item", "Missing", "Conflict", "CostPart", "Setting", "Sampled")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A file, directory or symbolic link to restore; a directory includes everything below it."""

    path: str
    type: str  # f, d or l; empty if the index never read the path
    entries: int  # 1, or the directory and everything below it, as far as the index contains it
    bytes: int  # of regular files; a hard-linked file counts at each of its names
    note: str = ""  # the reason, if the index does not prove that the point holds the path


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PointPlan:
    """What to restore from one recovery point."""

    recovery_point_arn: str
    region: str
    vault: str
    created_at: datetime  # UTC
    completed_at: datetime | None = None  # UTC; None if it is not known
    index_id: str
    is_cold: bool
    items: tuple[Item, ...]  # in path order, none below another
    requests: tuple[str, ...]  # the paths for ItemsToRestore, none below another; empty: the whole point
    # What AWS Backup writes, without the directories above the items. More than the items if a directory had
    # to be requested instead of some of its content.
    requested_entries: int
    requested_bytes: int
    jobs: int  # restore jobs, each with up to Plan.items_per_job of the requests


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A requested path that no chosen recovery point holds."""

    path: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A target path that exists in the newest index. A hint: the worker decides when it places the items."""

    path: str
    existing_type: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the items go. Their hierarchy from the root is kept below `directory`."""

    kind: DestinationKind
    directory: str = ""  # escaped absolute path; only for the kind "directory"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A tag, or a rule of the lifecycle configuration such as TransitionToIA: AFTER_30_DAYS."""

    name: str
    value: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewMountTarget:
    """A mount target of a new file system."""

    subnet: str
    security_groups: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewFileSystem:
    """The settings of a file system that a restore creates. It is always encrypted."""

    performance_mode: str
    kms_key: str  # ARN; empty: the key that AWS manages for EFS
    availability_zone: str  # of a One Zone file system; empty: Regional
    throughput_mode: str
    provisioned_mibps: str  # a number, for the throughput mode `provisioned`; otherwise empty
    tags: tuple[Setting, ...]
    lifecycle: tuple[Setting, ...]
    policy: str  # JSON, as of the original file system; empty: none
    mount_targets: tuple[NewMountTarget, ...]
    notes: tuple[str, ...]  # sentences about settings that differ from the original's


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """A file that a drill restores, and the reason: see sample.py."""

    path: str
    stratum: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CostPart:
    """One part of the estimated cost."""

    name: str
    usd: Decimal  # four decimals
    explanation: str  # quantity and price


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The expected duration and cost. AWS's bill decides."""

    jobs: int
    entries: int  # what AWS Backup writes
    bytes: int
    seconds_low: int  # at the documented speeds alone
    seconds: int  # with the assumed overheads
    parts: tuple[CostPart, ...]
    usd: Decimal  # the sum of the parts
    assumptions: tuple[str, ...]  # sentences: speeds, overheads, date and Region of the prices


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole restore of one file system."""

    plan_id: str
    account: str
    region: str  # of the file system
    file_system_id: str
    created_at: datetime  # UTC
    destination: Destination
    on_conflict: OnConflict
    items_per_job: int  # the most requests of one restore job
    points: tuple[PointPlan, ...]  # newest first; no path is an item of two
    missing: tuple[Missing, ...]
    conflicts: tuple[Conflict, ...]  # the first of them
    conflict_count: int
    estimate: Estimate
    new_file_system: NewFileSystem | None = None  # only for the destination "new-file-system"
    # Only for a drill: its sample. The new file system is removed when the sample has been compared.
    drill: tuple[Sampled, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values: the fields of these classes by name.

        Times are ISO 8601 in UTC, amounts in USD are decimal text. An item has `note` unless it is empty.
        """
        content = _shallow(self)
        return {
            "format": FORMAT,
            "version": VERSION,
            **content,
            "created_at": _time_text(self.created_at),
            "destination": _shallow(self.destination),
            "points": [_point_dict(point) for point in self.points],
            "missing": [_shallow(each) for each in self.missing],
            "conflicts": [_shallow(each) for each in self.conflicts],
            "estimate": {
                **_shallow(self.estimate),
                "parts": [{**_shallow(part), "usd": str(part.usd)} for part in self.estimate.parts],
                "usd": str(self.estimate.usd),
                "assumptions": list(self.estimate.assumptions),
            },
            "new_file_system": None
            if self.new_file_system is None
            else dataclasses.asdict(self.new_file_system),
            "drill": [_shallow(each) for each in self.drill],
        }

    def to_json(self) -> bytes:
        """Return the plan as one JSON document in UTF-8."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))
        return text.encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes, url: str) -> Self:
        """Return the plan from its JSON; unknown fields are ignored. `url` is used in errors.

        Raises ConfigurationError if it is not an intact plan, or a newer Tidemark wrote it.
        """
        try:
            return cls._from_content(_checked(json.loads(text)))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ConfigurationError(
                f"{url} is not an intact restore plan ({reason}); create a new plan with: tidemark restore"
            ) from error

    @classmethod
    def _from_content(cls, content: Mapping[str, Any]) -> Self:
        destination = content["destination"]
        kind, directory = _text(destination["kind"]), _text(destination.get("directory", ""))
        return cls(
            plan_id=_text(content["plan_id"]),
            account=_text(content["account"]),
            region=_text(content["region"]),
            file_system_id=_text(content["file_system_id"]),
            created_at=_time(content["created_at"]),
            destination=Destination(
                kind=cast("DestinationKind", _one_of(DestinationKind, kind)), directory=directory
            ),
            on_conflict=cast("OnConflict", _one_of(OnConflict, _text(content["on_conflict"]))),
            items_per_job=_whole(content["items_per_job"]),
            points=tuple(_point(each) for each in _list(content["points"])),
            missing=_flats(Missing, content["missing"]),
            conflicts=_flats(Conflict, content["conflicts"]),
            conflict_count=_whole(content["conflict_count"]),
            estimate=_estimate(content["estimate"]),
            new_file_system=_new_file_system(content["new_file_system"]),
            drill=_flats(Sampled, content.get("drill", [])),
        )


def _checked(content: object) -> dict[str, Any]:
    """Return the content if its format and version are supported; otherwise raise ValueError."""
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError("it has another format")
    if _whole(content["version"]) != VERSION:
        raise ValueError(f"its version is {content['version']}, and this Tidemark reads {VERSION}")
    return content


def path_order(path: str) -> str:
    """Return a sort key for paths that puts a directory directly before everything below it."""
    return path.replace("/", "\0")  # NUL sorts before every character of a name, and no name contains it


def is_below(path: str, directory: str) -> bool:
    """Return whether a path is strictly below a directory."""
    return path != directory and path.startswith(f"{directory.rstrip('/')}/")


def outermost(paths: Iterable[str]) -> list[str]:
    """Return the paths, each once, in path order, without those below another one."""
    kept: list[str] = []
    for path in sorted(set(paths), key=path_order):
        if not kept or not is_below(path, kept[-1]):
            kept.append(path)
    return kept


def _point_dict(point: PointPlan) -> dict[str, Any]:
    return {
        **_shallow(point),
        "created_at": _time_text(point.created_at),
        "completed_at": None if point.completed_at is None else _time_text(point.completed_at),
        "items": [
            {"path": item.path, "type": item.type, "entries": item.entries, "bytes": item.bytes}
            | ({"note": item.note} if item.note else {})
            for item in point.items
        ],
        "requests": list(point.requests),
    }


def _point(content: Mapping[str, Any]) -> PointPlan:
    completed_at = content.get("completed_at")
    return PointPlan(
        **{name: _text(content[name]) for name in ("recovery_point_arn", "region", "vault", "index_id")},
        created_at=_time(content["created_at"]),
        completed_at=_time(completed_at) if completed_at is not None else None,
        is_cold=_switch(content["is_cold"]),
        items=_flats(Item, content["items"]),
        requests=tuple(_text(each) for each in _list(content["requests"])),
        requested_entries=_whole(content["requested_entries"]),
        requested_bytes=_whole(content["requested_bytes"]),
        jobs=_whole(content["jobs"]),
    )


def _estimate(content: Mapping[str, Any]) -> Estimate:
    return Estimate(
        **{name: _whole(content[name]) for name in ("jobs", "entries", "bytes", "seconds_low", "seconds")},
        parts=_flats(CostPart, content["parts"]),
        usd=_amount(content["usd"]),
        assumptions=tuple(_text(each) for each in _list(content["assumptions"])),
    )


def _new_file_system(content: Mapping[str, Any] | None) -> NewFileSystem | None:
    if content is None:
        return None
    texts = (
        "performance_mode",
        "kms_key",
        "availability_zone",
        "throughput_mode",
        "provisioned_mibps",
        "policy",
    )
    return NewFileSystem(
        **{name: _text(content[name]) for name in texts},
        tags=_flats(Setting, content["tags"]),
        lifecycle=_flats(Setting, content["lifecycle"]),
        mount_targets=tuple(
            NewMountTarget(
                subnet=_text(each["subnet"]),
                security_groups=tuple(_text(group) for group in _list(each["security_groups"])),
            )
            for each in _list(content["mount_targets"])
        ),
        notes=tuple(_text(each) for each in _list(content["notes"])),
    )


def _shallow(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by name, unconverted (dataclasses.asdict would copy every item)."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _flats(kind: type[_Flat], content: object) -> tuple[_Flat, ...]:
    """Return values of a class with only text, whole numbers and amounts; a missing field has its default."""
    readers = [
        (field.name, _READERS[str(field.type)], field.default is dataclasses.MISSING)
        for field in dataclasses.fields(kind)
    ]
    return tuple(
        kind(**{name: read(each[name]) for name, read, is_required in readers if is_required or name in each})
        for each in _list(content)
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return value


def _amount(value: object) -> Decimal:
    try:
        amount = Decimal(_text(value))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is not an amount") from error
    if not amount.is_finite():
        raise ValueError(f"{value!r} is not an amount")
    return amount


def _one_of(choices: Any, value: str) -> str:
    if value not in get_args(choices):
        raise ValueError(f"{value!r} is not one of {', '.join(get_args(choices))}")
    return value


def _time(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return moment.astimezone(UTC)


def _time_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_READERS: dict[str, Any] = {"str": _text, "int": _whole, "Decimal": _amount}
