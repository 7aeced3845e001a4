"""The states of the Amazon States Language, in JSONata. Source: Step Functions developer guide, and the ASL
specification (states-language.net)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from localcloud.stepfunctions.failures import Retries, StateFailed, catcher
from localcloud.stepfunctions.history import TooManyEvents, as_json
from localcloud.stepfunctions.limits import check_assign, check_data
from localcloud.stepfunctions.scope import Checkpoint, Scope
from localcloud.stepfunctions.signals import Ended
from localcloud.stepfunctions.tasks import run_task

Json = Any
States = dict[str, Any]  # the members of $states


def run_program(program: Mapping[str, Any], value: Json, scope: Scope, checkpoint: Checkpoint) -> Json:
    """Return the output of a machine, branch or iteration.

    Resumes at `checkpoint` if it is at a state. Raises StateFailed, or Ended if it is stopped.
    """
    if checkpoint.done:
        return checkpoint.output
    name: str | None = program["StartAt"]
    if checkpoint.state is not None:
        name, value = checkpoint.state, checkpoint.value
        scope.assign(checkpoint.variables)
    try:
        return _run_states(program, name, value, scope, checkpoint)
    finally:
        scope.drop()


def _run_states(
    program: Mapping[str, Any], name: str | None, value: Json, scope: Scope, checkpoint: Checkpoint
) -> Json:
    while name is not None:
        scope.signal.check()
        checkpoint.state, checkpoint.value, checkpoint.variables = name, value, dict(scope.variables)
        name, value = _State(name, program["States"][name], value, scope, checkpoint).run()
        checkpoint.inner = {}
    checkpoint.done, checkpoint.output = True, value
    return value


class _State:
    """One visit to one state."""

    def __init__(
        self, name: str, definition: Mapping[str, Any], value: Json, scope: Scope, checkpoint: Checkpoint
    ) -> None:
        self.name, self.definition, self.input = name, definition, value
        self.scope, self.checkpoint = scope, checkpoint
        self.type: str = definition["Type"]
        self.entered_at = datetime.now(UTC)
        self.retries = Retries(definition.get("Retry", ()))

    def run(self) -> tuple[str | None, Json]:
        """Run the state; return the next state's name (None at the end) and its input."""
        self.scope.history.entered(self.type, self.name, self.input)
        work: Callable[[], tuple[str | None, Json]] = getattr(self, f"_{self.type.lower()}")
        try:
            following, output = work()
        except StateFailed as failure:
            entry = catcher(self.definition, failure.error)
            if entry is None:
                raise
            states = {**self._states(), "errorOutput": failure.output()}
            following, output = self._leave(entry, states, default=failure.output())
        self.scope.history.exited(self.type, self.name, output)
        return following, output

    def _states(self, **members: Json) -> States:
        return {
            "input": self.input,
            "context": {
                "State": {
                    "EnteredTime": self.entered_at.isoformat().replace("+00:00", "Z"),
                    "Name": self.name,
                    "RetryCount": self.retries.total,
                }
            },
            **members,
        }

    def evaluate(self, template: Json, field: str, states: States | None = None) -> Json:
        """Return a field's value."""
        return self.scope.evaluate(template, field, states or self._states())

    def _leave(self, rules: Mapping[str, Any], states: States, default: Json) -> tuple[str | None, Json]:
        """Apply Output and Assign (both see the old variables) of the state or of one of its Catch or Choice
        entries, and return where to go with what."""
        output = self.evaluate(rules["Output"], "Output", states) if "Output" in rules else default
        assigned = self.evaluate(rules.get("Assign", {}), "Assign", states)
        check_data(output, self.name)
        check_assign(assigned, self.name)
        self.scope.assign(assigned)
        return rules.get("Next"), output

    def _pass(self) -> tuple[str | None, Json]:
        return self._leave(self.definition, self._states(), self.input)

    def _succeed(self) -> tuple[str | None, Json]:
        return self._leave(self.definition, self._states(), self.input)

    def _fail(self) -> tuple[str | None, Json]:
        error = self.evaluate(self.definition.get("Error"), "Error")
        cause = self.evaluate(self.definition.get("Cause"), "Cause")
        raise StateFailed(error or "States.Failed", cause)

    def _wait(self) -> tuple[str | None, Json]:
        clock = self.scope.runtime.clock
        if "Timestamp" in self.definition:
            until = datetime.fromisoformat(self.evaluate(self.definition["Timestamp"], "Timestamp"))
            seconds = (until - clock.now()).total_seconds()
        else:
            seconds = float(self.evaluate(self.definition["Seconds"], "Seconds"))
        self.scope.signal.sleep(clock.seconds(seconds))
        return self._leave(self.definition, self._states(), self.input)

    def _choice(self) -> tuple[str | None, Json]:
        for index, rule in enumerate(self.definition["Choices"]):
            met = self.evaluate(rule["Condition"], f"Choices[{index}]/Condition")
            if not isinstance(met, bool):
                raise StateFailed(
                    "States.QueryEvaluationError",
                    f"The Condition of Choices[{index}] of state '{self.name}' is not a boolean: "
                    f"{as_json(met)}",
                )
            if met:
                # A rule's own Output and Assign replace the state's.
                return self._leave(rule, self._states(), self.input)
        if "Default" not in self.definition:
            raise StateFailed(
                "States.NoChoiceMatched", f"No rule of state '{self.name}' matched, and no Default"
            )
        _, output = self._leave(self.definition, self._states(), self.input)
        return self.definition["Default"], output

    def _task(self) -> tuple[str | None, Json]:
        return self._retried(
            lambda: run_task(self.scope, self.name, self.definition, self.input, self._states())
        )

    def _parallel(self) -> tuple[str | None, Json]:
        def attempt() -> Json:
            self.scope.history.add("ParallelStateStarted")
            value = self._arguments()
            branches = self.definition["Branches"]
            contexts: list[dict[str, Json]] = [{}] * len(branches)
            outputs = self._side_by_side([(branch, value) for branch in branches], contexts, len(branches), 0)
            self.scope.history.add("ParallelStateSucceeded")
            return outputs

        return self._retried(attempt)

    def _map(self) -> tuple[str | None, Json]:
        def attempt() -> Json:
            items = self.evaluate(self.definition.get("Items", self.input), "Items")
            if not isinstance(items, list):
                raise StateFailed(
                    "States.QueryEvaluationError", f"Items of state '{self.name}' is not an array"
                )
            self.scope.history.add("MapStateStarted", "mapStateStartedEventDetails", length=len(items))
            contexts = [{"Map": {"Item": {"Index": i, "Value": item}}} for i, item in enumerate(items)]
            selector = self.definition.get("ItemSelector")
            values = []
            for item, context in zip(items, contexts, strict=True):
                states = self._states()
                states["context"] |= context
                values.append(item if selector is None else self.evaluate(selector, "ItemSelector", states))
                check_data(values[-1], self.name)
            processor = self.definition["ItemProcessor"]
            most = int(self.evaluate(self.definition.get("MaxConcurrency", 0), "MaxConcurrency")) or 40
            outputs = self._side_by_side(
                [(processor, value) for value in values],
                contexts,
                most,
                self._tolerated(len(items)),
                noted="MapIteration",
            )
            self.scope.history.add("MapStateSucceeded")
            return outputs

        return self._retried(attempt)

    def _tolerated(self, items: int) -> int:
        count = self.evaluate(self.definition.get("ToleratedFailureCount", 0), "ToleratedFailureCount")
        share = self.evaluate(
            self.definition.get("ToleratedFailurePercentage", 0), "ToleratedFailurePercentage"
        )
        return max(int(count), int(items * float(share) / 100))

    def _arguments(self) -> Json:
        arguments = self.evaluate(self.definition.get("Arguments", self.input), "Arguments")
        check_data(arguments, self.name)
        return arguments

    def _retried(self, attempt: Callable[[], Json]) -> tuple[str | None, Json]:
        """Return the state's exit after up to the allowed number of attempts.

        Failures of Output and Assign are only caught, never retried.
        """
        while True:
            try:
                result = attempt()
                check_data(result, self.name)
                break
            except StateFailed as failure:
                wait = self.retries.wait_for(failure.error)
                if wait is None:
                    raise
                self.scope.signal.sleep(self.scope.runtime.clock.seconds(wait))
                self.checkpoint.inner = {}
        return self._leave(self.definition, self._states(result=result), result)

    def _side_by_side(
        self,
        programs: list[tuple[Mapping[str, Any], Json]],
        contexts: list[dict[str, Json]],
        most: int,
        tolerated: int,
        noted: str | None = None,  # type prefix of the events that each program records
    ) -> list[Json]:
        """Run programs, at most `most` concurrently, and return their outputs; the first failure beyond those
        tolerated stops the others."""
        signal = self.scope.signal.child()
        room = threading.Semaphore(most)
        ended = threading.Event()
        lock = threading.Lock()
        outputs: list[Json] = [None] * len(programs)
        failures: list[StateFailed] = []
        left = len(programs)

        def note(index: int, what: str) -> None:
            if noted:
                details = f"{noted[0].lower()}{noted[1:]}{what}EventDetails"
                self.scope.history.add(f"{noted}{what}", details, name=self.name, index=index)

        def run(index: int) -> None:
            nonlocal left
            program, value = programs[index]
            checkpoint = self.checkpoint.inner.setdefault(index, Checkpoint())
            try:
                if checkpoint.done:  # completed before a redrive
                    outputs[index] = checkpoint.output
                    return
                note(index, "Started")
                outputs[index] = run_program(
                    program, value, self.scope.inner(signal, **contexts[index]), checkpoint
                )
                note(index, "Succeeded")
            except Ended:
                return
            except StateFailed as failure:
                outputs[index] = failure.output()
                failures.append(failure)
                with suppress(TooManyEvents):
                    note(index, "Failed")
            except Exception as error:
                failures.append(StateFailed("States.Runtime", repr(error)))
            finally:
                room.release()
                with lock:
                    left -= 1
                    if not left or len(failures) > tolerated:
                        ended.set()

        def start_all() -> None:
            for index in range(len(programs)):
                room.acquire()
                threading.Thread(target=run, args=(index,), daemon=True).start()

        if programs:
            threading.Thread(target=start_all, daemon=True).start()
            self.scope.signal.wait(ended)
        if len(failures) > tolerated:
            signal.set()
            raise failures[0]
        return outputs
