"""The profile that the local cloud writes: who can read it, and who can use it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from localcloud import LocalCloud, LocalCloudError
from localcloud.client.profile import profile

CLOUD = LocalCloud(
    endpoint_url="http://127.0.0.1:4566",
    access_key_id="AKIAEXAMPLEEXAMPLE23",
    secret_access_key="a-secret_of-40-characters",
    account_id="123456789012",
    region="eu-central-1",
    pid=1,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_only_the_user_reads_it_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    directory = tmp_path / "cloud"
    with profile(CLOUD, directory, "local") as made:
        assert mode(directory) == 0o700
        assert {path.name: mode(path) for path in directory.iterdir()} == {
            "config": 0o600,
            "credentials": 0o600,
        }
        assert CLOUD.secret_access_key in made.credentials.read_text()
        assert CLOUD.secret_access_key not in made.config.read_text()
        assert CLOUD.secret_access_key not in json.dumps(made.environment)
    assert not directory.exists()


def test_no_other_user_could_have_opened_it_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[int, int]] = []
    really = os.open

    def watched(path: str, flags: int, mode: int = 0o777, **more: int) -> int:
        descriptor = really(path, flags, mode, **more)
        if flags & os.O_CREAT:
            opened.append((flags & os.O_EXCL, stat.S_IMODE(os.fstat(descriptor).st_mode)))
        return descriptor

    before = os.umask(0)
    monkeypatch.setattr(os, "open", watched)
    try:
        with profile(CLOUD, tmp_path / "cloud", "local"):
            pass
    finally:
        os.umask(before)
    assert opened == [(os.O_EXCL, 0o600)] * 2


def test_a_file_of_an_earlier_run_is_replaced_and_not_written_into(tmp_path: Path) -> None:
    directory, elsewhere = tmp_path / "cloud", tmp_path / "elsewhere"
    directory.mkdir(mode=0o755)
    elsewhere.write_text("kept")
    (directory / "credentials").symlink_to(elsewhere)
    (directory / "config").write_text("old")
    (directory / "config").chmod(0o666)
    with profile(CLOUD, directory, "local") as made:
        assert mode(directory) == 0o700
        assert not made.credentials.is_symlink()
        assert (mode(made.config), mode(made.credentials)) == (0o600, 0o600)
    assert elsewhere.read_text() == "kept"


def test_a_reader_sees_one_run_or_another_and_nothing_between(tmp_path: Path) -> None:
    directory = tmp_path / "cloud"
    ended, wrong = threading.Event(), []
    whole = {}
    with profile(CLOUD, directory, "local") as made:
        whole = {made.credentials.read_text()}

        def read() -> None:
            while not ended.is_set():
                if (text := made.credentials.read_text()) not in whole:
                    wrong.append(text)

        reader = threading.Thread(target=read)
        reader.start()
        from localcloud.client.profile import _write

        keys = {"aws_access_key_id": CLOUD.access_key_id, "aws_secret_access_key": CLOUD.secret_access_key}
        for _ in range(300):
            _write(made.credentials, {"local": keys})
        ended.set()
        reader.join()
    assert wrong == []


def test_a_path_that_is_not_a_directory_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_text("")
    for name in ("link", "file"):
        with (
            pytest.raises(LocalCloudError, match=f"cannot write .*{name}"),
            profile(CLOUD, tmp_path / name, "local"),
        ):
            pass
    assert list((tmp_path / "real").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives directories away")
def test_a_directory_of_another_user_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 65534, 65534)
    with pytest.raises(LocalCloudError, match="another user"), profile(CLOUD, tmp_path / "theirs", "local"):
        pass


@pytest.mark.cloud
def test_boto3_and_the_aws_command_line_use_it(
    cloud: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with profile(cloud, tmp_path / "cloud", "my-cloud") as made:
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        session = boto3.Session()
        assert session.profile_name == "my-cloud"
        assert session.client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:root"
        assert session.client("s3").meta.endpoint_url == cloud.endpoint_url
        assert session.region_name == cloud.region
        said = subprocess.run(
            [Path(sys.executable).with_name("aws"), "sts", "get-caller-identity"],
            env={"PATH": os.environ["PATH"], **made.environment},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(said.stdout)["Account"] == cloud.account_id
