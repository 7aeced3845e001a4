"""The calls that `tidemark check` simulates are those of recorded sessions."""

from __future__ import annotations

import re

import pytest

from tests.infra.recording import Recording
from tests.infra.role_calls import role_calls, roles_of
from tests.infra.template import as_list
from tidemark.answers.checks.role_calls import recorded_calls
from tidemark.answers.checks.scope import ROLES_OF_FILE_SYSTEMS

KNOWN = {
    *("account", "region", "partition", "deployment", "bucket", "prefix", "vault"),
    *("file_system", "policy", "copy_region", "copy_vault"),
}


@pytest.mark.cloud
def test_the_file_contains_the_calls_of_a_recording(recording: Recording) -> None:
    recorded, written = role_calls(recording).by_role, recorded_calls().by_role
    assert recorded.keys() == written.keys(), "generate the file: python -m tests.infra.role_calls"
    for role, calls in recorded.items():
        missing = {call.action for call in calls} - {call.action for call in written[role]}
        assert missing == set(), f"{role}: generate the file: python -m tests.infra.role_calls"


@pytest.mark.cloud
def test_every_call_of_the_file_is_granted_to_its_role(recording: Recording) -> None:
    """Not every recording has every call: a step may find its worker stopped already."""
    granted: dict[str, set[str]] = {}
    managed = {"main.BackupRole", "restore.RestoreRole"}  # AWS's own policies
    for arn, role in roles_of(recording).items():
        for statement in recording.statements[arn]:
            granted.setdefault(role, set()).update(as_list(statement["Action"]))
    for role, calls in recorded_calls().by_role.items():
        unused = {call.action for call in calls} - granted.get(role, set())
        assert unused == set() or role in managed, f"{role} may no longer call them"


def test_every_placeholder_has_a_value_or_is_a_resource_of_a_stack() -> None:
    found = {
        name for calls in recorded_calls().by_role.values() for call in calls for name in call.placeholders()
    }
    assert {name for name in found if "." not in name} == KNOWN
    assert set(ROLES_OF_FILE_SYSTEMS) <= found | {"main.WorkersRolesInstance", "restore.RolesInstance"}


def test_nothing_of_the_recorded_deployment_remains() -> None:
    for calls in recorded_calls().by_role.values():
        for call in calls:
            text = f"{call.resource} {dict(call.context)}"
            assert not re.search(r"123456789012|fs-[0-9a-f]{17}|eu-central-1|eu-west-1|nightly", text), text
