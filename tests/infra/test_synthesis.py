"""Synthesis from the command line: no account, no network, no Node on the PATH; clear errors for bad
input."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

SOURCES = Path(__file__).parents[2]


def synthesize(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # An empty PATH: no node, no docker. Unreachable addresses: no network.
    nowhere = "http://127.0.0.1:9"
    return subprocess.run(
        [sys.executable, "app.py", *arguments],
        cwd=SOURCES,
        env={
            "PATH": "/nonexistent",
            "HOME": str(Path.home()),
            "HTTPS_PROXY": nowhere,
            "HTTP_PROXY": nowhere,
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_makes_the_assembly_that_the_checks_saw(
    assembly: Path, configuration_file: Path, tmp_path: Path
) -> None:
    began = time.monotonic()
    result = synthesize("--output", str(tmp_path), "--config", str(configuration_file))
    print(f"synthesized in {time.monotonic() - began:.1f} s")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    for checked in assembly.glob("*.template.json"):
        assert _without_hashes(tmp_path / checked.name) == _without_hashes(checked)


def test_the_cdk_command_names_the_configuration_by_context(configuration_file: Path) -> None:
    from aws_cdk import App

    from infra.synthesis import configuration_of

    named = App(context={"config": str(configuration_file)})
    assert configuration_of(named, "tidemark.yaml").deployment == "cellar"
    assert configuration_of(App(), str(configuration_file)).deployment == "cellar"


def test_bad_input_gives_a_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        "region: eu-central-1\nvaults: {eu-west-1: tidemark}\n"
        "policies: {nightly: {file_systems: [fs-0123456789abcdef0], keep: 35 days}}\n"
    )
    result = synthesize("--output", str(tmp_path / "out"), TIDEMARK_CONFIG=str(wrong))
    assert result.returncode == 10
    assert result.stderr == (
        f"{wrong}:2: vaults: there is no vault for eu-central-1, where backups are made; "
        "add: eu-central-1: tidemark\n"
    )
    assert list((tmp_path / "out").glob("*.json")) == []


def test_no_template_names_an_account(assembly: Path) -> None:
    manifest = json.loads((assembly / "manifest.json").read_text())
    environments = {
        artifact["environment"]
        for artifact in manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    assert environments == {
        f"aws://unknown-account/{region}" for region in ("eu-central-1", "eu-west-1", "us-east-1")
    }
    assert "missing" not in manifest


def _without_hashes(template: Path) -> str:
    """Return the text without the assets' hashes, which test_bundle.py checks."""
    return re.sub(r"[0-9a-f]{64}", "HASH", template.read_text())
