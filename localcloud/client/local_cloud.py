"""Starts the local cloud as a child process and controls it from Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from urllib.request import Request, urlopen

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localcloud.authentication.credentials import CONTROL_SERVICE
from localcloud.client.accounts import Account, client_environment, new_client
from localcloud.client.assembly import bootstrap, deploy
from localcloud.core.cloud import WARM_FUNCTIONS
from localcloud.core.errors import ServerNotStarted
from localcloud.core.faults import Fault

START_SECONDS = 60  # the first start compiles moto, which takes long on a slow machine
STOP_SECONDS = 300  # mostly to remove copies of large trees, which a killed server would leave behind


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSystem:
    """An EFS file system whose content is a directory of this machine."""

    id: str
    name: str
    region: str
    directory: Path


@dataclass(frozen=True, slots=True)
class _Control:
    """JSON requests to /_localcloud/."""

    endpoint_url: str
    region: str
    keys: Credentials = field(repr=False)

    def ask(self, method: str, name: str, value: Mapping[str, Any] | None = None) -> Any:  # JSON
        body = b"" if value is None else json.dumps(value).encode()
        url = f"{self.endpoint_url}/_localcloud/{name}"
        signed = AWSRequest(method=method, url=url, data=body)
        SigV4Auth(self.keys, CONTROL_SERVICE, self.region).add_auth(signed)
        headers = dict(signed.headers.items())
        request = Request(url, data=body or None, method=method, headers=headers)  # noqa: S310  # loopback
        with urlopen(request, timeout=60) as answer:  # noqa: S310  # the same
            return json.load(answer)


@dataclass(frozen=True, slots=True)
class FaultSwitch:
    """Sets and clears faults in the running local cloud."""

    _control: _Control

    def add(self, fault: Fault) -> None:
        """Add a fault; its calls are counted from now."""
        self._control.ask("POST", "faults", fault.to_json())

    def clear(self) -> None:
        """Remove all faults, and end the delays that they cause."""
        self._control.ask("DELETE", "faults")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCloud:
    """A running local cloud, created by `start`."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)  # of this run; it gives full access to this cloud
    account_id: str
    region: str
    pid: int  # of the server process
    file_systems: Mapping[str, FileSystem] = field(default_factory=dict)  # by name

    @classmethod
    @contextmanager
    def start(
        cls,
        *,
        file_systems: Mapping[str, Path] | None = None,
        accounts: Mapping[str, str] | None = None,
        time_scale: float = 1.0,
        timeout_scale: float = 1.0,
        warm_functions: int = WARM_FUNCTIONS,
        state: Path | None = None,
        region: str = "us-east-1",
        port: int = 0,
        faults: Path | None = None,
        writable: bool = False,
    ) -> Iterator[Self]:
        """Run a local cloud for the duration of a `with` block; no process outlives the block.

        `time_scale` shortens waits, retries, jobs and schedules (0.02 makes an hour last 72 s);
        `timeout_scale` shortens TimeoutSeconds and HeartbeatSeconds of state machines, down to 2 s.
        Restores and read-write mounts change private copies of the directories; with `writable`, they change
        the directories themselves.
        `accounts` are further accounts, their ids of 12 digits by name; with the default account, which
        manages it, they form an organization.
        `warm_functions` is the number of idle processes of functions to keep, each with about 45 MB.
        The server also stops when this process ends, however it ends, because its standard input closes.
        Raises ServerNotStarted with the last line that the server printed.
        """
        command = [sys.executable, "-m", "localcloud", "--ends-with-input"]
        command += ["--port", str(port), "--time-scale", str(time_scale), "--region", region]
        command += ["--timeout-scale", str(timeout_scale), "--warm-functions", str(warm_functions)]
        command += ["--state", str(state)] if state else []
        command += ["--writable"] if writable else []
        command += ["--faults", str(faults)] if faults else []
        for name, directory in (file_systems or {}).items():
            command += ["--file-system", f"{name}={directory}"]
        for name, account_id in (accounts or {}).items():
            command += ["--account", f"{name}={account_id}"]
        with tempfile.TemporaryFile() as errors:
            server = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_server_environment(),
                # keeps a terminal's interrupt from the server; this program stops the server itself
                start_new_session=True,
            )
            assert server.stdin is not None  # noqa: S101  # opened as pipes above
            assert server.stdout is not None  # noqa: S101
            try:
                line = server.stdout.readline()
                if not line:
                    errors.seek(0)
                    last = errors.read().decode(errors="replace").strip()[-2000:]
                    raise ServerNotStarted(f"the local cloud did not start: {last}")
                yield cls._from_ready(json.loads(line), file_systems or {})
            finally:
                server.stdin.close()
                try:
                    server.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    server.kill()
                    server.wait()
                server.stdout.close()

    @classmethod
    def _from_ready(cls, ready: Mapping[str, Any], directories: Mapping[str, Path]) -> Self:
        region = ready["region"]
        return cls(
            endpoint_url=ready["endpoint_url"],
            access_key_id=ready["access_key_id"],
            secret_access_key=ready["secret_access_key"],
            account_id=ready["account"],
            region=region,
            pid=ready["pid"],
            file_systems={
                name: FileSystem(
                    id=file_system_id, name=name, region=region, directory=Path(directories[name])
                )
                for name, file_system_id in ready["file_systems"].items()
            },
        )

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that direct any AWS client to this cloud."""
        return client_environment(self.endpoint_url, self.access_key_id, self.secret_access_key, self.region)

    @property
    def faults(self) -> FaultSwitch:
        """The switch that sets and clears faults."""
        return FaultSwitch(self._control)

    def session(self) -> boto3.Session:
        """Return a boto3 session for this cloud; clients need `endpoint_url` too, see `client`."""
        keys = self.environment
        return boto3.Session(
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            region_name=self.region,
        )

    def client(self, service: Any, region: str | None = None) -> Any:  # any service's
        """Return a boto3 client for the default account; its calls are those of the root user."""
        return new_client(service, region or self.region, self.environment)

    def role_client(self, role_arn: str, service: Any, region: str | None = None) -> Any:  # any service's
        """Return a boto3 client with a role's credentials, which a service gets without AssumeRole."""
        value = {"role": role_arn, "region": region or self.region}
        return new_client(service, value["region"], self._control.ask("POST", "role-credentials", value))

    def accounts(self) -> dict[str, Account]:
        """Return all accounts by name, in the order of their creation; the first is the default one."""
        return {one["name"]: self._account(one) for one in self._control.ask("GET", "accounts")}

    def account(self, name_or_id: str) -> Account:
        """Return an account by its name or id; raises KeyError for one that does not exist."""
        accounts = self.accounts()
        return {**{account.id: account for account in accounts.values()}, **accounts}[name_or_id]

    def create_account(
        self, name: str, account_id: str | None = None, *, in_organization: bool = True
    ) -> Account:
        """Create an account, with a random id if none is given."""
        value = {"name": name, "id": account_id, "in_organization": in_organization}
        return self._account(self._control.ask("POST", "accounts", value))

    def suspend_account(self, name_or_id: str, *, suspended: bool = True) -> None:
        """Close an account as AWS does, which denies its calls and calls to its resources, or reopen it."""
        self._control.ask("POST", "suspended-accounts", {"id": name_or_id, "suspended": suspended})

    def _account(self, value: Mapping[str, Any]) -> Account:
        return Account.from_json(value, endpoint_url=self.endpoint_url, region=self.region)

    def deploy(self, assembly: Path, *, account: str | None = None) -> dict[str, dict[str, str]]:
        """Deploy a synthesized assembly (cdk.out): {stack name: {output name: value}}.

        Stacks that name no account go to the account of this name or id, or to the default one. Raises
        NotDeployed with the events of the resources that failed.
        """
        accounts = self.accounts().values()
        chosen = self.account(account) if account else None
        return deploy(
            assembly,
            client=chosen.client if chosen else self.client,
            account_id=chosen.id if chosen else self.account_id,
            other_accounts={
                self.account_id: self.client,
                **{other.id: other.client for other in accounts if other.id != self.account_id},
            },
            default_region=self.region,
            register_image=lambda uri, path: self._control.ask(
                "POST", "images", {"uri": uri, "directory": str(path)}
            ),
        )

    def bootstrap(self, region: str | None = None, *, account: str | None = None) -> None:
        """Prepare a Region for the CDK CLI; `deploy` does not need it.

        `cdk deploy` then works with `environment` and AWS_ENDPOINT_URL_S3, for stacks without Docker images.
        """
        chosen = self.account(account) if account else None
        bootstrap(
            region or self.region,
            client=chosen.client if chosen else self.client,
            account_id=chosen.id if chosen else self.account_id,
        )

    def calls(self) -> list[dict[str, Any]]:
        """Return the AWS calls answered so far, oldest first; keys as in core.call_record.Call."""
        calls: list[dict[str, Any]] = self._control.ask("GET", "calls")
        return calls

    def processes(self) -> list[dict[str, Any]]:
        """Return the running child processes: {"pid", "kind": function or worker, "name"}."""
        processes: list[dict[str, Any]] = self._control.ask("GET", "processes")
        return processes

    def worker_processes(self) -> list[dict[str, Any]]:
        """Return the processes of running ECS tasks and EC2 instances, as `processes` does."""
        return [process for process in self.processes() if process["kind"] == "worker"]

    def create_file_system(
        self, name: str, directory: Path, *, region: str | None = None, account: str | None = None
    ) -> FileSystem:
        """Create a file system with `directory` as its content, in an account by its name or id."""
        region = region or self.region
        value = {
            "name": name,
            "directory": str(directory),
            "region": region,
            "account": account or self.account_id,
        }
        made = self._control.ask("POST", "file-systems", value)
        return FileSystem(id=made["id"], name=name, region=region, directory=directory)

    def directory_of(self, file_system_id: str) -> Path:
        """Return the directory that is the root of a file system at present.

        A write to the file system, such as a restore, may replace the directory by a copy.
        Raises KeyError for a file system that does not exist.
        """
        return Path(self._control.ask("GET", "file-systems")[file_system_id])

    def writable_directory_of(self, file_system_id: str) -> Path:
        """Return the directory to change as a client that mounts the file system would.

        Unless the local cloud was started with `writable`, it is a copy of the user's directory.
        """
        return Path(self._control.ask("POST", "writable-directory", {"file_system": file_system_id}))

    def recovery_point_directory(self, arn: str) -> Path:
        """Return the directory with the files of a recovery point, to damage them. Raises ValueError.

        Copies share the files, so replace a file instead of writing into it.
        """
        return Path(self._control.ask("POST", "recovery-point-directory", {"arn": arn}))

    def set_restore_items(self, most: int | None) -> None:
        """Set how many ItemsToRestore a restore job may have; None for any number. The default is 5."""
        self._control.ask("POST", "restore-items", {"most": most})

    def expire_recovery_points(self, at: datetime) -> int:
        """Delete the recovery points whose retention ends by a time, and return their number."""
        return int(self._control.ask("POST", "expire-recovery-points", {"at": at.isoformat()}))

    def set_job_durations(self, **seconds: float) -> None:
        """Change how long later jobs of AWS Backup run, in unscaled seconds.

        The keys are those of backup.engine.Durations: created, backup, copy, restore.
        """
        self._control.ask("POST", "backup-durations", seconds)

    def fire_schedule(
        self, name: str, *, group: str = "default", region: str | None = None, account: str | None = None
    ) -> None:
        """Call a schedule's target now, regardless of its expression."""
        value = {
            "name": name,
            "group": group,
            "region": region or self.region,
            "account": account or self.account_id,
        }
        self._control.ask("POST", "schedules", value)

    @property
    def _control(self) -> _Control:
        keys = Credentials(self.access_key_id, self.secret_access_key)
        return _Control(self.endpoint_url, self.region, keys)


def _server_environment() -> dict[str, str]:
    # moto's modules take four seconds to compile; writing bytecode limits that to the first start
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    ours = {name: value for name, value in kept.items() if not name.startswith("AWS_")}
    # localcloud may be importable only from this program's path
    return {**ours, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
