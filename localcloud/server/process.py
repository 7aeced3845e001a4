"""The server process: moto with all additions, on loopback."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.core.clock import ScaledClock
from localcloud.core.cloud import WARM_FUNCTIONS, Cloud
from localcloud.core.errors import CannotServe
from localcloud.core.faults import Faults
from localcloud.server.state import claim

# All modules with an `install(cloud)`, in the order of installation.
MODULES = (
    "localcloud.core.moto_slimming",  # before anything imports moto.ec2
    "localcloud.server.control",
    "localcloud.services.accounts",
    "localcloud.services.sts",
    "localcloud.services.s3",
    "localcloud.services.kms",
    "localcloud.services.quotas",
    "localcloud.services.principals",
    "localcloud.services.policy_simulator",
    "localcloud.services.service_quotas",
    "localcloud.services.subscriptions",
    "localcloud.services.networks",
    "localcloud.services.efs",
    "localcloud.services.file_system_policies",
    "localcloud.functions",
    "localcloud.stepfunctions",
    "localcloud.scheduler",
    "localcloud.cloudformation",
    "localcloud.backup",
    "localcloud.compute",
    "localcloud.server.state",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the server."""

    port: int = 0  # 0: any free port
    state: Path | None = None  # kept between runs when given
    time_scale: float = 1.0
    timeout_scale: float = 1.0
    warm_functions: int = WARM_FUNCTIONS
    region: str = "us-east-1"
    file_systems: Mapping[str, Path] = field(default_factory=dict)  # name -> its root directory
    accounts: Mapping[str, str] = field(default_factory=dict)  # name -> id, in addition to the default one
    writable: bool = False  # see services/file_system_directories.py
    faults: Path | None = None  # JSON file of faults
    ends_with_input: bool = False  # stop when standard input ends


def serve(settings: Settings) -> None:
    """Serve until SIGTERM, SIGINT or, with ends_with_input, the end of standard input.

    Prints one line of JSON once the server accepts requests:
    {"endpoint_url", "access_key_id", "secret_access_key", "account", "region", "pid",
    "file_systems": {name: id}}.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    if settings.ends_with_input:
        threading.Thread(target=_await_end_of_input, args=(ended,), daemon=True).start()
    temporary = None if settings.state else tempfile.mkdtemp(prefix="localcloud-")
    state_dir = Path(temporary or settings.state or "")
    try:
        # held until the process ends
        lock = claim(state_dir)
        _check_port(settings.port)
        _run(settings, state_dir, ended)
        lock.close()
    except CannotServe as error:
        sys.exit(str(error))
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
    sys.stdout.flush()
    # No join: threads of moto's and of requests in flight may still wait for processes that have ended.
    os._exit(0)


def _run(settings: Settings, state_dir: Path, ended: threading.Event) -> None:
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # read at import; they take a second and 30 MB
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    from localcloud.server.gateway import Gateway
    from localcloud.server.request_handler import QuietHandler

    clock = ScaledClock(settings.time_scale)
    cloud = Cloud(
        endpoint_url="",
        state_dir=state_dir.resolve(),
        keeps_state=settings.state is not None,
        clock=clock,
        faults=Faults(clock),
        timeout_scale=settings.timeout_scale,
        warm_functions=settings.warm_functions,
        default_region=settings.region,
        writable=settings.writable,
    )
    if settings.state is None:  # it contains copies of the user's files
        cloud.processes.remove_at_the_end(cloud.state_dir)
    gateway = Gateway(cloud, DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", settings.port, gateway, threaded=True, request_handler=QuietHandler)
    cloud.endpoint_url = f"http://127.0.0.1:{server.server_port}"
    os.environ["MOTO_PORT"] = str(server.server_port)
    for name in MODULES:
        importlib.import_module(name).install(cloud)
    _create_accounts(cloud, settings.accounts)
    if settings.faults:
        cloud.faults.load(settings.faults)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        print(json.dumps(_ready(cloud, settings)), flush=True)  # noqa: T201  # the documented output
        while not ended.wait(3600):
            pass
    finally:
        with contextlib.suppress(Exception):
            server.shutdown()
        cloud.close()


def _create_accounts(cloud: Cloud, accounts: Mapping[str, str]) -> None:
    """Create the accounts that do not exist from an earlier run; raises CannotServe."""
    from localcloud.services.accounts import create_account

    for name, account_id in accounts.items():
        known = cloud.accounts.find(account_id)
        try:
            if known is None or known.name != name:
                create_account(cloud, name, account_id)
        except ValueError as error:
            raise CannotServe(str(error)) from error


def _ready(cloud: Cloud, settings: Settings) -> dict[str, object]:
    from localcloud.services.efs import create_file_system

    return {
        "endpoint_url": cloud.endpoint_url,
        "access_key_id": cloud.owner.access_key_id,
        "secret_access_key": cloud.owner.secret_access_key,
        "account": cloud.account_id,
        "region": cloud.default_region,
        "pid": os.getpid(),
        "file_systems": {
            name: create_file_system(cloud, name, directory, settings.region, cloud.account_id)
            for name, directory in settings.file_systems.items()
        },
    }


def _check_port(port: int) -> None:
    """Raise CannotServe unless the port is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotServe(
                f"cannot use port {port} ({error.strerror}); stop the program that uses it, "
                f"or choose another with --port"
            ) from error


def _await_end_of_input(ended: threading.Event) -> None:
    while os.read(0, 4096):  # not sys.stdin, whose lock this thread would hold when the interpreter ends
        pass
    ended.set()
