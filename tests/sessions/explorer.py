"""Runs several actors against one store in every order, up to a number of preemptions.

An actor is a plain function that calls the store. It runs in a greenlet, and every call of the store is
a point where another actor may go on instead. The explorer replays the whole run for each schedule, so a
run must not depend on anything but the order. Preemption-bounded search (Musuvathi and Qadeer, 2007):
most races need one or two preemptions, and switching where an actor ends or waits costs none. A run that
comes to a state where another has been, with the same store and every actor having seen the same, is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from greenlet import getcurrent, greenlet


class Crash(BaseException):
    """The process that ran the call is gone."""


@dataclass
class Run:
    """One run: actors by name, in the order they were started."""

    actors: dict[str, greenlet] = field(default_factory=dict)
    waits: dict[str, Callable[[], bool]] = field(default_factory=dict)
    crash_at: tuple[str, int] | None = None
    calls: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    trace: list[str] = field(default_factory=list)
    current: str = ""
    steps: int = 0
    _scheduler: greenlet = field(default_factory=getcurrent)

    def start(self, name: str, function: Callable[[], Any]) -> None:
        """Start another actor; starting a name twice starts it once, as Step Functions does."""
        if name not in self.actors:
            self.actors[name] = greenlet(function, parent=self._scheduler)

    def point(self) -> None:
        """Let the scheduler choose who goes on."""
        if getcurrent() is self._scheduler:
            return
        self._count()
        self._scheduler.switch()

    def answer_point(self) -> None:
        """A crash here loses the answer of a write that was made."""
        self._count()

    def _count(self) -> None:
        self.calls[self.current] = self.calls.get(self.current, 0) + 1
        if self.crash_at == (self.current, self.calls[self.current]):
            raise Crash

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Do not go on before the condition holds."""
        while not condition():
            self.waits[self.current] = condition
            self._scheduler.switch()
        self.waits.pop(self.current, None)

    def runnable(self) -> list[str]:
        """Return who can go on, in a stable order."""
        return [
            name
            for name, actor in self.actors.items()
            if not actor.dead and (name not in self.waits or self.waits[name]())
        ]

    def blocked(self) -> list[str]:
        """Return who waits for something that has not come."""
        return [name for name, actor in self.actors.items() if not actor.dead]

    def saw(self, value: object) -> None:
        """Note what the current actor learned: with its code, that is all its state."""
        self.seen[self.current] = hash((self.seen.get(self.current), value))

    def state(self) -> int:
        """Return what distinguishes the actors' states from those of another run."""
        return hash((self.current, tuple(sorted(self.seen.items())), tuple(sorted(self.calls.items()))))

    def restart(self) -> None:
        """Forget what ran so far: it was the preparation, in one fixed order."""
        self.actors, self.waits, self.calls, self.trace, self.steps = {}, {}, {}, [], 0

    def follow(self, choices: list[str], check: Callable[[], None]) -> Iterator[list[str]]:
        """Run by `choices`, then by default; yield at every step who could go on."""
        while runnable := self.runnable():
            yield runnable
            default = self.current if self.current in runnable else runnable[0]
            self.current = choices[self.steps] if self.steps < len(choices) else default
            self.steps += 1
            self.trace.append(self.current)
            self.actors[self.current].switch()
            check()


@dataclass(frozen=True)
class Scenario:
    """A fresh run, what must hold after every step and at its end, and the state of all but the actors."""

    run: Run
    after_every_step: Callable[[], None]
    at_end: Callable[[], None]
    state: Callable[[], object]


def explore(make: Callable[[], Scenario], preemptions: int) -> int:
    """Run every schedule with at most so many preemptions; return how many there were.

    A failing check raises with the schedule that led to it.
    """
    pending: list[tuple[list[str], int]] = [([], preemptions)]
    visited: dict[object, int] = {}
    runs = 0
    while pending:
        prefix, budget = pending.pop()
        scenario = make()
        run = scenario.run
        runs += 1
        try:
            for runnable in run.follow(prefix, scenario.after_every_step):
                if run.steps < len(prefix):
                    continue
                state = (run.state(), scenario.state())
                if visited.get(state, -1) >= budget:
                    break
                visited[state] = budget
                default = run.current if run.current in runnable else runnable[0]
                cost = 1 if run.current in runnable else 0
                for other in runnable:
                    if other != default and cost <= budget:
                        pending.append(([*run.trace, other], budget - cost))
            else:
                scenario.at_end()
        except AssertionError as error:
            raise AssertionError(f"{error}\nschedule: {' '.join(run.trace)}") from error
    return runs
