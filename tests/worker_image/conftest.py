"""The services of a worker: S3 (moto) and three operations of Step Functions (a stub), over HTTP."""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tidemark.aws.s3_store import S3Store
from tidemark.settings import WorkerSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REPOSITORY = Path(__file__).parents[2]


class StepFunctionsStub:
    """Records its calls; `dead` makes it respond as to an expired token."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.dead: str | None = None  # the error's name
        self.dead_after: int | None = None  # heartbeats
        self.called = threading.Condition()

    def answer(self, operation: str, body: dict[str, str]) -> tuple[int, dict[str, str]]:
        with self.called:
            self.calls.append((operation, body))
            self.called.notify_all()
            beats = len(self.of("SendTaskHeartbeat"))
        if self.dead and beats > (self.dead_after or 0):
            return 400, {"__type": self.dead, "message": "no state waits"}
        return 200, {}

    def of(self, operation: str) -> list[dict[str, str]]:
        return [body for name, body in self.calls if name == operation]

    def wait_for(self, operation: str, seconds: float = 20) -> None:
        with self.called:
            assert self.called.wait_for(lambda: self.of(operation), seconds), f"no {operation}"


@contextmanager
def serving(stub: StepFunctionsStub) -> Iterator[str]:
    """Serve a stub on loopback; give its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            operation = self.headers["X-Amz-Target"].split(".")[1]
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = stub.answer(operation, json.loads(body))
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclasses.dataclass(frozen=True)
class WorkerWorld:
    """A tree, a repository and a session that waits for the worker."""

    tree: Path
    store: S3Store
    states: StepFunctionsStub
    environment: dict[str, str]
    settings: WorkerSettings

    @property
    def prefix(self) -> str:
        return f"indexes/123456789012/eu-central-1/fs-0123456789abcdef0/{self.settings.index_id}/"

    def publish(self) -> None:
        """Complete the index that the worker has reported, as the session does."""
        result = json.loads(self.states.of("SendTaskSuccess")[-1]["output"])
        self.store.put(f"{self.prefix}manifest.json", self.store.get(result["manifest_key"]))


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def world(s3_url: str, tmp_path: Path) -> Iterator[WorkerWorld]:
    """Create a small tree, an empty bucket and a waiting session."""
    tree = tmp_path / "tree"
    (tree / "deep" / "er").mkdir(parents=True)
    (tree / "deep" / "er" / "report.xlsx").write_bytes(b"x" * 1000)
    (tree / "link").symlink_to("deep")
    bucket = f"repository-{abs(hash(tmp_path)):x}"
    client: S3Client = boto3.client(
        "s3",
        endpoint_url=s3_url,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    settings = WorkerSettings(
        task_token="token-1",
        index_id="fs-0123456789abcdef0-20261122T020000Z-abcdef",
        account="123456789012",
        region="eu-central-1",
        file_system_id="fs-0123456789abcdef0",
        repository=f"s3://{bucket}/some/prefix",
        root=str(tree),
        heartbeat_seconds=1,
    )
    stub = StepFunctionsStub()
    with serving(stub) as states_url:
        yield WorkerWorld(
            tree=tree,
            store=S3Store(client, bucket, "some/prefix"),
            states=stub,
            settings=settings,
            environment={
                **settings.to_environment(),
                "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                "AWS_REGION": "eu-central-1",
                "AWS_DEFAULT_REGION": "eu-central-1",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_ENDPOINT_URL_S3": s3_url,
                "AWS_ENDPOINT_URL_SFN": states_url,
            },
        )
    client.close()
