"""The invariants of the overlap rule, under every order of concurrent steps.

`explorer.py` defines "every"; `world.py` contains the steps, which call the product's own functions as the
Lambdas do, and the invariants. A number of states in a comment is the number that the search visits.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.sessions.explorer import Scenario, explore
from tests.sessions.world import World, after_every_write, with_an_old_session
from tidemark.sessions import associations, overlap, queries, removal

ENDS = ("complete", "fail", "lost")
# The sweeper, an hour after no other actor can continue while one still waits.
AN_HOUR_LATER = {"late sweep": ("late sweep", ())}


SWEEPER = ("sweeper", ("sweep", ()))
CLOCK = ("clock", ("tick", ()))  # more time passes than a lease lasts, at any moment
REDRIVEN = ("redriven", ("open", ("redriven", "fail backup")))
PRUNER = ("pruner", ("prune", ("index-of-s0-0", "index-of-s1-0")))
OLD_WORKER = ("indexing/index-of-old-0", ("complete", ("index-of-old-0",)))

Actor = tuple[str, tuple[str, tuple[str, ...]]]


def scenario(world: World, sessions: int, *others: Actor, **bounds: Any) -> Scenario:
    """Return N concurrent sessions of one file system, and other actors with their first steps."""
    names = tuple(f"s{number}" for number in range(sessions))
    if world.ends == "lost":
        bounds.setdefault("hours", 1)
    return Scenario(
        steps=world.steps,
        actors={
            **{name: ("open", (name,)) for name in names},
            **dict(others),
        },
        at_write=world.at_write,
        after_every_write=after_every_write,
        at_end=world.at_end,
        alike=names,
        at_rest=AN_HOUR_LATER,
        **bounds,
    )


@pytest.mark.parametrize("ends", ENDS)
def test_two_sessions_hold_the_invariants_in_every_order(ends: Any) -> None:
    world = World(ends=ends, copies=False)
    explore(scenario(world, 2))  # 270,000 states
    assert "an index is shared" in world.met


@pytest.mark.parametrize("ends", ENDS)
def test_two_sessions_with_copies_hold_the_invariants_with_two_preemptions(ends: Any) -> None:
    world = World(ends=ends)
    explore(scenario(world, 2, preemptions=2))  # 430,000 states
    assert "an index is shared" in world.met


@pytest.mark.parametrize("ends", ENDS)
def test_three_sessions_hold_the_invariants_with_one_preemption(ends: Any) -> None:
    world = World(ends=ends, copies=False)
    explore(scenario(world, 3, preemptions=1))  # 100,000 states
    assert "an index is shared" in world.met


def test_a_session_whose_shared_index_fails_before_its_index_step_creates_its_own() -> None:
    world = World(ends="fail")
    explore(scenario(world, 2, preemptions=0))
    assert "a session indexes again after its shared index failed" in world.met


@pytest.mark.parametrize("ends", ENDS)
def test_the_invariants_hold_when_any_step_is_lost_after_any_write_and_runs_again(ends: Any) -> None:
    # Two hours: a sweep that is lost between ending an index and answering its sessions does not answer them
    # again, but they read the index.
    explore(scenario(World(ends=ends), 2, preemptions=0, crashes=1, hours=2))
    explore(scenario(World(ends=ends, copies=False), 2, preemptions=1, crashes=1, hours=2))


@pytest.mark.parametrize("ends", ENDS)
def test_the_invariants_hold_when_any_step_is_delivered_twice(ends: Any) -> None:
    # Two hours: a late twin of `await_index` leaves a token that is answered in vain; the next is not.
    explore(scenario(World(ends=ends, copies=False), 2, preemptions=1, twins=1, hours=2))


@pytest.mark.parametrize("ends", ENDS)
def test_a_lease_that_expires_at_any_time_is_taken_over_and_its_worker_changes_nothing(ends: Any) -> None:
    world = World(ends=ends, clock_moves=True, copies=False)
    explore(scenario(world, 2, CLOCK, preemptions=1, hours=1))
    if ends == "complete":
        assert "a worker comes back after its lease was taken over" in world.met


@pytest.mark.parametrize("ends", ENDS)
def test_an_expired_lease_is_renewed_failed_completed_or_taken_over_exactly_once(ends: Any) -> None:
    world = World(ends=ends, clock_moves=True, copies=False)
    others = (CLOCK, SWEEPER, OLD_WORKER)
    explore(scenario(world, 1, *others, stored=with_an_old_session(), preemptions=2, hours=1))
    assert "the sweeper renews" in world.met
    assert "a worker comes back after its lease was taken over" in world.met


@pytest.mark.parametrize("ends", ENDS)
def test_the_sweeper_renews_or_fails_an_index_at_any_time_and_the_invariants_hold(ends: Any) -> None:
    world = World(ends=ends, clock_moves=True, copies=False)
    explore(scenario(world, 2, CLOCK, SWEEPER, preemptions=1, hours=1))
    assert "the sweeper gives an index up" in world.met
    if ends != "lost":
        assert "the sweeper renews" in world.met


@pytest.mark.parametrize("ends", ENDS)
def test_a_failed_session_that_is_redriven_holds_the_invariants(ends: Any) -> None:
    explore(scenario(World(ends=ends, copies=False), 1, REDRIVEN, preemptions=1, hours=1))


@pytest.mark.parametrize("ends", ["complete", "fail"])
def test_retention_at_any_time_removes_no_index_that_a_session_uses(ends: Any) -> None:
    world = World(ends=ends, copies=False)
    explore(scenario(world, 2, PRUNER, preemptions=2, hours=1))
    assert "removes a complete index" not in world.met
    assert ("removes a failed index" in world.met) == (ends == "fail")


def test_an_index_is_removed_or_associated_but_never_both_and_the_session_reports_it() -> None:
    # As if the session had come back after its index had expired.
    world = World(ends="complete", knows_sessions=False)
    explore(scenario(world, 1, PRUNER, preemptions=2, hours=1))
    assert "removes a complete index" in world.met
    assert "a removal is refused" in world.met
    explore(scenario(world, 1, PRUNER, preemptions=1, crashes=1, hours=1))


# Each breaks the rule in one place, and names the scenario that detects it.
MUTANTS = {
    "opens without asking for a lease": (
        "    return lease if can_attach else None",
        "    return None",
        {"meets": "a session is attached when it opens"},
    ),
    "opens without attaching": (
        "(_new(attached), *([_attach(lease, session.session_id)] if lease else []))",
        "(_new(attached))",
        {},
    ),
    "opens a session again": ('conditions=(absent("session_id"),)', "conditions=()", {"twins": 1}),
    "attaches to whatever lease there is": (
        'conditions=(equal("index_id", lease.index_id),),\n        add=',
        "conditions=(),\n        add=",
        {},
    ),
    "launches although it shares": (
        "if index is not None and index.status in USABLE:",
        "if False:",
        {},
    ),
    "shares an index that has failed": (
        "if index is not None and index.status in USABLE:",
        "if index is not None:",
        {"ends": "fail", "meets": "a session indexes again after its shared index failed"},
    ),
    "forgets that it was to launch": (
        "return lease is not None and lease.index_id ==",
        "return 0 ==",
        {"crashes": 1},
    ),
    "chooses another index than it has": (
        'conditions=(unchanged(session.to_item(), "index_id"),)',
        "conditions=()",
        {"twins": 1},
    ),
    "takes a lease that another took": (
        'taken = Put(table=INDEXES, item=lease.to_item(), conditions=(absent("record"),))',
        "taken = Put(table=INDEXES, item=lease.to_item())",
        {},
    ),
    "takes over without ending the old index": (
        "return (taken, ended, new_index, _choose(session, index_id))",
        "return (taken, new_index, _choose(session, index_id))",
        {"old": True},
    ),
    "takes over from a session that just attached": (
        '        equal("sessions", item["sessions"]),\n',
        "",
        {"old": True, "sessions": 2, "preemptions": 2},
    ),
    "takes over a lease that was just renewed": (
        '        equal("expires_at", item["expires_at"]),\n',
        "",
        {"old": True, "others": (SWEEPER, OLD_WORKER)},
    ),
    "renews whatever lease there is": (
        'conditions=(equal("index_id", lease.index_id),),\n                set=',
        "conditions=(),\n                set=",
        {"old": True, "others": (SWEEPER, OLD_WORKER)},
    ),
    "ends an index without its lease": ("store.transact(*release, _ended(", "store.transact(_ended(", {}),
    "ends an index without who just attached": (
        'conditions = (equal("index_id", index_id), equal("sessions", lease.sessions))',
        'conditions = (equal("index_id", index_id),)',
        {},
    ),
    "settles before the point is recorded": (
        (
            "    update_session(store, session_id, {path: point_to_map(point)})\n"
            "    return settle(store, session_id, tag_point)"
        ),
        (
            "    session = settle(store, session_id, tag_point)\n"
            "    update_session(store, session_id, {path: point_to_map(point)})\n"
            "    return session"
        ),
        {"copies": True, "close settles": False},
    ),
    "associates with an index that is being removed": (
        'conditions=(equal("status", IndexStatus.COMPLETE.value),),\n            set={LAST',
        "conditions=(),\n            set={LAST",
        {"prunes": True, "sessions": 1, "copies": True},
    ),
    "removes an index that was just associated": (
        'conditions=(equal("status", index.status.value), unchanged(item, LAST_ASSOCIATED))',
        'conditions=(equal("status", index.status.value),)',
        {"prunes": True, "sessions": 1, "copies": True},
    ),
    "associates one point only": (
        "        for point in session.points\n    )",
        "        for point in session.points[:1]\n    )",
        {"copies": True},
    ),
    "tags a point after its association": (
        "    problem = tag_point(session, point, index)\n",
        "    problem = ''\n",
        {},
    ),
    "asks for its index before it leaves its token": (
        (
            '    update_session(store, session_id, {"waiting_token": task_token})\n'
            "    session = read_session(store, session_id)\n"
        ),
        (
            "    session = read_session(store, session_id)\n"
            "    index = read_index(store, session.file_system, session.index_id)\n"
            '    update_session(store, session_id, {"waiting_token": task_token})\n'
            "    return index\n"
        ),
        {},
    ),
}

RULES = (associations, overlap, queries, removal)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_rule_is_detected(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, needs = MUTANTS[mutant]
    broken = {module: mutated(module, old, new, monkeypatch) for module in RULES}
    assert any(module is not whole for whole, module in broken.items()), "the rule reads otherwise by now"
    rule = broken[overlap]
    monkeypatch.setattr(rule, "write_association", broken[associations].write_association)
    world = World(
        ends=needs.get("ends", "complete"),
        clock_moves="old" in needs,
        copies=needs.get("copies", False),
        close_settles=needs.get("close settles", True),
        rule=rule,
        records=broken[queries],
        removal=broken[removal],
        knows_sessions="prunes" not in needs,
    )
    bounds = {name: needs[name] for name in ("crashes", "twins") if name in needs}
    others: tuple[Actor, ...] = needs.get("others", ())
    sessions = needs.get("sessions", 2)
    if "prunes" in needs:
        others = (PRUNER,)
        bounds |= {"preemptions": 2, "hours": 1}
    if "old" in needs:
        bounds["stored"] = with_an_old_session()
        others = (CLOCK, *others)
        sessions = needs.get("sessions", 1)
    bounds.setdefault("preemptions", needs.get("preemptions", 1))
    with pytest.raises((AssertionError, KeyError)):
        explore_and_meet(needs.get("meets"), world, scenario(world, sessions, *others, **bounds))


def explore_and_meet(event: str | None, world: World, broken: Scenario) -> None:
    explore(broken)
    assert event in (None, *world.met), f"never: {event}"


def mutated(module: ModuleType, old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module with one passage replaced, or the module itself where that is not in it."""
    source = Path(str(module.__file__)).read_text()
    if old not in source:
        return module
    broken = ModuleType(f"{module.__name__}_broken")
    monkeypatch.setitem(sys.modules, broken.__name__, broken)
    exec(compile(source.replace(old, new), str(module.__file__), "exec"), broken.__dict__)  # noqa: S102  (our own source)
    return broken
