"""The calls that a step of an actor can make; at each of them another actor may continue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from tests.sessions.memory_store import ItemKey, item_key, keys_of
from tidemark.sessions.schema import TableSchema
from tidemark.sessions.transactions import ConditionNotMet, Item, Key, Write

Variables = tuple[Any, ...]


class Numbers(Protocol):
    """Numbers in place of keys, actors and items, because the search compares many of them."""

    def key_number(self, key: ItemKey) -> int: ...

    def slot(self, actor: str) -> int: ...

    def item(self, number: int) -> Item | None: ...

    def begin(self, step: str, variables: Variables) -> int:
        """Return the state of an actor that is about to start a step."""


class Pause(BaseException):
    """The step has reached a call without a recorded result."""


@dataclass(frozen=True, slots=True)
class Call:
    """The next action of an actor. Exactly one of the groups is set."""

    text: str
    reads: int = -1
    writes: tuple[Write, ...] = ()
    keys: tuple[int, ...] = ()
    other: tuple[int, Item] | None = None  # the number of an item in neither table, the item
    starts: tuple[int, int] | None = None  # the actor's slot, its state
    awaits_item: int = -1
    awaits_end: tuple[int, ...] = ()
    asks_running: int = -1
    at_once: bool = False  # it commutes with every other call


class Aws:
    """The interface that a step calls: the store, and the calls of Step Functions that sessions make."""

    def __init__(self, numbers: Numbers, attempt: int, answers: tuple[Any, ...], *, is_twin: bool) -> None:
        self._numbers = numbers
        self._answers = iter(answers)
        self.is_twin = is_twin  # delivered a second time: the result of the step is ignored
        self.attempt = attempt  # how often the step has been run before

    def _answer(self, call: Callable[[], Call]) -> Any:
        for answer in self._answers:
            return answer
        raise Pause(call())

    def get(self, table: TableSchema, key: Key) -> Item | None:
        return self.read(item_key(table, key))

    def read(self, key: ItemKey) -> Item | None:
        numbers = self._numbers
        number = numbers.key_number(key)
        found = self._answer(lambda: Call(f"read {'/'.join(key)}", reads=number))
        return numbers.item(found)

    def transact(self, *writes: Write) -> None:
        numbers = self._numbers

        def call() -> Call:
            keys = keys_of(writes)
            text = " + ".join(f"{type(w).__name__} {'/'.join(k)}" for w, k in zip(writes, keys, strict=True))
            return Call(text, writes=writes, keys=tuple(numbers.key_number(key) for key in keys))

        if not self._answer(call):
            raise ConditionNotMet

    def query(self, *_arguments: Any, **_options: Any) -> Iterator[Item]:
        raise AssertionError("the overlap rule never lists: lists lag behind what is written")

    def write(self, key: ItemKey, item: Item) -> None:
        """Write an item that is in neither table."""
        number = self._numbers.key_number(key)
        self._answer(lambda: Call(f"write {'/'.join(key)}", other=(number, item)))

    def note(self, key: ItemKey, item: Item) -> None:
        """Write an item that no step reads, so that the time of the write does not matter."""
        number = self._numbers.key_number(key)
        self._answer(lambda: Call(f"note {'/'.join(key)}", other=(number, item), at_once=True))

    def start(self, actor: str, step: str, variables: Variables) -> None:
        """Start another actor; starting a name twice starts it once, as Step Functions does."""
        numbers = self._numbers
        begin = (numbers.slot(actor), numbers.begin(step, variables))
        self._answer(lambda: Call(f"start {actor}", starts=begin, at_once=True))

    def join(self, *actors: str) -> None:
        """Wait until the actors have ended."""
        slots = tuple(self._numbers.slot(actor) for actor in actors)
        self._answer(lambda: Call(f"join {actors}", awaits_end=slots, at_once=True))

    def wait(self, key: ItemKey) -> None:
        """Wait until the item is noted. If no actor can continue for an hour, the step runs again."""
        number = self._numbers.key_number(key)
        self._answer(lambda: Call(f"wait for {'/'.join(key)}", awaits_item=number, at_once=True))

    def is_running(self, actor: str) -> bool:
        slot = self._numbers.slot(actor)
        return bool(self._answer(lambda: Call(f"ask whether {actor} runs", asks_running=slot)))
