"""The directories above a path, as links."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Crumb:
    """A directory above the shown one, or the shown one."""

    name: str
    path: str


def crumbs_of(path: str) -> list[Crumb]:
    """Return the directories from the root to a path, without the root."""
    names = [name for name in path.split("/") if name]
    return [Crumb(name=name, path="/" + "/".join(names[: number + 1])) for number, name in enumerate(names)]


def parent_of(path: str) -> str:
    """Return the directory that contains a path; the root for the root."""
    return path.rpartition("/")[0] or "/"
