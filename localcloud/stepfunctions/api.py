"""The API of Step Functions. Source of errors and responses: its API reference."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.core.cloud import ApiCall, AwsError, Operation
from localcloud.core.partitions import partition_of, regional_arn
from localcloud.stepfunctions.definition import BadDefinition, parse_definition
from localcloud.stepfunctions.executions import Execution
from localcloud.stepfunctions.history import History
from localcloud.stepfunctions.limits import LARGEST_DATA
from localcloud.stepfunctions.machines import StateMachine, parsed
from localcloud.stepfunctions.scope import Runtime

SETTINGS = ("loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")
NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")
LARGEST_DEFINITION = 1024 * 1024  # source: CreateStateMachine, definition
LONGEST_ERROR, LONGEST_CAUSE = 256, 32_768  # characters; source: SendTaskFailure, error and cause
Answer = Mapping[str, Any]


class StepFunctions:
    """All state machines and executions, of every Region."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._machines: dict[str, StateMachine] = {}
        self._executions: dict[str, Execution] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._lock = threading.RLock()

    def operations(self) -> dict[str, Operation]:
        """Return the handlers by operation name."""
        return {
            "CreateStateMachine": self.create,
            "UpdateStateMachine": self.update,
            "DeleteStateMachine": self.delete,
            "DescribeStateMachine": lambda call: self._machine(call.params["stateMachineArn"]).describe(),
            "DescribeStateMachineForExecution": self.describe_for_execution,
            "ListStateMachines": self.list_machines,
            "ValidateStateMachineDefinition": self.validate,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list_tags,
            "StartExecution": self.start,
            "StopExecution": self.stop,
            "RedriveExecution": lambda call: {"redriveDate": self._execution(call).redrive()},
            "DescribeExecution": lambda call: self._execution(call).describe(),
            "ListExecutions": self.list_executions,
            "GetExecutionHistory": self.history,
            "SendTaskSuccess": self.send_success,
            "SendTaskFailure": self.send_failure,
            "SendTaskHeartbeat": self.send_heartbeat,
        }

    def close(self) -> None:
        """Abort all running executions."""
        for execution in list(self._executions.values()):
            execution.stop(None, "the local cloud is shutting down")

    def create(self, call: ApiCall) -> Answer:
        """CreateStateMachine. Idempotent for the same name, definition, type and role."""
        name, params = call.params["name"], call.params
        _check_name(name)
        arn = regional_arn("states", call.region, call.account_id, f"stateMachine:{name}")
        _check_length("definition", len(params["definition"]), LARGEST_DEFINITION)
        machine = StateMachine(
            arn=arn,
            name=name,
            definition=params["definition"],
            role_arn=params["roleArn"],
            type=params.get("type") or "STANDARD",
            created_at=self._runtime.clock.now(),
            settings={key: params[key] for key in SETTINGS if key in params},
        )
        with self._lock:
            old = self._machines.get(arn)
            if old is None:
                self._machines[arn] = machine
                self._tags[arn] = {tag["key"]: tag["value"] for tag in params.get("tags") or ()}
            elif (old.definition, old.role_arn, old.type) != (
                machine.definition,
                machine.role_arn,
                machine.type,
            ):
                raise AwsError("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")
            return {"stateMachineArn": arn, "creationDate": self._machines[arn].created_at}

    def update(self, call: ApiCall) -> Answer:
        """UpdateStateMachine. Running executions keep the definition they started with."""
        params = call.params
        with self._lock:
            machine = self._machine(params["stateMachineArn"])
            if "definition" in params:
                machine.program = parsed(params["definition"], machine.region)
                machine.definition = params["definition"]
            machine.role_arn = params.get("roleArn", machine.role_arn)
            machine.settings |= {key: params[key] for key in SETTINGS if key in params}
        return {"updateDate": self._runtime.clock.now()}

    def delete(self, call: ApiCall) -> None:
        """DeleteStateMachine; running executions continue."""
        with self._lock:
            self._machines.pop(call.params["stateMachineArn"], None)

    def describe_for_execution(self, call: ApiCall) -> Answer:
        """DescribeStateMachineForExecution: the machine as it was when the execution started."""
        machine = self._execution(call).machine
        wanted = ("stateMachineArn", "name", "definition", "roleArn", "loggingConfiguration")
        described = machine.describe()
        return {key: described[key] for key in wanted} | {"updateDate": machine.created_at}

    def list_machines(self, call: ApiCall) -> Answer:
        """ListStateMachines."""
        here = f"arn:{partition_of(call.region)}:states:{call.region}:{call.account_id}:"
        machines = [m.summary() for arn, m in self._machines.items() if arn.startswith(here)]
        return _page(call, "stateMachines", machines)

    def validate(self, call: ApiCall) -> Answer:
        """ValidateStateMachineDefinition: runs the checks of CreateStateMachine; returns the first error."""
        try:
            parse_definition(call.params["definition"], partition_of(call.region))
        except BadDefinition as error:
            code, _, message = str(error).partition(": ")
            return {
                "result": "FAIL",
                "diagnostics": [{"severity": "ERROR", "code": code, "message": message}],
            }
        return {"result": "OK", "diagnostics": []}

    def tag(self, call: ApiCall) -> None:
        """TagResource."""
        tags = self._tags.setdefault(call.params["resourceArn"], {})
        tags.update({tag["key"]: tag["value"] for tag in call.params["tags"]})

    def untag(self, call: ApiCall) -> None:
        """UntagResource."""
        for key in call.params["tagKeys"]:
            self._tags.get(call.params["resourceArn"], {}).pop(key, None)

    def list_tags(self, call: ApiCall) -> Answer:
        """ListTagsForResource."""
        tags = self._tags.get(call.params["resourceArn"], {})
        return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}

    def start(self, call: ApiCall) -> Answer:
        """StartExecution. The same name and input while it runs returns the running execution."""
        params = call.params
        name, text = params.get("name") or str(uuid.uuid4()), params.get("input") or "{}"
        _check_name(name)
        _check_length("input", len(text.encode()), LARGEST_DATA)
        try:
            json.loads(text)
        except ValueError as error:
            raise AwsError(
                "InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'"
            ) from error
        with self._lock:
            machine = self._machine(params["stateMachineArn"])
            arn = f"{machine.arn.replace(':stateMachine:', ':execution:')}:{name}"
            old = self._executions.get(arn)
            if old and (old.status != "RUNNING" or old.input != text):
                raise AwsError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
            execution = old or self._new(arn, name, machine, text)
        return {"executionArn": arn, "startDate": execution.started_at}

    def _new(self, arn: str, name: str, machine: StateMachine, text: str) -> Execution:
        clock = self._runtime.clock
        execution = Execution(
            arn=arn,
            name=name,
            machine=StateMachine(
                arn=machine.arn,
                name=machine.name,
                definition=machine.definition,
                role_arn=machine.role_arn,
                type=machine.type,
                created_at=machine.created_at,
                settings=dict(machine.settings),
            ),
            region=arn.split(":")[3],
            input=text,
            runtime=self._runtime,
            started_at=clock.now(),
            history=History(clock.now),
        )
        self._executions[arn] = execution
        execution.start()
        return execution

    def stop(self, call: ApiCall) -> Answer:
        """StopExecution."""
        stopped = self._execution(call).stop(call.params.get("error"), call.params.get("cause"))
        return {"stopDate": stopped}

    def list_executions(self, call: ApiCall) -> Answer:
        """ListExecutions, newest first."""
        params = call.params
        machine = self._machine(params["stateMachineArn"])
        found = [
            execution
            for execution in list(self._executions.values())
            if execution.machine.arn == machine.arn
            and params.get("statusFilter") in (None, execution.status)
            and params.get("redriveFilter") in (None, "REDRIVEN" if execution.redrives else "NOT_REDRIVEN")
        ]
        found.sort(key=lambda execution: execution.started_at, reverse=True)
        return _page(call, "executions", [execution.summary() for execution in found])

    def history(self, call: ApiCall) -> Answer:
        """GetExecutionHistory."""
        events = list(self._execution(call).history.events)
        if call.params.get("reverseOrder"):
            events.reverse()
        return _page(call, "events", events)

    def send_success(self, call: ApiCall) -> None:
        """SendTaskSuccess."""
        if len(call.params["output"].encode()) > LARGEST_DATA:
            raise AwsError("InvalidOutput", f"Invalid Output: more than {LARGEST_DATA} bytes")
        self._runtime.tokens.succeed(call.params["taskToken"], call.params["output"])

    def send_failure(self, call: ApiCall) -> None:
        """SendTaskFailure."""
        params = call.params
        _check_length("error", len(params.get("error") or ""), LONGEST_ERROR)
        _check_length("cause", len(params.get("cause") or ""), LONGEST_CAUSE)
        self._runtime.tokens.fail(params["taskToken"], params.get("error"), params.get("cause"))

    def send_heartbeat(self, call: ApiCall) -> None:
        """SendTaskHeartbeat."""
        self._runtime.tokens.beat(call.params["taskToken"])

    def _machine(self, arn: str) -> StateMachine:
        if not re.fullmatch(r"arn:aws[\w-]*:states:[\w-]+:\d{12}:stateMachine:.+", arn):
            raise AwsError("InvalidArn", f"Invalid Arn: '{arn}'")
        if arn not in self._machines:
            raise AwsError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return self._machines[arn]

    def _execution(self, call: ApiCall) -> Execution:
        arn = call.params["executionArn"]
        if not re.fullmatch(r"arn:aws[\w-]*:states:[\w-]+:\d{12}:execution:.+", arn):
            raise AwsError("InvalidArn", f"Invalid Arn: '{arn}'")
        if arn not in self._executions:
            raise AwsError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return self._executions[arn]


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise AwsError("InvalidName", f"Invalid Name: '{name}'")


def _check_length(member: str, length: int, longest: int) -> None:
    """Raise AwsError where a member is longer than the API's model allows."""
    if length > longest:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must "
            f"have length less than or equal to {longest}",
        )


def _page(call: ApiCall, key: str, items: Iterable[Mapping[str, Any]]) -> Answer:
    """Return one page; the token is the number of items before the next page."""
    everything = list(items)
    most = call.params.get("maxResults") or (1000 if key == "events" else 100)
    start = int(call.params.get("nextToken") or 0)
    page: dict[str, Any] = {key: everything[start : start + most]}
    if start + most < len(everything):
        page["nextToken"] = str(start + most)
    return page
