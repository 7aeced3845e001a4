"""tidemark policy export"""

from __future__ import annotations

import dataclasses

from tests.cli.test_policy_next import PRODUCTION, deploy
from tests.policy.test_configuration import REGIONS, written
from tidemark.errors import PolicyNotFound
from tidemark.policy.configuration import load


def deployed(deployment):
    """The policies with ids that a tidemark.yaml can contain."""
    ids = {"file_systems": ("fs-0123456789abcdef0",)}
    both = [dataclasses.replace(deployment.policy, **ids), dataclasses.replace(PRODUCTION, **ids)]
    for policy in both:
        deploy(deployment, policy)
    return both


def test_all_policies_are_exported_as_a_configuration_that_is_valid(tidemark, deployment, tmp_path):
    nightly, production = deployed(deployment)
    result = tidemark("policy", "export")
    assert result.code == 0, result.err
    read = load(written(tmp_path, result.out), REGIONS)
    assert read.deployment == "tidemark"
    assert read.vaults == deployment.resources.vaults
    found = {policy.name: policy for policy in read.policies}
    assert found["nightly"] == nightly
    assert found["production"].calendar == production.calendar


def test_chosen_policies_are_exported_as_json(tidemark, deployment, tmp_path):
    nightly, _ = deployed(deployment)
    result = tidemark("policy", "export", "nightly", "nightly", "--json")
    assert list(result.document["policies"]) == ["nightly"]
    assert load(written(tmp_path, result.out), REGIONS).policies == (nightly,)


def test_an_unknown_policy_is_an_error_without_output(tidemark, deployment):
    result = tidemark("policy", "export", "nightly", "weekly")
    assert (result.code, result.out) == (PolicyNotFound.exit_code, "")
