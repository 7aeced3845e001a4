"""The restore basket: paths that the reader collected on several pages, and the plans made of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from tidemark.answers.requests import InvalidRequest
from tidemark.restore.plan import Plan

MOST_PATHS = 10_000
_KEPT_PLANS = 20


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """Paths that one plan restores: of one file system, and from one recovery point."""

    file_system_id: str
    point: str = ""  # ARN; empty: for each path, the newest point that holds it


class Basket:
    """The collected paths, escaped, by group. It is in memory only, and empty when the server starts."""

    def __init__(self) -> None:
        self._paths: dict[Group, dict[str, None]] = {}
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._paths.values()))

    def groups(self) -> list[tuple[Group, list[str]]]:
        """Return the paths of each group, sorted."""
        with self._lock:
            return [(group, sorted(paths)) for group, paths in sorted(self._paths.items())]

    def paths_of(self, group: Group) -> list[str]:
        """Return the paths of a group, sorted; none if the group does not exist."""
        with self._lock:
            return sorted(self._paths.get(group, ()))

    def add(self, group: Group, paths: Iterable[str]) -> None:
        """Add paths; raise InvalidRequest if the basket is full."""
        added = dict.fromkeys(paths)
        if len(self) + len(added) > MOST_PATHS:
            raise InvalidRequest(
                f"the basket holds {MOST_PATHS:,} paths at most; add the directory that contains them, or "
                f"use: tidemark restore --from0 FILE"
            )
        if added:
            with self._lock:
                self._paths.setdefault(group, {}).update(added)

    def remove(self, group: Group, path: str | None = None) -> None:
        """Remove a path, or the whole group."""
        with self._lock:
            paths = self._paths.get(group, {})
            if path is not None:
                paths.pop(path, None)
            if path is None or not paths:
                self._paths.pop(group, None)

    def keep_plan(self, plan: Plan) -> None:
        """Keep a plan that was shown, so that exactly this plan can be confirmed."""
        with self._lock:
            self._plans[plan.plan_id] = plan
            while len(self._plans) > _KEPT_PLANS:
                self._plans.popitem(last=False)

    def plan(self, plan_id: str) -> Plan | None:
        """Return a plan that was shown and not started yet."""
        with self._lock:
            return self._plans.get(plan_id)

    def take_plan(self, plan_id: str) -> Plan | None:
        """Return a plan and forget it, so that it is started once."""
        with self._lock:
            return self._plans.pop(plan_id, None)
