"""`tidemark local up` as a newcomer uses it: by pasting its output into another terminal."""

from __future__ import annotations

import configparser
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tidemark.errors import LocalCloudError

pytestmark = pytest.mark.cloud
BIN = Path(sys.executable).parent


@dataclass(frozen=True, kw_only=True)
class Up:
    process: subprocess.Popen[str]
    printed: list[str]
    home: Path

    @property
    def pasted(self) -> str:
        """The commands that it prints for another terminal."""
        begun = self.printed.index("In another terminal:")
        return "\n".join(self.printed[begun + 1 : self.printed.index("", begun)])

    @property
    def files(self) -> dict[str, Path]:
        return {path.name: path for path in self.home.glob(".tidemark/local-*/*")}

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in that other terminal, whose user has an account of AWS, too."""
        own = {
            "AWS_ACCESS_KEY_ID": "AKIAOFMYCOMPANY23456",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_REGION": "mars",
        }
        return subprocess.run(
            ["sh", "-c", f"{self.pasted}\n{command}"],
            env={"HOME": str(self.home), "PATH": f"{BIN}:{os.environ['PATH']}", **own},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    home = tmp_path_factory.mktemp("some one's home")
    (home / "files").mkdir()
    process = subprocess.Popen(
        [BIN / "tidemark", "local", "up", "--port", "0", "--file-system", f"home={home / 'files'}"],
        env={
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            # jsii refuses a cache below a directory that another test may have opened to others
            "JSII_RUNTIME_PACKAGE_CACHE": "disabled",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line.rstrip("\n"))
        if "Ctrl-C stops it" in line:
            break
    yield Up(process=process, printed=printed, home=home)
    process.kill()
    process.wait()
    process.stdout.close()


def secret_of(up: Up) -> str:
    credentials = configparser.RawConfigParser()
    credentials.read(up.files["credentials"])
    return credentials["tidemark-local"]["aws_secret_access_key"]


def test_the_pasted_lines_connect_the_aws_cli_and_tidemark(up: Up) -> None:
    caller = up.shell("aws sts get-caller-identity --query Arn --output text")
    assert (caller.stdout, caller.stderr) == ("arn:aws:iam::123456789012:root\n", "")
    sessions = up.shell("tidemark sessions --json")
    assert (json.loads(sessions.stdout), sessions.stderr) == ({"sessions": []}, "")
    without = up.shell("unset AWS_PROFILE; aws --region eu-central-1 sts get-caller-identity")
    assert without.returncode != 0


def test_only_its_user_can_read_the_secret(up: Up) -> None:
    secret = secret_of(up)
    assert set(up.files) == {"config", "credentials"}
    for path in up.files.values():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert secret not in "\n".join(up.printed)
    assert shlex.split(up.pasted)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            private = not stat.S_IMODE((process / "environ").stat().st_mode) & 0o077
        except OSError:  # it has ended
            continue
        assert secret.encode() not in command
        assert private, "the environment is its user's only"


def test_the_files_are_removed_at_the_end(up: Up) -> None:
    assert up.files
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(60) == 0
    assert not up.files
    assert list((up.home / ".tidemark").iterdir()) == []


def test_a_home_directory_that_cannot_be_written_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from tidemark.cli.commands import local_up

    (tmp_path / ".tidemark").write_text("a file")
    monkeypatch.setenv("HOME", str(tmp_path))
    cloud = SimpleNamespace(
        endpoint_url="http://127.0.0.1:1", region="r", access_key_id="a", secret_access_key="s"
    )
    with pytest.raises(LocalCloudError, match="HOME"), local_up._profile(SimpleNamespace(cloud=cloud)):
        pass
