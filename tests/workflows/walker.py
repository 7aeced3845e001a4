"""Walks a state machine with scripted Lambdas: enough of the language for ours, to count and to follow."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.stepfunctions.expressions import evaluate

DIRECTORY = Path(__file__).parents[2] / "tidemark" / "workflows"
Lambdas = Mapping[str, Callable[[Any], Any]]  # by placeholder, such as OpenSessionFunction


class Raised(Exception):
    """The error of a task or a machine."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.output = {"Error": error, "Cause": cause}


def definition(name: str) -> dict[str, Any]:
    """Return a state machine as it is deployed in the partition `aws`, with its other placeholders."""
    found: dict[str, Any] = json.loads(source(name))
    return found


def source(name: str) -> str:
    """Return the text of a state machine as it is deployed in the partition `aws`."""
    return (DIRECTORY / f"{name}.asl.json").read_text().replace("${Partition}", "aws")


class RecordedLambdas:
    """Lambdas with scripted answers; records their calls, and lets some of them fail."""

    def __init__(self) -> None:
        self.called: list[tuple[str, Any]] = []
        self.failing: dict[str, str] = {}  # the error of a function by its name

    def names(self) -> list[str]:
        """Return the names of the called functions, in order."""
        return [name for name, _ in self.called]

    def payloads(self, name: str) -> list[Any]:
        """Return the payloads of the calls of a function."""
        return [payload for called, payload in self.called if called == name]

    def recorded(self, answers: Mapping[str, Callable[[Any], Any]]) -> Lambdas:
        """Return the functions by placeholder, from their answers by name."""
        return {f"{name}Function": self._recorded(name, answer) for name, answer in answers.items()}

    def _recorded(self, name: str, answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def call(payload: Any) -> Any:
            self.called.append((name, payload))
            if name in self.failing:
                raise Raised(self.failing[name], json.dumps({"errorMessage": f"{name} failed"}))
            return answer(payload)

        return call


@dataclass
class Walk:
    """One execution: the entered states, and the seconds that it has waited."""

    lambdas: Lambdas
    context: dict[str, Any]
    entered: list[str] = field(default_factory=list)
    seconds: float = 0

    def run(self, machine: Mapping[str, Any], given: Any, variables: Mapping[str, Any]) -> Any:
        """Return the output of a machine or a branch."""
        scope = dict(variables)
        name = machine["StartAt"]
        while True:
            self.entered.append(name)
            state = machine["States"][name]
            name, given = self._enter(state, given, scope)
            if name is None:
                return given

    def _enter(self, state: Mapping[str, Any], given: Any, scope: dict[str, Any]) -> tuple[str | None, Any]:
        states = {"input": given, "context": self.context}
        following = state.get("Next")
        match state["Type"]:
            case "Wait":
                self.seconds += self._evaluate(state["Seconds"], states, scope)
                return following, given
            case "Choice":
                for choice in state["Choices"]:
                    if self._evaluate(choice["Condition"], states, scope):
                        return choice["Next"], given
                return state["Default"], given
            case "Fail":
                raise Raised(
                    self._evaluate(state["Error"], states, scope),
                    self._evaluate(state["Cause"], states, scope),
                )
            case "Pass" | "Succeed":
                result = given
            case _:
                try:
                    result = self._work(state, given, states, scope)
                except Raised as raised:
                    return self._catch(state, raised, states, scope)
        states["result"] = result
        return self._leave(state, result, states, scope, following)

    def _leave(
        self,
        state: Mapping[str, Any],
        result: Any,
        states: dict[str, Any],
        scope: dict[str, Any],
        to: str | None,
    ) -> tuple[str | None, Any]:
        assigned = self._evaluate(state.get("Assign", {}), states, scope)
        output = self._evaluate(state["Output"], states, scope) if "Output" in state else result
        scope.update(assigned)
        return to, output

    def _catch(
        self, state: Mapping[str, Any], raised: Raised, states: dict[str, Any], scope: dict[str, Any]
    ) -> tuple[str | None, Any]:
        for catcher in state.get("Catch", []):
            if {raised.output["Error"], "States.ALL"} & set(catcher["ErrorEquals"]):
                states["errorOutput"] = raised.output
                return self._leave(catcher, raised.output, states, scope, catcher["Next"])
        raise raised

    def _work(
        self, state: Mapping[str, Any], given: Any, states: dict[str, Any], scope: dict[str, Any]
    ) -> Any:
        if state["Type"] == "Task":
            arguments = self._evaluate(state["Arguments"], states, scope)
            if state["Resource"].startswith("arn:aws:states:::states:startExecution"):
                return self.lambdas[arguments["StateMachineArn"].strip("${}")](arguments)
            result = self.lambdas[arguments["FunctionName"].strip("${}")](arguments["Payload"])
            return result if "waitForTaskToken" in state["Resource"] else {"Payload": result}
        begun = self.seconds
        if state["Type"] == "Map":
            items = self._evaluate(state["Items"], states, scope)
            branches = [(state["ItemProcessor"], item) for item in items]
        else:
            branches = [(branch, given) for branch in state["Branches"]]
        results, ends = [], [begun]
        for branch, each in branches:
            self.seconds = begun  # they run at the same time
            results.append(self.run(branch, each, scope))
            ends.append(self.seconds)
        self.seconds = max(ends)
        return results

    @staticmethod
    def _evaluate(template: Any, states: Mapping[str, Any], scope: Mapping[str, Any]) -> Any:
        return evaluate(template, {**scope, "states": states}, "?")
