from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tidemark.scratch import PREFIX, scratch_directory

PROGRAM = """
import sys, time
from tidemark.scratch import scratch_directory
with scratch_directory() as made:
    (made / "below").mkdir()
    (made / "below" / "file").write_text("content")
    print(made, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def begun(temporary: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a process that holds a scratch directory; return both."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
        env={"TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    with process.stdout as output:
        return process, Path(output.readline().strip())


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_directory_exists_until_its_block_ends(temporary: Path) -> None:
    with scratch_directory() as made:
        assert made.parent == temporary
        (made / "file").write_text("content")
    assert list(temporary.iterdir()) == []


def test_directories_of_killed_processes_are_removed_and_those_of_running_ones_kept(temporary: Path) -> None:
    killed, left = begun(temporary)
    living, held = begun(temporary)
    try:
        kill(killed)
        assert (left / "below" / "file").is_file()
        with scratch_directory() as made:
            assert set(temporary.iterdir()) == {held, made}
            assert (held / "below" / "file").is_file()
    finally:
        kill(living)


def test_nothing_else_is_removed(temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "file").write_text("content")
    (temporary / f"{PREFIX}link").symlink_to(elsewhere)
    (temporary / f"{PREFIX}file").write_text("content")
    (temporary / "tidemark-error-1.txt").write_text("content")
    (temporary / "tidemark-10m").mkdir()
    before = set(temporary.iterdir())
    with scratch_directory():
        pass
    assert set(temporary.iterdir()) == before
    assert (elsewhere / "file").is_file()


def test_directories_of_another_user_are_kept(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = temporary / f"{PREFIX}theirs"
    theirs.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: theirs.stat().st_uid + 1)
    with scratch_directory():
        assert theirs.is_dir()


def test_removing_a_directory_keeps_the_targets_of_its_links(
    temporary: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "file").write_text("content")
    abandoned = temporary / f"{PREFIX}abandoned"
    abandoned.mkdir()
    (abandoned / "link").symlink_to(elsewhere)
    with scratch_directory():
        assert not abandoned.exists()
    assert (elsewhere / "file").is_file()


def test_concurrent_processes_keep_their_own_directories(temporary: Path) -> None:
    def hold(number: int) -> bool:
        with scratch_directory() as made:
            (made / str(number)).touch()
            with scratch_directory():  # makes it examine the directories of the others
                pass
            return [entry.name for entry in made.iterdir()] == [str(number)]

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(hold, range(200)))
    assert list(temporary.iterdir()) == []
