"""One process that runs one function, and the Runtime API that serves it.

Source of the protocol: Lambda developer guide, "Using the Lambda runtime API".
"""

from __future__ import annotations

import hmac
import json
import queue
import secrets
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from localcloud.authentication.credentials import RoleSession
from localcloud.authentication.web_page_guard import refusal
from localcloud.core.cloud import Cloud
from localcloud.functions.fork_client import ForkServer

EXIT_GRACE_SECONDS = 0.5  # to read the remaining output of a process that ended
# Time for a process to import its function before the function's own timeout starts.
# Source: Lambda developer guide, "Lambda execution environment lifecycle", init phase. AWS then restarts the
# process; the local cloud lets it continue.
INIT_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings:
    """The settings of a function in moto."""

    arn: str
    name: str
    region: str
    role: str
    handler: str
    timeout: float  # real seconds, because the function's work is real
    memory: int  # MiB; passed to the function, not enforced
    environment: dict[str, str]
    code_sha: str
    code: bytes = field(repr=False)  # the zip file

    @property
    def key(self) -> str:
        """The key of warm processes: a process is reused only for an equal key."""
        rest = (
            self.arn,
            self.code_sha,
            self.role,
            self.handler,
            self.timeout,
            sorted(self.environment.items()),
        )
        return json.dumps(rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of an invocation."""

    payload: bytes  # JSON
    error: str | None = None  # "Unhandled" if the function failed
    log_tail: bytes = b""


class Sandbox:
    """A process that runs awslambdaric; handles one invocation at a time."""

    def __init__(
        self,
        cloud: Cloud,
        function: FunctionSettings,
        path: list[Path],
        fork_server: ForkServer,
        write_log: Callable[[str, str], None],
    ) -> None:
        """Fork the process; `write_log` receives the log stream's name and each line."""
        self.function = function
        self.log_stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{uuid.uuid4().hex}"
        self._write_log = write_log
        self._tail: deque[str] = deque(maxlen=100)
        self._cloud = cloud
        self._events: queue.Queue[tuple[str, bytes, float]] = queue.Queue()
        self._outcomes: queue.Queue[tuple[str, Outcome]] = queue.Queue()
        self._ready = threading.Event()  # set when the function is imported and the runtime requests an event
        self._init_deadline = time.monotonic() + INIT_SECONDS
        self._killed = False
        self._secret = secrets.token_urlsafe(32)  # prefix of every path; only in the process's environment
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler_class())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 1}, daemon=True).start()
        environment = self._environment(path)
        self._child = cloud.processes.adopt(
            fork_server.spawn(function.handler, environment, path[1]),
            name=function.name,
            kind="function",
            access_key=environment["AWS_ACCESS_KEY_ID"],
        )
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether the process can take another event; False from the moment it is killed."""
        return not self._killed and self._child.popen.poll() is None

    def invoke(self, payload: bytes) -> Outcome:
        """Return the function's result or error, or Lambda's error if the process fails."""
        request_id = str(uuid.uuid4())
        self._tail.clear()
        self._await_init()
        started = time.monotonic()
        self._log(f"START RequestId: {request_id} Version: $LATEST")
        self._events.put((request_id, payload, self.function.timeout))
        outcome = self._await(request_id, started + self.function.timeout)
        self._log(f"END RequestId: {request_id}")
        self._log(f"REPORT RequestId: {request_id}\tDuration: {(time.monotonic() - started) * 1000:.2f} ms")
        tail = "".join(self._tail).encode()
        return Outcome(payload=outcome.payload, error=outcome.error, log_tail=tail)

    def close(self) -> None:
        """Kill the process."""
        self._cloud.processes.kill(self._child)
        threading.Thread(target=self._server.shutdown, daemon=True).start()
        self._server.server_close()

    def _await_init(self) -> None:
        """Wait until the process is ready for an event, has ended, or the init timeout has passed."""
        while self.alive and time.monotonic() < self._init_deadline and not self._ready.wait(0.05):
            pass

    def _await(self, request_id: str, deadline: float) -> Outcome:
        while True:
            try:
                answered, outcome = self._outcomes.get(timeout=0.05)
            except queue.Empty:
                if not self.alive:
                    return self._last_words(request_id)
                if time.monotonic() > deadline:
                    self._killed = True
                    self._child.signal(9)
                    seconds = f"{self.function.timeout:.2f} seconds"
                    self._log(f"{request_id} Task timed out after {seconds}")
                    return _failure(
                        "Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {seconds}"
                    )
                continue
            if answered in (request_id, "init"):
                return outcome

    def _last_words(self, request_id: str) -> Outcome:
        self._reader.join(EXIT_GRACE_SECONDS)
        try:
            return self._outcomes.get_nowait()[1]
        except queue.Empty:
            code = self._child.popen.returncode or 0
            reason = f"signal: {-code}" if code < 0 else f"exit status {code}"
            return _failure(
                "Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited with error: {reason}"
            )

    def _environment(self, path: list[Path]) -> dict[str, str]:
        function = self.function
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": ":".join(str(part) for part in path),
            "PYTHONUNBUFFERED": "1",
            **self._cloud.role_credentials(
                # Lambda names the session after the function
                function.role,
                function.region,
                RoleSession(name=function.name),
            ),
            **function.environment,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}/{self._secret}",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": self.log_stream,
            "LAMBDA_TASK_ROOT": str(path[1]),
            "LAMBDA_RUNTIME_DIR": str(path[2]),
            "_HANDLER": function.handler,
        }

    def _read_output(self) -> None:
        assert self._child.popen.stdout is not None  # noqa: S101  # opened as a pipe
        with self._child.popen.stdout as output:
            for line in output:
                self._log(line.decode(errors="replace").rstrip("\n"))

    def _log(self, line: str) -> None:
        self._tail.append(line + "\n")
        self._write_log(self.log_stream, line)

    def _handler_class(self) -> type[BaseHTTPRequestHandler]:
        sandbox = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def parse_request(self) -> bool:
                """Refuse web pages and processes other than the function's, because events may be
                confidential."""
                if not super().parse_request():
                    return False
                names = {
                    f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()
                }
                why = refusal(names, sandbox._server.server_port)
                if why is None and not hmac.compare_digest(
                    self.path.removeprefix("/").partition("/")[0].encode(), sandbox._secret.encode()
                ):
                    why = "the Runtime API accepts only the process of its function"
                if why is not None:
                    self.send_error(403, why)
                return why is None

            def do_GET(self) -> None:  # http.server's name
                """Respond to .../runtime/invocation/next once there is an event."""
                sandbox._ready.set()
                request_id, payload, seconds = sandbox._events.get()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + seconds) * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", sandbox.function.arn)
                self.send_header("Lambda-Runtime-Trace-Id", _trace_id())
                self._body(payload)

            def do_POST(self) -> None:  # http.server's name
                """Handle .../invocation/ID/response, .../invocation/ID/error or .../init/error."""
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                *_, about, kind = self.path.split("/")
                error = "Unhandled" if kind == "error" else None
                sandbox._outcomes.put((about, Outcome(payload=body, error=error)))
                self.send_response(202)
                self._body(b'{"status":"OK"}')

            def _body(self, body: bytes) -> None:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:  # no logging
                pass

        return Handler


def _failure(error_type: str, message: str) -> Outcome:
    return Outcome(
        payload=json.dumps({"errorType": error_type, "errorMessage": message}).encode(), error="Unhandled"
    )


def _trace_id() -> str:
    root = f"1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}"
    return f"Root={root};Parent={uuid.uuid4().hex[:16]};Sampled=0"
