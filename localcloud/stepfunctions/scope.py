"""State shared by the states of one running program (the machine, a branch, an iteration)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.core.clock import ScaledClock
from localcloud.stepfunctions.expressions import evaluate
from localcloud.stepfunctions.history import History
from localcloud.stepfunctions.integrations import Integrations
from localcloud.stepfunctions.limits import Stored
from localcloud.stepfunctions.signals import Signal
from localcloud.stepfunctions.tokens import Tokens

SHORTEST_TIMEOUT = 2.0  # real seconds; shorter scaled timeouts would expire during healthy work


@dataclass(slots=True)
class Checkpoint:
    """The position of a program, at which a redrive resumes.

    Updated when a state is entered. `inner` holds the checkpoints of the branches or iterations of the
    state, and `output` is set (`done`) once the program has ended.
    """

    state: str | None = None
    value: Any = None  # the state's input
    variables: dict[str, Any] = field(default_factory=dict)
    inner: dict[int, Checkpoint] = field(default_factory=dict)
    done: bool = False
    output: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """State shared by all executions."""

    clock: ScaledClock
    timeout_scale: float
    tokens: Tokens
    integrations: Integrations

    def timeout(self, aws_seconds: float) -> float:
        """Convert a TimeoutSeconds or HeartbeatSeconds to real seconds."""
        scaled = aws_seconds * self.timeout_scale
        return max(scaled, min(SHORTEST_TIMEOUT, aws_seconds))


@dataclass(slots=True, kw_only=True)
class Scope:
    """One running program."""

    runtime: Runtime
    history: History
    signal: Signal
    role_arn: str
    region: str
    context: dict[str, Any]  # $states.context, without State and Task
    outer: Mapping[str, Any] = field(default_factory=dict)  # variables that can be read but not assigned
    variables: dict[str, Any] = field(default_factory=dict)
    stored: Stored = field(default_factory=Stored)  # shared by all programs of the execution

    def inner(self, signal: Signal, **context: Any) -> Scope:  # JSON
        """Return the scope of a branch or iteration of the current state."""
        return Scope(
            runtime=self.runtime,
            history=self.history,
            signal=signal,
            role_arn=self.role_arn,
            region=self.region,
            context={**self.context, **context},
            outer={**self.outer, **self.variables},
            stored=self.stored,
        )

    def evaluate(self, template: Any, field_name: str, states: Mapping[str, Any]) -> Any:  # JSON
        """Return a template's value; `states` are the members of `$states` except the context's."""
        context = {**self.context, **states.get("context", {})}
        bindings = {**self.outer, **self.variables, "states": {**states, "context": context}}
        return evaluate(template, bindings, field_name)

    def assign(self, values: Mapping[str, Any]) -> None:
        """Set variables; raises StateFailed if they exceed the limit of the execution."""
        self.stored.set(id(self), values)
        self.variables.update(values)

    def drop(self) -> None:
        """Remove the variables when the program has ended."""
        self.stored.drop(id(self))
