"""The content of the stacks, and the resources that remain after `cdk destroy`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.stack import RETENTION
from tests.infra.template import Template, resources
from tidemark.policy.models import ConfigurationFile

KEPT = {"AWS::KMS::Key", "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Backup::BackupVault"}


def test_each_region_of_copies_has_a_stack_with_its_vault(templates: dict[str, Template]) -> None:
    names = {
        stack: [
            vault["BackupVaultName"] for vault in resources(template, "AWS::Backup::BackupVault").values()
        ]
        for stack, template in templates.items()
    }
    assert names == {
        "Tidemark-cellar": ["wine"],
        "Tidemark-cellar-restore": [],
        "Tidemark-cellar-eu-west-1": ["wine-copies"],
        "Tidemark-cellar-us-east-1": ["spare"],
    }


def test_the_vaults_of_copies_are_deployed_first(assembly: Path) -> None:
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    assert {"Tidemark-cellar-eu-west-1", "Tidemark-cellar-us-east-1"} <= set(
        artifacts["Tidemark-cellar"]["dependencies"]
    )


def test_resources_with_data_and_their_keys_outlive_the_stack(templates: dict[str, Template]) -> None:
    for template in templates.values():
        for identifier, resource in template["Resources"].items():
            # Not Retain: leftovers of a failed first deployment would have the names that the next one needs.
            assert resource.get("DeletionPolicy") != "Retain", identifier
            kept = resource.get("DeletionPolicy") == "RetainExceptOnCreate"
            only_messages = identifier.startswith("Notifications")
            assert kept == (resource["Type"] in KEPT and not only_messages), identifier
            assert resource.get("UpdateReplacePolicy", "Delete") == ("Retain" if kept else "Delete")


def test_every_key_is_rotated(templates: dict[str, Template]) -> None:
    for template in templates.values():
        assert all(key["EnableKeyRotation"] for key in resources(template, "AWS::KMS::Key").values())


def test_restores_are_deployed_after_what_they_refer_to(assembly: Path) -> None:
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    assert "Tidemark-cellar" in artifacts["Tidemark-cellar-restore"]["dependencies"]
    assert "Tidemark-cellar-restore" not in artifacts["Tidemark-cellar"]["dependencies"]


def test_every_log_is_kept_as_long_as_configured(main: Template) -> None:
    groups = resources(main, "AWS::Logs::LogGroup")
    machines = resources(main, "AWS::StepFunctions::StateMachine")
    assert len(groups) == len(resources(main, "AWS::Lambda::Function")) + len(machines) + 1  # workers
    assert {group["RetentionInDays"] for group in groups.values()} == {14}


def test_every_number_of_log_days_that_can_be_configured_can_be_deployed() -> None:
    annotation = ConfigurationFile.model_fields["log_days"].annotation
    assert set(RETENTION) == set(annotation.__args__)  # type: ignore[union-attr]  # a Literal


def test_the_stacks_stay_far_below_cloudformations_limit(templates: dict[str, Template]) -> None:
    for template in templates.values():
        assert len(template["Resources"]) < 250  # of 500
        assert len(json.dumps(template)) < 700_000  # bytes of 1 MB


@pytest.mark.parametrize(
    "name", ["Deployment", "RepositoryUrl", "PolicyRunStateMachine", "PolicyRunConsole", "ResultsTopic"]
)
def test_the_outputs_contain_what_a_user_needs_next(main: Template, name: str) -> None:
    assert main["Outputs"][name]["Description"]
    assert main["Outputs"][name]["Value"]
