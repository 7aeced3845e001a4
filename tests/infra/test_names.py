"""The longest names that can be configured fit into AWS's limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.backup_role import RESTORE_ROLE
from infra.names import Names
from tidemark.policy.models import ConfigurationFile

DEPLOYMENT, POLICY = "d" * 20, "p" * 30
LONGEST_REGION = "ap-southeast-1"
SOURCES = Path(__file__).parents[2]
LAMBDAS, WORKFLOWS = SOURCES / "lambdas", SOURCES / "tidemark" / "workflows"


def configured(deployment: str, policy: str) -> ConfigurationFile:
    protect = {"file_systems": ["fs-01234567"], "keep": "1 day"}
    return ConfigurationFile.model_validate(
        {
            "deployment": deployment,
            "region": LONGEST_REGION,
            "vaults": {LONGEST_REGION: "v1"},
            "policies": {policy: protect},
        }
    )


def test_the_longest_names_are_those() -> None:
    assert configured(DEPLOYMENT, POLICY)
    for deployment, policy in ((DEPLOYMENT + "d", POLICY), (DEPLOYMENT, POLICY + "p")):
        with pytest.raises(ValidationError):
            configured(deployment, policy)


def test_they_fit_everywhere() -> None:
    names = Names(deployment=DEPLOYMENT, region=LONGEST_REGION)
    assert max(len(names.function(path.stem)) for path in LAMBDAS.glob("*.py")) <= 64
    assert len(names.named(f"policy-{POLICY}")) <= 64  # a schedule
    assert len(f"{DEPLOYMENT}-repository-{'0' * 12}-{LONGEST_REGION}") <= 63  # a bucket
    machines = WORKFLOWS.glob("*.asl.json")
    assert max(len(names.named(path.name.partition(".")[0])) for path in machines) <= 80
    assert len(names.named(RESTORE_ROLE)) <= 64
