"""Answers of a test in place of an AWS service, for operations that moto lacks; and launches of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


@contextmanager
def answered(client: Any, answers: Mapping[str, Callable[[dict[str, Any]], Any]]) -> Iterator[None]:
    """Answer the calls of a client by operation, from their parameters, without a request."""
    events, service = client.meta.events, client.meta.service_model.service_name
    undo = []
    for operation, answer in answers.items():
        asked: list[dict[str, Any]] = []

        def note(params: Any, asked: Any = asked, **_: Any) -> None:
            asked.append(params)

        def respond(asked: Any = asked, answer: Any = answer, **_: Any) -> Any:
            return SimpleNamespace(status_code=200), answer(asked[-1])

        for name, handler in (
            (f"provide-client-params.{service}.{operation}", note),
            (f"before-call.{service}.{operation}", respond),
        ):
            events.register_first(name, handler)
            undo.append((name, handler))
    try:
        yield
    finally:
        for name, handler in undo:
            events.unregister(name, handler)


def record_launches(monkeypatch: pytest.MonkeyPatch, launching: ModuleType) -> list[Any]:
    """Return the launches of workers by a function, which get no machine."""
    launches: list[Any] = []

    def launch(_clients: Any, _settings: Any, request: Any, environment: Any, purpose: Any) -> str:
        launches.append((request, environment, purpose))
        return f"task-{len(launches)}"

    monkeypatch.setattr(launching, "launch", launch)
    return launches
