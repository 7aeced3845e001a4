"""The state machine of restore sessions around the turn of a file system, for `explorer.py`.

Each step is the body of a Lambda. An execution is an actor; one that was aborted ends without its next step,
and its redrive is another actor, which resumes at the step that was aborted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType

from tests.sessions.calls import Aws
from tests.sessions.explorer import Next, Step
from tests.sessions.memory_store import ItemKey, MemoryStore
from tests.sessions.restore_examples import new_restore
from tests.sessions.world import FS, START
from tidemark.errors import RestoreFailed
from tidemark.sessions import restores
from tidemark.sessions.restore_session import RestoreJob, RestoreSession
from tidemark.sessions.schema import INDEXES, RESTORES
from tidemark.sessions.session import SessionStatus
from tidemark.sessions.transactions import Item, Write

TURN: ItemKey = (INDEXES.suffix, str(FS), "restore")


@dataclass(frozen=True)
class RestoreWorld:
    """The steps, and what must hold of everything they write."""

    # Executions that were aborted before a step: name -> step.
    aborted: Mapping[str, str] = field(default_factory=dict)
    rule: ModuleType = restores
    met: set[str] = field(default_factory=set)  # so that no test is vacuous

    @property
    def steps(self) -> Mapping[str, Step]:
        """Every step by its name."""
        steps: dict[str, Step] = {
            "open": self.open,
            "take": self.take,
            "job": self.job,
            "place": self.place,
            "close": self.close,
            "close failed": partial(self.close, status=SessionStatus.FAILED),
            "fail": self.fail,
        }
        return {
            **{name: partial(self._unless_aborted, name, step) for name, step in steps.items()},
            "redrive": self.redrive,
            "sweep": self.sweep,
        }

    def _unless_aborted(self, step: str, run: Callable[..., Next], aws: Aws, execution: str) -> Next:
        if self.aborted.get(execution) == step:
            return None
        return run(aws, execution)

    def open(self, aws: Aws, execution: str) -> Next:
        self.rule.open_restore(aws, new_restore(execution))
        return "take", (execution,)

    def take(self, aws: Aws, execution: str) -> Next:
        name = session_of(execution)
        try:
            holder = self.rule.take_turn(aws, FS, name)
        except RestoreFailed:
            assert aws.is_twin, "a running execution has closed its session"
            return None
        if holder is None:
            return "job", (execution,)
        self.met.add("a session waits")
        aws.wait(("closed", holder))
        return "take", (execution,)

    def job(self, aws: Aws, execution: str) -> Next:
        name = session_of(execution)
        try:
            self.rule.hold_turn(aws, FS, name)
        except RestoreFailed:
            self.met.add("a redriven session has lost its turn")
            return "close failed", (execution,)
        job = RestoreJob(job_id=f"job-of-{name}", point=0, first=0, end=1, attempt=0, started_at=START)
        self.rule.record_restore_job(aws, name, job)
        return "place", (execution,)

    def place(self, aws: Aws, execution: str) -> Next:
        name = session_of(execution)
        try:
            self.rule.hold_turn(aws, FS, name)
        except RestoreFailed:
            self.met.add("a redriven session has lost its turn")
            return "close failed", (execution,)
        self.rule.enter_phase(aws, name, "placing")
        return "close", (execution,)

    def close(self, aws: Aws, execution: str, status: SessionStatus = SessionStatus.SUCCESS) -> Next:
        self._close(aws, session_of(execution), status)
        return None

    def fail(self, aws: Aws, execution: str) -> Next:
        """After a redrive of an execution that has failed and closed its session."""
        self.rule.reopen_restore(aws, session_of(execution))
        return "take", (execution,)

    def redrive(self, aws: Aws, name: str, step: str) -> Next:
        """A user redrives an execution that has been aborted, at any time afterwards."""
        aws.join(name)
        aws.write(("redrive", name), {"redriven": "yes"})  # a moment at which others may move first
        aws.start(f"redrive/{name}", step, (f"redrive/{name}",))
        return None

    def sweep(self, aws: Aws, *names: str) -> Next:
        for name in names:
            item = aws.get(RESTORES, {"restore_id": name})
            if item is None or RestoreSession.from_item(item).status is not SessionStatus.RUNNING:
                continue
            if aws.is_running(name) or aws.is_running(f"redrive/{name}"):
                continue
            self.met.add("the sweeper closes a session")
            self._close(aws, name, SessionStatus.ABORTED)
        return None

    def _close(self, aws: Aws, name: str, status: SessionStatus) -> None:
        self.rule.close_restore(aws, name, status=status, reasons=(), totals={}, now=START)
        aws.note(("closed", name), {"closed": "yes"})

    def at_write(self, _writes: tuple[Write, ...], _stored: Callable[[ItemKey], Item | None]) -> None:
        """Every transaction is judged by what it leaves."""

    def at_end(self, stored: Mapping[ItemKey, Item], _started: frozenset[str]) -> None:
        """No session is left open, and no turn is left taken."""
        for session in sessions_in(stored):
            assert session.status is not SessionStatus.RUNNING, f"{session.restore_id} waits forever"
        assert TURN not in stored, "the turn of an ended session is left"


def after_every_write(stored: Mapping[ItemKey, Item]) -> None:
    """Hold the records to mutual exclusion: a session that runs and does not wait has the turn, which only a
    running session has."""
    holder = stored.get(TURN, {}).get("restore_id")
    for session in sessions_in(stored):
        if session.restore_id == holder:
            assert session.status is SessionStatus.RUNNING, f"{holder} has ended and has the turn"
        if session.status is SessionStatus.RUNNING and session.phase in ("jobs", "placing"):
            assert session.restore_id == holder, f"{session.restore_id} restores, {holder} has the turn"


def sessions_in(stored: Mapping[ItemKey, Item]) -> list[RestoreSession]:
    """Return all sessions in the records."""
    return [RestoreSession.from_item(item) for key, item in stored.items() if key[0] == RESTORES.suffix]


def session_of(execution: str) -> str:
    """Return the session of an execution or its redrive."""
    return execution.removeprefix("redrive/")


def left_by(name: str, status: SessionStatus) -> Mapping[ItemKey, Item]:
    """Return what a session has left that was closed with this status while it had the turn."""
    store = MemoryStore()
    restores.open_restore(store, new_restore(name))
    restores.take_turn(store, FS, name)
    restores.close_restore(store, name, status=status, reasons=(), totals={}, now=START)
    return store.items
