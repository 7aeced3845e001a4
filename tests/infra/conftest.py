"""One synthesis for all tests of `infra/`, with all checks of the CDK and cdk-nag."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from tests.infra.assemblies import checked_assembly
from tests.infra.recording import Recording, record
from tests.infra.template import Template, combined

CONFIGURATION = """\
deployment: cellar
region: eu-central-1
repository:
  prefix: some/where
vaults:
  eu-central-1: wine
  eu-west-1: wine-copies
  us-east-1: spare
policies:
  nightly:
    file_systems: [fs-0123456789abcdef0, fs-0123456789abcdef1]
    schedule: {cron: 0 2 * * ? *, time_zone: Europe/Berlin}
    keep: 35 days
    copies: [{region: eu-west-1, keep: 90 days}]
    restore_testing:
      schedule: {cron: 0 4 ? * SUN *, time_zone: Europe/Berlin}
      window_days: 14
      validation_hours: 48
    drill: {schedule: {cron: 0 6 1 * ? *}}
  hourly:
    file_systems: [fs-0123456789abcdef1]
    schedule: {rate: 1 hour}
    keep: 2 days
    index: false
  by-hand:
    file_systems: [fs-0123456789abcdef2]
    keep: forever
    worker: {type: ec2}
notifications: {email: you@example.com}
log_days: 14
"""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory shared by all processes of a pytest-xdist run."""
    own = tmp_path_factory.getbasetemp()
    common = own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own
    directory = common / "synthesized"
    directory.mkdir(exist_ok=True)
    return directory


@pytest.fixture(scope="session")
def configuration_file(shared: Path) -> Path:
    """A configuration with every setting that affects the deployed resources."""
    path = shared / "tidemark.yaml"
    path.write_text(CONFIGURATION)
    return path


@pytest.fixture(scope="session")
def assembly() -> Path:
    """The cloud assembly; a finding of cdk-nag or of the CDK's own check ends the synthesis."""
    return checked_assembly(CONFIGURATION)


@pytest.fixture(scope="session")
def templates(assembly: Path) -> dict[str, Template]:
    """Every template by the name of its stack."""
    suffix = ".template.json"
    return {
        path.name.removesuffix(suffix): json.loads(path.read_text()) for path in assembly.glob(f"*{suffix}")
    }


@pytest.fixture(scope="session")
def main(templates: dict[str, Template]) -> Template:
    """What is deployed in the home Region: the main stack and the stack of restores, as one template."""
    return combined(templates["Tidemark-cellar"], templates["Tidemark-cellar-restore"])


@pytest.fixture(scope="session")
def recording(shared: Path) -> Recording:
    """The IAM requests of whole sessions. The first process deploys and runs them; the others wait."""
    finished = shared / "recording.json"
    with (shared / "recording.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            unfinished = shared / "recording.unfinished"
            unfinished.write_text(record(shared / "recorded").to_json())
            unfinished.rename(finished)
    return Recording.from_json(finished.read_text())
