"""One restore session of a file system restores at a time, under every order of what can happen at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sessions.explorer import Scenario, explore
from tests.sessions.restore_world import RestoreWorld, after_every_write, left_by
from tests.sessions.test_interleavings import mutated
from tidemark.sessions import restores
from tidemark.sessions.session import SessionStatus

NAMES = ("s0", "s1", "s2")


def scenario(world: RestoreWorld, sessions: int, *, swept: bool = False, **bounds: Any) -> Scenario:
    """Return sessions of one file system that start at any moment, and redrives of the aborted ones.

    The sweeper runs when everything rests for an hour; if `swept`, at any moment, too.
    """
    names = NAMES[:sessions]
    redrives = {f"user of {name}": ("redrive", (name, step)) for name, step in world.aborted.items()}
    sweeper = {"sweeper": ("sweep", names)} if swept else {}
    return Scenario(
        steps=world.steps,
        actors={**{name: ("open", (name,)) for name in names}, **redrives, **sweeper},
        at_write=world.at_write,
        after_every_write=after_every_write,
        at_end=world.at_end,
        alike=tuple(name for name in names if name not in world.aborted),
        hours=bounds.pop("hours", 1),
        at_rest={"late sweep": ("sweep", names)},
        **bounds,
    )


def test_two_sessions_restore_one_after_the_other_in_every_order_there_is() -> None:
    world = RestoreWorld()
    explore(scenario(world, 2))
    assert "a session waits" in world.met


def test_three_sessions_restore_one_after_the_other() -> None:
    explore(scenario(RestoreWorld(), 3, preemptions=2))


def test_any_step_may_be_lost_after_any_write_and_run_again() -> None:
    explore(scenario(RestoreWorld(), 2, preemptions=2, crashes=2))
    explore(scenario(RestoreWorld(), 3, preemptions=0, crashes=1))


def test_any_step_may_be_delivered_twice() -> None:
    explore(scenario(RestoreWorld(), 2, preemptions=3, twins=1))


@pytest.mark.parametrize("step", ["take", "job", "place"])
def test_an_aborted_session_that_is_redriven_never_restores_together_with_another(step: str) -> None:
    world = RestoreWorld(aborted={"s0": step})
    explore(scenario(world, 2, swept=True, preemptions=4))
    assert "the sweeper closes a session" in world.met
    if step != "take":  # where it waits instead
        assert "a redriven session has lost its turn" in world.met


def test_two_aborted_sessions_that_are_redriven_take_their_turns() -> None:
    world = RestoreWorld(aborted={"s0": "job", "s1": "place"})
    explore(scenario(world, 2, swept=True, preemptions=2, hours=2))


def test_a_sweep_may_be_lost_after_any_write_and_run_again() -> None:
    explore(scenario(RestoreWorld(aborted={"s0": "job"}), 2, swept=True, preemptions=2, crashes=1))


def test_a_failed_session_that_is_redriven_waits_for_its_turn() -> None:
    world = RestoreWorld()
    found = scenario(world, 1, stored=left_by("failed", SessionStatus.FAILED), preemptions=2)
    found.actors["redrive/failed"] = ("fail", ("redrive/failed",))  # type: ignore[index]  # a dict
    explore(found)
    assert "a session waits" in world.met


# Each breaks the rule in one place, and names the scenario that detects it.
MUTANTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "takes a turn that another has just taken": (
        'mine = Put(table=INDEXES, item={**key, "restore_id": restore_id}, conditions=(condition,))',
        'mine = Put(table=INDEXES, item={**key, "restore_id": restore_id})',
        {},
    ),
    "takes the turn of a session that runs": (
        "            if other is not None:",
        "            if False:",
        {},
    ),
    "takes the turn of a session that has ended and may be redriven": (
        "            continue  # it has given the turn back since",
        "            other = None",
        {"aborted": {"s0": "place"}},
    ),
    "takes the turn without opening the session again": (
        'store.transact(mine, _change(session, {**_REOPENED, "phase": "jobs"}, remove=("ended_at",)))',
        'store.transact(mine, _change(session, {"phase": "jobs"}))',
        {"aborted": {"s0": "place"}},
    ),
    "holds a turn that it has lost": (
        "    if holder is not None:\n        raise RestoreFailed(",
        "    if False:\n        raise RestoreFailed(",
        {"aborted": {"s0": "place"}},
    ),
    "gives back the turn of another": (
        'has_turn = turn is not None and turn["restore_id"] == restore_id',
        "has_turn, held = turn is not None, ()",
        {"aborted": {"s0": "take"}},
    ),
    "keeps its turn when it is closed": ("if has_turn else ()", "if False else ()", {}),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_rule_is_noticed(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, needs = MUTANTS[mutant]
    rule = mutated(restores, old, new, monkeypatch)
    assert rule is not restores, "the rule reads otherwise by now"
    world = RestoreWorld(aborted=needs.get("aborted", {}), rule=rule)
    with pytest.raises(AssertionError):
        explore(scenario(world, 2, swept="aborted" in needs, preemptions=6))
