"""Runs as a separate process: imports the packages of Lambda's runtime, then forks one child per sandbox.

All functions import the runtime's packages, the largest of which is botocore. Importing them once and forking
halves a cold start and shares the memory. The function's own code is not imported before the fork:
environment, directory and handler are set in the child.

Its standard input is a socket. A request is one line of JSON, sent together with the file descriptor for the
child's output: {"handler", "environment", "directory"}. Responses are lines: {"forked": pid} for each
request, in order, and {"exited": pid, "code": returncode} for each child that ends.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any

PIECE_BYTES = 1 << 16


def main() -> None:
    """Serve requests until the other side closes the socket; then kill all children."""
    server = socket.socket(fileno=os.dup(0))
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    # Imported for the children. Not awslambdaric: importing it connects to the Runtime API.

    import botocore.client
    import botocore.session  # noqa: F401

    gc.collect()
    gc.freeze()  # keeps the children's collector from copying these pages
    children: set[int] = set()
    while True:
        ready, _, _ = select.select([server.fileno(), wake_read], [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
            for pid, code in ended():
                children.discard(pid)
                send_line(server, {"exited": pid, "code": code})
        if server.fileno() in ready:
            message, descriptors, _, _ = socket.recv_fds(server, PIECE_BYTES, 1)
            while message and not message.endswith(b"\n"):
                message += server.recv(PIECE_BYTES)
            if not message:
                break
            pid = os.fork()
            if pid == 0:
                server.close()
                os.close(wake_read)
                os.close(wake_write)
                become_function(json.loads(message), descriptors[0])
            os.close(descriptors[0])
            children.add(pid)
            send_line(server, {"forked": pid})
    for pid in children:
        os.killpg(pid, signal.SIGKILL)


def ended() -> list[tuple[int, int]]:
    """Return process id and return code (negative: the signal) of every child that has ended."""
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        found.append((pid, os.waitstatus_to_exitcode(status)))


def send_line(server: socket.socket, answer: dict[str, int]) -> None:
    """Send one line of JSON."""
    server.sendall(json.dumps(answer).encode() + b"\n")


def become_function(request: dict[str, Any], output: int) -> None:
    """Become the function's process; does not return."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(nowhere)
    os.close(output)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["directory"])
    code = 1
    try:
        from awslambdaric.__main__ import main as run

        take_secret_path()
        run(["", request["handler"]])
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def take_secret_path() -> None:
    """Patch the runtime to call the Runtime API below the path in its environment variable.

    The runtime's C++ part does so by itself. Its Python part, which reports initialization errors, would
    parse the path as part of the port.
    """
    from awslambdaric.lambda_runtime_client import BaseLambdaRuntimeClient

    call = BaseLambdaRuntimeClient.call_rapid

    def call_below(self: Any, method: str, endpoint: str, *rest: Any, **named: Any) -> Any:
        address, _, secret = self.lambda_runtime_address.partition("/")
        self.lambda_runtime_address = address
        try:
            return call(self, method, f"/{secret}{endpoint}", *rest, **named)
        finally:
            self.lambda_runtime_address = f"{address}/{secret}"

    BaseLambdaRuntimeClient.call_rapid = call_below


if __name__ == "__main__":
    main()
