"""Every socket that a running local cloud listens on: whom it answers, and whom it refuses."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest

from localcloud import LocalCloud
from tests.localcloud.compute.conftest import Site, open_site, wait_for
from tests.localcloud.compute.test_ecs import register, run
from tests.localcloud.compute.test_instances import launch, logged
from tests.localcloud.function_code import zipped
from tests.localcloud.signing import send, signed_headers

pytestmark = pytest.mark.cloud
# A function that shows its environment and then waits, so that its process is busy with an event.
CODE = """
import os, time
def handler(event, context):
    if event.get("wait"):
        time.sleep(60)
    return dict(os.environ)
"""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A cloud in which everything runs that it can run."""

    site: Site
    function: dict[str, str]  # the environment of a warm function's process

    @property
    def cloud(self) -> LocalCloud:
        return self.site.cloud

    @property
    def processes(self) -> list[psutil.Process]:
        server = psutil.Process(self.cloud.pid)
        return [server, *server.children(recursive=True)]

    @property
    def runtime_api(self) -> tuple[str, str]:
        """Address and secret path."""
        address, _, secret = self.function["AWS_LAMBDA_RUNTIME_API"].partition("/")
        return address, secret

    def invoke(self, **event: bool) -> dict[str, str]:
        answer = self.cloud.client("lambda").invoke(FunctionName="shows", Payload=json.dumps(event))
        environment: dict[str, str] = json.load(answer["Payload"])
        return environment


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with open_site(tmp_path_factory.mktemp("site")) as site:
        site.client("lambda").create_function(
            FunctionName="shows",
            Runtime="python3.13",
            Role=site.role_arn,
            Handler="code.handler",
            Timeout=120,
            Code={"ZipFile": zipped({"code.py": CODE})},
        )
        run(site, register(site), {"ORDER": "wait"})
        launch(site, "listens", order="wait")
        wait_for(lambda: "started" in logged(site, "listens"))
        wait_for(lambda: len(site.cloud.worker_processes()) == 2)
        environment = Running(site=site, function={}).invoke()
        yield Running(site=site, function=environment)


def test_nothing_listens_but_the_front_door_and_the_runtime_api_of_each_function(running: Running) -> None:
    names = {process["name"].partition(":")[0] for process in running.cloud.processes()}
    assert names == {"runtime", "shows", "ecs", "ec2"}
    listening = {
        f"{one.laddr.ip}:{one.laddr.port}"
        for process in running.processes
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN or one.type == socket.SOCK_DGRAM
    }
    assert listening == {running.cloud.endpoint_url.removeprefix("http://"), running.runtime_api[0]}
    # and no socket in the file system or the abstract namespace
    unix = [one for process in running.processes for one in process.net_connections("unix") if one.laddr]
    assert unix == []


FOREIGN = [
    {"Origin": "https://example.com"},
    {"Origin": "null"},
    {"Host": "example.com"},
    {"Host": "127.0.0.1:1"},
    {"Sec-Fetch-Site": "same-origin"},
]


@pytest.mark.parametrize("foreign", FOREIGN)
def test_the_front_door_refuses_pages_and_other_names(running: Running, foreign: dict[str, str]) -> None:
    cloud = running.cloud
    for service, method, target in (
        ("localcloud", "GET", "/_localcloud/calls"),
        ("s3", "GET", "/"),
        ("sts", "GET", "/?Action=GetCallerIdentity&Version=2011-06-15"),
    ):
        signed = signed_headers(cloud, service, method, target)
        assert send(cloud.endpoint_url, method, target, None, signed).status == 200
        assert send(cloud.endpoint_url, method, target, None, {**signed, **foreign}).status == 403
        assert send(cloud.endpoint_url, method, target, None, foreign).status == 403


@pytest.mark.parametrize("path", ["/_localcloud/calls", "/_localcloud/processes", "/_localcloud/faults"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_control_interface_refuses_what_its_users_key_has_not_signed(
    running: Running, method: str, path: str
) -> None:
    cloud = running.cloud
    assert send(cloud.endpoint_url, method, path).status == 403
    for_s3 = signed_headers(cloud, "s3", method, path)
    assert send(cloud.endpoint_url, method, path, None, for_s3).status == 403
    signed = signed_headers(cloud, "localcloud", "GET", "/_localcloud/calls")
    if (method, path) != ("GET", "/_localcloud/calls"):
        assert send(cloud.endpoint_url, method, path, None, signed).status == 403


NEXT = "/2018-06-01/runtime/invocation/next"


@pytest.mark.parametrize("foreign", [{}, *FOREIGN])
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", NEXT),
        ("POST", "/2018-06-01/runtime/invocation/an-id/response"),
        ("POST", "/2018-06-01/runtime/invocation/an-id/error"),
        ("POST", "/2018-06-01/runtime/init/error"),
        ("OPTIONS", NEXT),
    ],
)
def test_the_runtime_api_refuses_others_than_its_function(
    running: Running, method: str, target: str, foreign: dict[str, str]
) -> None:
    address, secret = running.runtime_api
    assert len(secret) >= 40
    wrong = secrets.token_urlsafe(32)
    for path in (target, f"/{wrong}{target}", f"/{secret[:-1]}{target}", f"/{secret}x{target}", f"/{target}"):
        answer = send(f"http://{address}", method, path, b"{}", foreign)
        assert answer.status == 403, (path, answer)
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    if foreign:
        assert send(f"http://{address}", method, f"/{secret}{target}", b"{}", foreign).status == 403
    assert running.invoke()["AWS_LAMBDA_RUNTIME_API"] == f"{address}/{secret}", "the process is as it was"


def test_each_function_has_a_path_and_keys_of_its_own(running: Running) -> None:
    running.cloud.client("lambda").update_function_configuration(
        FunctionName="shows", Environment={"Variables": {"ANOTHER": "process"}}
    )
    other = running.invoke()
    for name in ("AWS_LAMBDA_RUNTIME_API", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        assert other[name] != running.function[name]
    assert running.cloud.secret_access_key not in other.values()


def test_no_secret_is_in_a_command_line(running: Running) -> None:
    words = [word for process in running.processes for word in process.cmdline()]
    words += psutil.Process().cmdline()
    assert words
    hidden = (
        running.cloud.secret_access_key,
        running.function["AWS_SECRET_ACCESS_KEY"],
        running.runtime_api[1],
    )
    assert not [word for word in words if any(secret in word for secret in hidden)]
