"""From a container to a process of this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from localcloud.compute.containers import ContainerRun, Mount, host_command, on_host

MOUNTS = [
    Mount(container_path="/mnt", directory=Path("/host/outer")),
    Mount(container_path="/mnt/efs", directory=Path("/host/files")),
]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/mnt/efs", "/host/files"),
        ("/mnt/efs/", "/host/files"),
        ("/mnt/efs/a/b", "/host/files/a/b"),
        ("/mnt/efsx", "/host/outer/efsx"),
        ("/mnt", "/host/outer"),
        ("/mntx", "/mntx"),
        ("x/mnt/efs", "x/mnt/efs"),
        ("s3://bucket/mnt/efs", "s3://bucket/mnt/efs"),
        ("", ""),
    ],
)
def test_only_paths_at_or_below_a_mount_point_are_replaced_by_the_deepest_one(
    value: str, expected: str
) -> None:
    assert on_host(value, MOUNTS) == expected


def test_the_command_is_the_images_unless_overridden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "1")
    (tmp_path / "Dockerfile").write_text(
        'FROM x\nENV A=image B=image PATH=/usr/local/bin\nENTRYPOINT ["python3.13", "-m", "p"]\n'
        'CMD ["/mnt/efs"]'
    )
    plain = ContainerRun(context=tmp_path, environment={"B": "run"}, mounts=MOUNTS)
    host = host_command(plain, {"AWS_REGION": "r"}, tmp_path / "scratch")
    assert host.command == [sys.executable, "-m", "p", "/host/files"]
    assert (host.environment["A"], host.environment["B"]) == ("image", "run")
    assert host.environment["PYTHONPATH"] == str(tmp_path)
    assert host.environment["PATH"] != "/usr/local/bin"
    assert "SECRET_OF_THE_HOST" not in host.environment
    other = ContainerRun(context=tmp_path, environment={}, command=["other"])
    assert host_command(other, {}, tmp_path).command == [sys.executable, "-m", "p", "other"]
    entered = ContainerRun(context=tmp_path, environment={}, entry_point=["/bin/true"])
    assert host_command(entered, {}, tmp_path).command == ["/bin/true"]
