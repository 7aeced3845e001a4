"""`make setup` with missing requirements: the error names the cause and the fix."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra import environment
from infra.environment import (
    WAY_OUT,
    as_uv_reads_it,
    check_python,
    install,
    install_for_development,
    make_environment,
)

NOWHERE = "http://127.0.0.1:1/simple"  # nothing listens on this port
ALONE = {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", "PIP_INDEX_URL": NOWHERE}


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reachable package index, regardless of this machine's configuration."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    for name, value in ALONE.items():
        monkeypatch.setenv(name, value)


def test_an_old_python_gets_an_error_with_the_required_version() -> None:
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer, and this is 3\.9\.2.*PYTHON="):
        check_python((3, 9, 2))
    check_python((3, 14, 0))


def test_an_old_python_can_parse_the_module_that_checks_it() -> None:
    ast.parse(Path(environment.__file__).read_text(), feature_version=(3, 7))


def test_without_the_venv_module_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "mkdir -p $3/bin; ln -s /bin/false $3/bin/python; echo ensurepip is not available; exit 1"
    monkeypatch.setattr(sys, "executable", str(program(tmp_path / "python", said)))
    with pytest.raises(
        SystemExit,
        match=r"cannot create the virtual environment .*:\n  ensurepip is not.*\n.*apt install python3-venv",
    ):
        make_environment(tmp_path / ".venv")
    assert not (tmp_path / ".venv").exists()


def test_an_incomplete_environment_is_created_again(tmp_path: Path) -> None:
    directory = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True)
    make_environment(directory)
    subprocess.run([str(directory / "bin" / "python"), "-m", "pip", "--version"], check=True)
    (directory / "mine").touch()
    make_environment(directory)
    assert (directory / "mine").exists(), "a whole one stays"


@pytest.mark.usefixtures("alone")
def test_without_a_package_index_pips_error_gives_the_fix(tmp_path: Path) -> None:
    directory = tmp_path / ".venv"
    make_environment(directory)
    with pytest.raises(SystemExit) as failure:
        install(directory)
    first, *said, last = str(failure.value).splitlines()
    assert first == "pip could not install requirements-setup.txt:"
    assert any("uv" in line for line in said)
    assert last == WAY_OUT


@pytest.mark.parametrize(
    ("installs", "locked"),
    [(install, "requirements.txt"), (install_for_development, "requirements-dev.txt")],
)
def test_uvs_error_is_shown_with_the_fix(
    tmp_path: Path, installs: Callable[[Path], None], locked: str
) -> None:
    program(tmp_path / "bin" / "python", "exit 0")
    program(tmp_path / "bin" / "uv", "echo 'error: invalid peer certificate: UnknownIssuer' >&2; exit 2")
    with pytest.raises(SystemExit) as failure:
        installs(tmp_path)
    assert str(failure.value).splitlines() == [
        f"uv could not install {locked}:",
        "  error: invalid peer certificate: UnknownIssuer",
        WAY_OUT,
    ]


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("by", ["file", "environment"])
def test_uv_uses_the_index_of_pips_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    index, certificate = "https://packages.example.com/simple", "/etc/company.pem"
    monkeypatch.delenv("PIP_INDEX_URL")
    if by == "file":
        (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index}\ncert = {certificate}\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    else:
        monkeypatch.setenv("PIP_INDEX_URL", index)
        monkeypatch.setenv("PIP_CERT", certificate)
    told = subprocess.check_output([sys.executable, "-m", "pip", "config", "list"], text=True)
    assert as_uv_reads_it({}, told) == {"UV_DEFAULT_INDEX": index, "SSL_CERT_FILE": certificate}
    own = {"UV_DEFAULT_INDEX": "https://other.example.com", "SSL_CERT_FILE": "/other.pem"}
    assert as_uv_reads_it(own, told) == own


@pytest.mark.parametrize(
    ("target", "needs"),
    [
        ("demo", False),
        ("setup", False),
        ("synth", False),
        ("docs", False),
        ("check", True),
        ("test", True),
        ("coverage", True),
        ("bench", True),
        ("audit", True),
    ],
)
def test_only_tests_and_checks_install_what_they_need(target: str, needs: bool) -> None:
    command = ["make", "--dry-run", "--always-make", target]
    printed = subprocess.check_output(command, cwd=environment.SOURCES, text=True)
    assert "-m infra.environment\n" in printed
    assert ("-m infra.environment dev" in printed) == needs
