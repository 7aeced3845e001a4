"""Runs actors against one store in every order, as a search through states instead of through runs.

An actor is a chain of steps, as a state machine is a chain of Lambdas. A step is a plain function that
calls the store; it depends only on its arguments and the results of its calls. The state of an actor is
therefore its step, the arguments, and those results. Its next call is found by running the step again with
the same results until it makes one more call. This is computed once for each such state, and a state of the
system (all items, all actors) is visited once, regardless of the number of orders that lead to it.

At every call that reaches AWS, any other actor may continue. If this gives too many orders, the search can
be bounded by preemptions (Musuvathi and Qadeer, 2007): a switch away from an actor that could continue
costs one, a switch after it has ended or while it waits costs none.

A crash is a step whose write succeeded and whose response was lost: the step runs again. A twin is a step
that was delivered twice: both run, and the result of the second is ignored. The numbers of crashes and of
twins are bounds, too.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from tests.sessions.calls import Aws, Call, Pause, Variables
from tests.sessions.memory_store import ItemKey, outcome
from tidemark.sessions.transactions import Item, Write

Next = tuple[str, Variables] | None  # the step that follows and its arguments; None ends the actor
Step = Callable[..., Next]

_ITEMS = 64  # a maximum for all scenarios; fixed, so that equal states are equal tuples
_ACTORS = 12
_NOT_STARTED, _ENDED = 0, 1
_WRITTEN, _REFUSED = True, False
_NEXT_HOUR = 10  # more attempts than an hour has


class Left(NamedTuple):
    """The remaining bounds."""

    crashes: int
    twins: int
    hours: int


class State(NamedTuple):
    """The state of the system, by numbers."""

    items: int
    actors: tuple[int, ...]
    left: Left
    current: int  # the slot of the actor that moved last; -1 if it does not matter

    def moved(self, slot: int, actor: int) -> State:
        """Return this state with another state of one actor."""
        actors = self.actors
        return State(self.items, (*actors[:slot], actor, *actors[slot + 1 :]), self.left, slot)


Move = tuple[int, str, State]  # the slot of the actor, its action, and the next state


@dataclass(frozen=True, slots=True)
class Scenario:
    """The concurrent actors, the bounds of failures, and the invariants."""

    steps: Mapping[str, Step]
    actors: Mapping[str, tuple[str, Variables]]
    # Called before a transaction is written, with its writes and a function that reads any item.
    at_write: Callable[[tuple[Write, ...], Callable[[ItemKey], Item | None]], None]
    after_every_write: Callable[[Mapping[ItemKey, Item]], None]
    at_end: Callable[[Mapping[ItemKey, Item], frozenset[str]], None]  # the items, and the started actors
    stored: Mapping[ItemKey, Item] = field(default_factory=dict)  # the items at the start
    preemptions: int | None = None  # None: every order
    crashes: int = 0
    twins: int = 0
    # How many times all actors may be blocked or ended while one waits: each time, an hour passes, the actors
    # `at_rest` are started, and the waiting ones read again.
    hours: int = 0
    at_rest: Mapping[str, tuple[str, Variables]] = field(default_factory=dict)
    # Actors that differ only in their names: without loss of generality, they start in this order.
    alike: tuple[str, ...] = ()


class Explorer:
    """One search. States of actors, keys and items are numbered as they are met."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._keys: dict[ItemKey, int] = {}
        self._slots: dict[str, int] = {}
        self._items: list[Item | None] = [None]
        self._item_numbers: dict[str, int] = {}
        self._actor_states: list[tuple[str, Variables, int, tuple[Any, ...]]] = []
        self._actor_numbers: dict[object, int] = {}
        self._calls: list[Call | None] = []
        self._answered: dict[tuple[int, Any], int] = {}
        self._all_items: list[tuple[int, ...]] = []
        self._all_numbers: dict[tuple[int, ...], int] = {}
        self._written: dict[tuple[int, int], int] = {}
        self._checked: set[int] = set()
        self._unbegun: tuple[int, ...] = ()
        self._alike: list[tuple[int, int]] = []
        for _ in (_NOT_STARTED, _ENDED):
            self._actor_states.append(("", (), 0, ()))
            self._calls.append(None)

    # numbers

    def key_number(self, key: ItemKey) -> int:
        return self._keys.setdefault(key, len(self._keys))

    def slot(self, actor: str) -> int:
        return self._slots.setdefault(actor, len(self._slots))

    def item(self, number: int) -> Item | None:
        return self._items[number]

    def _item_number(self, item: Item | None) -> int:
        if item is None:
            return 0
        text = repr(_canonical(item))
        if text not in self._item_numbers:
            self._item_numbers[text] = len(self._items)
            self._items.append(item)
        return self._item_numbers[text]

    def begin(self, step: str, variables: Variables, attempt: int = 0) -> int:
        """Return the state of an actor that is about to start a step."""
        return self._actor(step, variables, attempt, ())

    def _actor(self, step: str, variables: Variables, attempt: int, answers: tuple[Any, ...]) -> int:
        """Return the number of an actor's state, having run it to its next call."""
        state = (step, variables, attempt, answers)
        known = self._actor_numbers.get(state)
        if known is not None:
            return known
        try:
            aws = Aws(self, attempt, answers, is_twin=step.endswith("'"))
            following = self._scenario.steps[step.removesuffix("'")](aws, *variables)
        except Pause as pause:
            number = len(self._actor_states)
            self._actor_states.append(state)
            self._calls.append(pause.args[0])
        else:
            number = _ENDED if following is None or step.endswith("'") else self._actor(*following, 0, ())
        self._actor_numbers[state] = number
        return number

    def _after(self, actor: int, answer: Any) -> int:
        known = self._answered.get((actor, answer))
        if known is None:
            step, variables, attempt, answers = self._actor_states[actor]
            known = self._answered[actor, answer] = self._actor(step, variables, attempt, (*answers, answer))
        return known

    # the search

    def run(self) -> int:
        """Visit every state; return how many there were.

        A failing check raises with the order that led to it.
        """
        scenario = self._scenario
        actors = [_NOT_STARTED] * _ACTORS
        for name, (step, variables) in scenario.actors.items():
            actors[self.slot(name)] = self.begin(step, variables)
        left = Left(scenario.crashes, scenario.twins, scenario.hours)
        self._unbegun = tuple(actors)
        self._alike = [(self.slot(one), self.slot(other)) for one, other in pairwise(scenario.alike)]
        bounded = scenario.preemptions is not None
        before = tuple((self.key_number(key), item) for key, item in scenario.stored.items())
        items = self._changed(self._items_number((0,) * _ITEMS), before)
        start = State(items, tuple(actors), left, -1)
        budgets = {start: scenario.preemptions or 0}
        came_from: dict[State, State] = {}
        pending = [start]
        while pending:
            state = pending.pop()
            budget = budgets[state]
            try:
                self._check_items(state.items)
                moves = self._moves(state, only_current=bounded and not budget) or self._an_hour_later(state)
                if not moves:
                    self._check_end(state)
            except AssertionError as error:
                raise AssertionError(f"{error}\norder:\n{self._order(state, came_from)}") from error
            current = state.current
            can_go_on = bounded and any(move[0] == current for move in moves)
            for slot, _, after in moves:
                remaining = budget - (can_go_on and slot != current)
                following = after if bounded else after._replace(current=-1)
                if remaining >= 0 and budgets.get(following, -1) < remaining:
                    budgets[following] = remaining
                    came_from[following] = state
                    pending.append(following)
        return len(budgets)

    def _check_items(self, items: int) -> None:
        if items not in self._checked:
            self._checked.add(items)
            self._scenario.after_every_write(self._view(items))

    def _check_end(self, state: State) -> None:
        waiting = [name for name, slot in self._slots.items() if state.actors[slot] > _ENDED]
        assert not waiting, f"lost wake-up: {waiting} wait forever"
        started = frozenset(name for name, slot in self._slots.items() if state.actors[slot])
        self._scenario.at_end(self._view(state.items), started)

    def _moves(self, state: State, *, only_current: bool = False) -> list[Move]:
        """Return the possible moves; with `only_current`, those of the current actor if it can continue."""
        moves: list[Move] = []
        for slot, actor in enumerate(state.actors):
            call = self._calls[actor]
            if call is not None and call.at_once and self._has_come(state, actor, call):
                # It commutes with every other call, so the other orders need no visit.
                return [(slot, call.text, self._at_once(state, slot, actor, call))]
        if only_current and state.current >= 0:
            self._try(moves, state, state.current)
        if not moves:
            held = {after for before, after in self._alike if state.actors[before] == self._unbegun[before]}
            for slot, actor in enumerate(state.actors):
                if actor > _ENDED and slot not in held:
                    self._try(moves, state, slot)
        return moves

    def _try(self, moves: list[Move], state: State, slot: int) -> None:
        """Add the moves of one actor."""
        actor = state.actors[slot]
        call = self._calls[actor]
        if call is None or call.at_once:
            return
        if state.left.twins:
            self._twin(moves, state, actor)
        if call.writes:
            self._write(moves, state, slot, actor, call)
            return
        if call.reads >= 0:
            answer: Any = self._all_items[state.items][call.reads]
        else:
            answer = state.actors[call.asks_running] > _ENDED if call.asks_running >= 0 else None
        after = state.moved(slot, self._after(actor, answer))
        if call.other is not None:
            after = after._replace(items=self._changed(state.items, (call.other,)))
        moves.append((slot, call.text, after))

    def _has_come(self, state: State, actor: int, call: Call) -> bool:
        """Return whether the condition that the actor waits for holds."""
        if call.awaits_item >= 0:
            return bool(self._all_items[state.items][call.awaits_item]) or self._is_twin(actor)
        return all(state.actors[awaited] <= _ENDED for awaited in call.awaits_end)

    def _at_once(self, state: State, slot: int, actor: int, call: Call) -> State:
        after = state.moved(slot, self._after(actor, None))
        if call.other is not None:
            return after._replace(items=self._changed(state.items, (call.other,)))
        if call.starts is not None and after.actors[call.starts[0]] == _NOT_STARTED:
            # The current actor continues: starting an actor does not switch to it.
            return after.moved(*call.starts)._replace(current=slot)
        return after

    def _write(self, moves: list[Move], state: State, slot: int, actor: int, call: Call) -> None:
        known = (actor, state.items)
        if known not in self._written:
            values = self._all_items[state.items]
            result = outcome(call.writes, [self._items[values[key]] for key in call.keys])
            if result is None:
                self._written[known] = -1
            else:
                self._scenario.at_write(call.writes, lambda key: self._items[values[self.key_number(key)]])
                self._written[known] = self._changed(state.items, tuple(zip(call.keys, result, strict=True)))
        items = self._written[known]
        if items < 0:
            moves.append((slot, f"{call.text}: refused", state.moved(slot, self._after(actor, _REFUSED))))
            return
        after = state.moved(slot, self._after(actor, _WRITTEN))
        moves.append((slot, call.text, after._replace(items=items)))
        if state.left.crashes:
            step, variables, attempt, _ = self._actor_states[actor]
            crashed = state.moved(slot, self.begin(step, variables, attempt + 1))
            left = state.left._replace(crashes=state.left.crashes - 1)
            text = f"{call.text}: its answer is lost"
            moves.append((slot, text, crashed._replace(items=items, left=left)))

    def _twin(self, moves: list[Move], state: State, actor: int) -> None:
        """Add the move that delivers the starting step a second time."""
        step, variables, attempt, answers = self._actor_states[actor]
        if answers or self._is_twin(actor):
            return
        twin = self.slot(f"twin {state.left.twins}")
        second = self.begin(f"{step}'", variables, attempt + 1)
        left = state.left._replace(twins=state.left.twins - 1)
        moves.append(
            (twin, f"delivers {step} {variables} twice", state.moved(twin, second)._replace(left=left))
        )

    def _is_twin(self, actor: int) -> bool:
        return self._actor_states[actor][0].endswith("'")

    def _an_hour_later(self, state: State) -> list[Move]:
        """Return the move when no actor can continue: waiting actors read again, and periodic ones start."""
        actors = list(state.actors)
        waits = [
            (slot, actor)
            for slot, actor in enumerate(actors)
            if (call := self._calls[actor]) is not None and call.awaits_item >= 0
        ]
        if not waits or not state.left.hours:
            return []
        for slot, actor in waits:
            step, variables, attempt, _ = self._actor_states[actor]
            actors[slot] = self.begin(step, variables, attempt + _NEXT_HOUR)
        for name, (step, variables) in self._scenario.at_rest.items():
            actors[self.slot(f"{name} {state.left.hours}")] = self.begin(step, variables)
        left = state.left._replace(hours=state.left.hours - 1)
        return [(waits[0][0], "an hour passes", State(state.items, tuple(actors), left, -1))]

    def _items_number(self, values: tuple[int, ...]) -> int:
        known = self._all_numbers.get(values)
        if known is None:
            known = self._all_numbers[values] = len(self._all_items)
            self._all_items.append(values)
        return known

    def _changed(self, items: int, changes: tuple[tuple[int, Item | None], ...]) -> int:
        values = list(self._all_items[items])
        for key, item in changes:
            values[key] = self._item_number(item)
        return self._items_number(tuple(values))

    def _view(self, items: int) -> dict[ItemKey, Item]:
        values = self._all_items[items]
        return {key: item for key, number in self._keys.items() if (item := self._items[values[number]])}

    def _order(self, state: State, came_from: Mapping[State, State]) -> str:
        names = {slot: name for name, slot in self._slots.items()}
        lines: list[str] = []
        while (before := came_from.get(state)) is not None:
            moves = self._moves(before) or self._an_hour_later(before)
            lines += [f"  {names[slot]}: {text}" for slot, text, after in moves if after[:3] == state[:3]][:1]
            state = before
        return "\n".join(reversed(lines))


def _canonical(value: Any) -> Any:
    """Return the value in a form whose text is the same for equal values."""
    if isinstance(value, Mapping):
        return sorted((name, _canonical(entry)) for name, entry in value.items())
    if isinstance(value, frozenset):
        return ("set", sorted(value))
    return value


def explore(scenario: Scenario) -> int:
    """Visit every state of the scenario; return how many there were. AssertionError names the order."""
    gc.disable()  # millions of small tuples, none of them in a cycle
    try:
        return Explorer(scenario).run()
    finally:
        gc.enable()
