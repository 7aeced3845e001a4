"""npm without a registry, and the make targets that need npm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra import node
from tidemark.errors import ConfigurationError

NOWHERE = "http://127.0.0.1:1/"  # nothing listens on this port


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that needs one package, without a reachable registry."""
    for name in [name for name in os.environ if name.lower().startswith("npm_config_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("npm_config_registry", NOWHERE)
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    directory = tmp_path / "project"
    directory.mkdir()
    needed = {"name": "project", "version": "1.0.0", "dependencies": {"is-number": "7.0.0"}}
    (directory / "package.json").write_text(json.dumps(needed))
    packages = {"": needed, "node_modules/is-number": {"version": "7.0.0", "integrity": "sha512-aa=="}}
    lock = {**needed, "lockfileVersion": 3, "requires": True, "packages": packages}
    (directory / "package-lock.json").write_text(json.dumps(lock))
    return directory


def test_without_a_registry_npms_error_gives_the_fix(directory: Path) -> None:
    with pytest.raises(ConfigurationError) as failure:
        node.fetch(directory)
    first, *said, last = str(failure.value).splitlines()
    assert first == "npm could not fetch the packages of package-lock.json:"
    assert any("ECONNREFUSED" in line for line in said)
    assert last == node.WAY_OUT
    assert not (directory / "node_modules" / ".ready").exists()


def test_the_command_prints_the_error_and_fails(directory: Path) -> None:
    shutil.copytree(node.SOURCES / "infra", directory / "infra")
    (directory / "tidemark").symlink_to(node.SOURCES / "tidemark")
    for command in ("fetch",), ("npx", "cdk", "--version"):
        done = subprocess.run(
            [sys.executable, "-m", "infra.node", *command],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(directory)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == ConfigurationError.exit_code
        assert done.stderr.endswith(f"{node.WAY_OUT}\n")
        assert "Traceback" not in done.stderr


def test_what_is_installed_is_not_fetched_again_until_the_lock_changes(directory: Path) -> None:
    lock = directory / "package-lock.json"
    empty = {
        "name": "project",
        "version": "1.0.0",
        "lockfileVersion": 3,
        "requires": True,
        "packages": {"": {}},
    }
    needing = lock.read_text(), (directory / "package.json").read_text()
    lock.write_text(json.dumps(empty))
    (directory / "package.json").write_text('{"name": "project", "version": "1.0.0"}')
    (directory / "node_modules").mkdir()
    node.fetch(directory)  # nothing to fetch
    (directory / "node_modules" / "mine").touch()
    node.fetch(directory)
    assert (directory / "node_modules" / "mine").exists(), "npm ci would have removed it"
    lock.write_text(needing[0])
    (directory / "package.json").write_text(needing[1])
    with pytest.raises(ConfigurationError):
        node.fetch(directory)


@pytest.mark.parametrize(
    ("target", "needs"),
    [("demo", False), ("setup", False), ("check", False), ("test", True), ("synth", True)],
)
def test_only_targets_that_use_npm_programs_fetch_them(target: str, needs: bool) -> None:
    command = ["make", "--dry-run", "--always-make", target]
    told = subprocess.check_output(command, cwd=node.SOURCES, text=True)
    assert "infra.environment" in told
    assert ("infra.node fetch" in told) == needs
