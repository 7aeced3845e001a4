"""The message and exit code of every kind of failure."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.index.building import index_rows, row
from tidemark import __version__
from tidemark.cli.main import call
from tidemark.errors import TidemarkError, error_classes


def test_the_version(tidemark):
    assert tidemark("--version").out == f"tidemark {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["local"]])
def test_without_a_command_the_help_is_shown(tidemark, arguments):
    result = tidemark(*arguments)
    assert result.code == 2
    assert "Commands:" in result.out


@pytest.mark.parametrize(
    "arguments", [["rum"], ["run"], ["run", "a", "b"], ["ls", "--frob"], ["sessions", "--limit", "0"]]
)
def test_a_usage_error_names_the_problem_and_the_help(tidemark, arguments):
    result = tidemark(*arguments)
    assert result.code == 2
    assert result.err.startswith("tidemark: ")
    assert "try: tidemark" in result.err


@pytest.mark.parametrize("error", list(error_classes()), ids=lambda error: error.__name__)
def test_every_error_ends_with_its_own_code(tidemark, monkeypatch, error):
    raised = TidemarkError.__new__(error)
    Exception.__init__(raised, "a fact; a next step\x1b[2J")
    monkeypatch.setattr("tidemark.cli.commands.sessions.connect", lambda: raise_(raised))
    result = tidemark("sessions")
    assert result.code == error.exit_code
    assert result.err == "tidemark: a fact; a next step\\x1b[2J\n"
    assert result.out == ""


def test_a_defect_prints_one_sentence_and_a_file_for_the_report(tidemark, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tidemark.cli.commands.sessions.connect", lambda: {}["nothing"])
    result = tidemark("sessions")
    assert result.code == 70
    assert "Traceback" not in result.err
    (report,) = tmp_path.iterdir()
    assert str(report) in result.err
    assert "KeyError" in report.read_text()


def test_ctrl_c_prints_no_traceback(tidemark, monkeypatch):
    monkeypatch.setattr("tidemark.cli.commands.sessions.connect", lambda: raise_(KeyboardInterrupt()))
    result = tidemark("sessions")
    assert (result.code, result.err) == (130, "tidemark: stopped\n")


def test_a_closed_pipe_prints_no_error():
    program = "import sys; from tidemark.cli.main import main; main(['--help'])"
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-c", program], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert ended.stderr == b""
    assert ended.returncode == 141


_TIDEMARK = f"{sys.executable} -c 'from tidemark.cli.main import main; main()'"


@pytest.mark.parametrize("options", ["", "--json", "--print0", "--count"])
def test_a_full_disk_is_reported_in_one_sentence(repository, tmp_path, options):
    index_rows(repository, tmp_path, [row("/a")])
    ended = subprocess.run(  # noqa: S602 - it is the shell's redirection that is tested
        f"{_TIDEMARK} search a {options} --repository {repository.url} > /dev/full",
        shell=True,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert ended.returncode == 74
    (said,) = (line for line in ended.stderr.splitlines() if "crawled" not in line)
    assert said.startswith("tidemark: cannot write the complete output: No space left on device; ")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_cause_no_error(repository, tmp_path, closed):
    index_rows(repository, tmp_path, [row("/a")])
    ended = subprocess.run(  # noqa: S602 - it is the shell's redirection that is tested
        f"{_TIDEMARK} search a --print0 --repository {repository.url} {closed}",
        shell=True,
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout == (b"/a\0" if closed == "2>&-" else b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_end_the_command_and_run_its_cleanup(number):
    program = (
        "import time, tidemark.cli.commands.sessions as s\n"
        "def connect():\n"
        "    try:\n"
        "        print('ready', flush=True); time.sleep(60)\n"
        "    finally:\n"
        "        print('cleaned up', flush=True)\n"
        "s.connect = connect\n"
        "from tidemark.cli.main import main; main(['sessions'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "cleaned up\n", "tidemark: stopped\n")


def test_help_needs_no_aws_and_no_pyarrow():
    program = (
        "import sys; from tidemark.cli.main import call; call(['--help']);"
        "sys.exit(any(name in sys.modules for name in ('boto3', 'pyarrow', 'moto', 'pydantic')))"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=False).returncode
        == 0
    )


def raise_(error: BaseException) -> None:
    raise error


def test_call_returns_the_code_of_help():
    assert call(["run", "--help"]) == 0
