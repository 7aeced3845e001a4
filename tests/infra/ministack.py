"""ministack, a second CloudFormation and Step Functions, in a separate process and environment.

It shares no code with the local cloud or moto. It listens only on the loopback address and keeps no state.
Its functions are those of stub_functions.py: it tests only the template and the definitions.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra.bundle import BUILD
from localcloud.client.assembly import deploy
from tests.infra import stub_functions

LOCKED = Path(__file__).with_name("ministack.txt")
REGION = "eu-central-1"
ACCOUNT = "123456789012"
# Created by the local cloud's CloudFormation: tests/localcloud/cloudformation/test_types.py.
UNKNOWN_TYPES = {"AWS::Backup::RestoreTestingPlan", "AWS::Backup::RestoreTestingSelection"}
WAIT_SCALE = "0.01"  # factor for the seconds of Wait states and retries


@dataclass(frozen=True, slots=True)
class Ministack:
    """A running ministack."""

    endpoint: str
    home: Path

    def client(self, service: str, region: str | None = None) -> Any:  # any service's
        """Return a client, like LocalCloud.client."""
        return boto3.client(
            service,  # type: ignore[call-overload]  # any
            region_name=region or REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="any",
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )

    def deploy(self, assembly: Path) -> dict[str, dict[str, str]]:
        """Deploy an assembly with stub functions: {stack name: {output name: value}}."""
        return deploy(
            assembly,
            client=self.client,
            account_id=ACCOUNT,
            default_region=REGION,
            register_image=lambda _uri, _directory: None,
        )

    def run(self, machine_arn: str, name: str, given: Any) -> dict[str, Any]:
        """Run an execution to its end; return its description."""
        states = self.client("stepfunctions")
        arn = states.start_execution(stateMachineArn=machine_arn, name=name, input=json.dumps(given))[
            "executionArn"
        ]
        return self.ended(arn)

    def ended(self, arn: str) -> dict[str, Any]:
        """Wait for the end of an execution; return its description. Raises TimeoutError."""
        states = self.client("stepfunctions")
        for _ in range(2_400):
            found: dict[str, Any] = states.describe_execution(executionArn=arn)
            if found["status"] != "RUNNING":
                return found
            time.sleep(0.1)
        raise TimeoutError(f"{arn} has not ended")

    def calls(self, subject: str) -> list[str]:
        """Return the names of the functions called for a session or an index, in order."""
        lines = (self.home / stub_functions.CALLS).read_text().splitlines()
        return [name for name, event in map(json.loads, lines) if json.dumps(subject) in json.dumps(event)]


@contextmanager
def started(directory: Path) -> Iterator[Ministack]:
    """Run ministack; `directory` is its home. Raises TimeoutError with its output."""
    python = _installed()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "SFN_WAIT_SCALE": WAIT_SCALE,
    }
    log = directory / "ministack.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(python), "-m", "ministack"], cwd=directory, env=environment, stdout=output, stderr=output
        )
    try:
        _await(port, process, log)
        yield Ministack(f"http://127.0.0.1:{port}", directory)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def with_stubs(assembly: Path, directory: Path) -> Path:
    """Return a copy of an assembly in which every function's code is a stub."""
    copy = directory / "assembly"
    shutil.copytree(assembly, copy, ignore=shutil.ignore_patterns("asset.*"))
    code = copy / "stubs"
    (code / "lambdas").mkdir(parents=True)
    shutil.copy(stub_functions.__file__, code / "stub_functions.py")
    for name in stub_functions.NAMES:
        text = f"import stub_functions\nhandler = stub_functions.handler({name!r})\n"
        (code / "lambdas" / f"{name}.py").write_text(text)
    for path in copy.glob("*.assets.json"):
        manifest = json.loads(path.read_text())
        for asset in manifest["files"].values():
            if asset["source"].get("packaging") == "zip":
                asset["source"]["path"] = "stubs"
        manifest["dockerImages"] = {}
        path.write_text(json.dumps(manifest))
    for path in copy.glob("*.template.json"):
        template = json.loads(path.read_text())
        template["Resources"] = known(template["Resources"])
        path.write_text(json.dumps(template))
    return copy


def known(resources: dict[str, Any]) -> dict[str, Any]:
    """Return the resources of a template without those of types that ministack does not have."""
    return {name: one for name, one in resources.items() if one["Type"] not in UNKNOWN_TYPES}


def _installed() -> Path:
    """Return the Python with ministack; the first process installs it, the others wait."""
    key = hashlib.sha256(LOCKED.read_bytes() + sys.version.encode()).hexdigest()[:16]
    environment = BUILD / "ministack" / key
    environment.parent.mkdir(parents=True, exist_ok=True)
    python = environment / "bin" / "python"
    with (environment.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (environment / ".ready").exists():
            shutil.rmtree(environment, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "--require-hashes", "-r", str(LOCKED)], check=True)
            (environment / ".ready").touch()
    return python


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(2_400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise TimeoutError(f"ministack does not answer:\n{log.read_text()}")
