"""Writes function output to CloudWatch Logs, and to one file per function below the state directory."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import defaultdict
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.core.cloud import Cloud
from localcloud.core.role_clients import Clients
from localcloud.functions.sandbox import FunctionSettings

FLUSH_SECONDS = 0.2


class FunctionLogs:
    """Queues lines and writes them in the background."""

    def __init__(self, cloud: Cloud, clients: Clients) -> None:
        self._clients = clients
        self._directory = cloud.state_dir / "logs"
        self._lines: queue.SimpleQueue[tuple[FunctionSettings, str, int, str] | None] = queue.SimpleQueue()
        self._known: set[tuple[str, str]] = set()
        self._closed = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def write(self, function: FunctionSettings, stream: str, line: str) -> None:
        """Queue one line; returns immediately."""
        self._lines.put((function, stream, int(time.time() * 1000), line))

    def close(self) -> None:
        """Stop writing."""
        self._closed.set()

    def _run(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        while not self._closed.wait(FLUSH_SECONDS):
            batches: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
            functions = {}
            with contextlib.suppress(queue.Empty):
                while item := self._lines.get_nowait():
                    function, stream, when, line = item
                    functions[function.arn] = function
                    batches[function.arn, stream].append({"timestamp": when, "message": line})
            for (arn, stream), events in batches.items():
                with contextlib.suppress(
                    ClientError, BotoCoreError
                ):  # a fault on logs must not stop functions
                    self._put(functions[arn], stream, events)

    def _put(self, function: FunctionSettings, stream: str, events: list[dict[str, Any]]) -> None:
        with (self._directory / f"{function.name}.log").open("a") as file:
            file.writelines(event["message"] + "\n" for event in events)
        # Lambda writes logs with the function's own role.
        logs = self._clients.get("logs", function.region, function.role)
        group = f"/aws/lambda/{function.name}"
        if (group, stream) not in self._known:
            # A line written after its function's deletion must not create the log group again.
            account = function.arn.split(":")[4]
            functions = self._clients.of_account(account, "lambda", function.region)
            functions.get_function_configuration(FunctionName=function.arn)
            for create, names in (
                (logs.create_log_group, {"logGroupName": group}),
                (logs.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
            ):
                with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
                    create(**names)
            self._known.add((group, stream))
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
