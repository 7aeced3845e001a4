"""tidemark policy resume"""

from __future__ import annotations

from tests.aws.account import REGION
from tests.cli.test_policy_pause import recorded
from tidemark.errors import PolicyNotFound
from tidemark.policy.pause import pause_parameter
from tidemark.policy.policy import policy_parameter


def test_a_pause_is_removed(tidemark, deployment):
    tidemark("policy", "pause", "nightly")
    result = tidemark("policy", "resume", "nightly", "--json")
    assert result.document == {"policy": "nightly", "was_paused": True}
    assert recorded(deployment) == {}
    again = tidemark("policy", "resume", "nightly")
    assert (again.code, again.out) == (0, "Policy nightly was not paused.\n")


def test_the_next_steps_are_shown(tidemark, deployment):
    tidemark("policy", "pause", "nightly")
    out = tidemark("policy", "resume", "nightly").out
    assert "tidemark policy next nightly" in out
    assert "tidemark run nightly" in out


def test_the_pause_of_a_policy_that_is_no_longer_deployed_is_removed(tidemark, deployment):
    tidemark("policy", "pause", "nightly")
    deployment.clients.of("ssm", REGION).delete_parameter(Name=policy_parameter("tidemark", "nightly"))
    assert tidemark("policy", "resume", "nightly").code == 0
    assert recorded(deployment) == {}
    assert tidemark("policy", "resume", "nightly").code == PolicyNotFound.exit_code


def test_a_record_that_was_edited_is_reported_and_removed(tidemark, deployment):
    deployment.clients.of("ssm", REGION).put_parameter(
        Name=pause_parameter("tidemark", "nightly"), Value="paused", Type="String"
    )
    listed = tidemark("policy", "list")
    assert listed.code == 10
    assert "tidemark policy resume nightly" in listed.err
    assert tidemark("policy", "resume", "nightly").code == 0
    assert tidemark("policy", "list").code == 0


def test_unknown_names_are_refused(tidemark, deployment):
    for name in ("weekly", "", "\x1b[2J"):
        result = tidemark("policy", "resume", name)
        assert result.code == PolicyNotFound.exit_code
        assert "\x1b" not in result.err
