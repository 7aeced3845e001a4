"""The local cloud's processes: they come up, and none stays behind, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from localcloud import LocalCloud, LocalCloudError
from tests.localcloud.function_code import zipped

SLEEPER = "import time\ndef handler(event, context):\n    time.sleep(event)\n"


def gone(pids: list[int], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(psutil.pid_exists(pid) and _alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def with_function(cloud: LocalCloud) -> list[int]:
    """Start a function's process; return it and all others below the server."""
    role = cloud.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    functions = cloud.client("lambda")
    functions.create_function(
        FunctionName="sleeper",
        Runtime="python3.13",
        Role=role,
        Handler="code.handler",
        Timeout=60,
        Code={"ZipFile": zipped({"code.py": SLEEPER})},
    )
    functions.invoke(FunctionName="sleeper", Payload=b"0")
    functions.invoke(FunctionName="sleeper", Payload=b"50", InvocationType="Event")
    time.sleep(0.3)
    assert [process["name"] for process in cloud.processes()] == ["runtime", "sleeper"]
    server = psutil.Process(cloud.pid)
    return [cloud.pid, *(child.pid for child in server.children(recursive=True))]


def test_nothing_is_left_after_the_with_block() -> None:
    with LocalCloud.start() as cloud:
        pids = with_function(cloud)
        assert len(pids) >= 3
    assert gone(pids)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_after_a_signal_to_the_server(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with LocalCloud.start() as cloud:
        pids = with_function(cloud)
        assert list(tmp_path.glob("localcloud-*"))
        os.kill(cloud.pid, number)
        assert gone(pids)
    assert not list(tmp_path.glob("localcloud-*"))


def test_nothing_is_left_after_the_parent_was_killed() -> None:
    program = """
        import sys, time
        from localcloud import LocalCloud
        with LocalCloud.start() as cloud:
            print(cloud.pid, cloud.endpoint_url, cloud.access_key_id, cloud.secret_access_key, flush=True)
            time.sleep(60)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None
    pid, url, key, secret = parent.stdout.readline().decode().split()
    cloud = LocalCloud(
        endpoint_url=url,
        access_key_id=key,
        secret_access_key=secret,
        account_id="123456789012",
        region="us-east-1",
        pid=int(pid),
    )
    pids = with_function(cloud)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(pids)


def test_a_port_in_use_is_an_error_in_words() -> None:
    with LocalCloud.start() as cloud:
        port = int(cloud.endpoint_url.rsplit(":", 1)[1])
        with pytest.raises(LocalCloudError, match=r"[Pp]ort|[Aa]ddress"), LocalCloud.start(port=port):
            pass


def test_it_listens_on_loopback_only(cloud: LocalCloud) -> None:
    listening = psutil.Process(cloud.pid).net_connections("inet")
    assert {c.laddr.ip for c in listening if c.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_a_file_system_has_a_name_a_mount_target_and_its_security_group(cloud: LocalCloud) -> None:
    efs = cloud.client("efs")
    home = cloud.file_systems["home"]
    described = efs.describe_file_systems(FileSystemId=home.id)["FileSystems"][0]
    assert described["Name"] == "home"
    assert described["LifeCycleState"] == "available"
    [target] = efs.describe_mount_targets(FileSystemId=home.id)["MountTargets"]
    assert target["LifeCycleState"] == "available"
    groups = efs.describe_mount_target_security_groups(MountTargetId=target["MountTargetId"])[
        "SecurityGroups"
    ]
    found = cloud.client("ec2").describe_security_groups(GroupIds=groups)["SecurityGroups"]
    assert [(group["GroupName"], group["VpcId"]) for group in found] == [("default", target["VpcId"])]


def test_a_file_system_can_be_added_in_another_region(cloud: LocalCloud, tmp_path: Path) -> None:
    added = cloud.create_file_system("more", tmp_path, region="eu-west-1")
    described = cloud.client("efs", "eu-west-1").describe_file_systems(FileSystemId=added.id)
    assert described["FileSystems"][0]["Name"] == "more"


def test_the_aws_command_line_is_a_client_too(cloud: LocalCloud) -> None:
    said = subprocess.run(
        [Path(sys.executable).with_name("aws"), "sts", "get-caller-identity"],
        env={"PATH": os.environ["PATH"], **cloud.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(said.stdout)["Arn"] == "arn:aws:iam::123456789012:root"


def test_the_server_stays_small(cloud: LocalCloud) -> None:
    cloud.client("ec2").describe_subnets()
    cloud.client("dynamodb").list_tables()
    cloud.client("kms").list_keys()
    assert psutil.Process(cloud.pid).memory_info().rss < 250e6
