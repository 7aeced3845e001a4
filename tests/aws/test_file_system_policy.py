"""Denials of file-system policies, compared with the local cloud's evaluator of policies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.iam.resource_policies import decision_of
from tests.aws.account import ACCOUNT, REGION
from tidemark.aws.clients import Clients
from tidemark.aws.file_system_policy import READ, WRITE, denied_actions, mount_context, policy_of

ROLE = f"arn:aws:iam::{ACCOUNT}:role/tidemark-task-fs-0123456789abcdef0"
FILE_SYSTEM = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/fs-0123456789abcdef0"
POINTS = "elasticfilesystem:AccessPointArn"
PRINCIPALS = st.sampled_from(
    [
        "*",
        {"AWS": "*"},
        {"AWS": ACCOUNT},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        {"AWS": [ROLE, f"arn:aws:iam::{ACCOUNT}:role/other"]},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"},
        {"AWS": "arn:aws:iam::999999999999:root"},
        {"Service": "backup.amazonaws.com"},
    ]
)
CONDITIONS = st.sampled_from(
    [
        {},
        {"Bool": {"aws:SecureTransport": "false"}},
        {"Bool": {"aws:SecureTransport": ["true"]}},
        {"BoolIfExists": {"aws:SecureTransport": False}},
        {"Null": {POINTS: "true"}},
        {"Null": {POINTS: "false"}},
        {"StringNotLike": {POINTS: "arn:aws:elasticfilesystem:*"}},
        {"StringLike": {POINTS: "*"}},
        {"StringEqualsIfExists": {POINTS: "arn:x"}},
        {"ArnNotEquals": {"aws:PrincipalArn": ROLE}},
        {"ArnNotLike": {"aws:PrincipalArn": [f"arn:aws:iam::{ACCOUNT}:role/backup-*"]}},
        {"StringNotEquals": {"aws:PrincipalAccount": ACCOUNT}},
        {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}, "Bool": {"aws:SecureTransport": "true"}},
        {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}},
    ]
)
ACTIONS = st.sampled_from(
    [
        "*",
        "elasticfilesystem:*",
        "elasticfilesystem:ClientMount",
        ["elasticfilesystem:ClientWrite", "elasticfilesystem:Clientroot*"],
        "elasticfilesystem:Backup",
    ]
)
STATEMENTS = st.builds(
    lambda effect, principal, negated, action, action_negated, resource, condition: {
        "Effect": effect,
        ("NotPrincipal" if negated else "Principal"): principal,
        ("NotAction" if action_negated else "Action"): action,
        "Resource": resource,
        "Condition": condition,
    },
    st.sampled_from(["Allow", "Deny", "Deny"]),
    PRINCIPALS,
    st.booleans(),
    ACTIONS,
    st.booleans(),
    st.sampled_from(["*", FILE_SYSTEM, FILE_SYSTEM[:-1] + "1", [FILE_SYSTEM[:-4] + "*"]]),
    CONDITIONS,
)


def answers(*statements: dict[str, Any]) -> dict[str, str]:
    return dict(
        denied_actions(
            {"Version": "2012-10-17", "Statement": list(statements)},
            WRITE,
            resource=FILE_SYSTEM,
            role_arn=ROLE,
            context=mount_context(ROLE, ACCOUNT),
        )
    )


@given(st.lists(STATEMENTS, max_size=4))
def test_an_action_is_denied_if_another_evaluator_denies_it(statements):
    found = answers(*statements)
    for action in WRITE:
        decision = decision_of(
            {"Statement": statements},
            action=action,
            resource=FILE_SYSTEM,
            principal=ROLE,
            context=mount_context(ROLE, ACCOUNT),
        )
        assert found[action] == ("denied" if decision == "Deny" else "open"), statements


DENY = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}


@pytest.mark.parametrize(
    "condition",
    [
        {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}},
        {"NumericLessThan": {"aws:SecureTransport": "1"}},
    ],
)
def test_a_condition_that_is_not_known_leaves_the_answer_open(condition):
    assert set(answers({**DENY, "Condition": condition}).values()) == {"unknown"}
    never = {"Bool": {"aws:SecureTransport": "false"}}
    assert set(answers({**DENY, "Condition": {**condition, **never}}).values()) == {"open"}
    assert set(answers({**DENY, "Condition": condition}, DENY).values()) == {"denied"}


def test_a_file_system_without_a_policy_has_none(clients: Clients) -> None:
    efs = clients.of("efs", REGION)
    made = efs.create_file_system(CreationToken="t")["FileSystemId"]
    assert policy_of(efs, made) is None
    efs.put_file_system_policy(FileSystemId=made, Policy='{"Statement": []}')
    assert policy_of(efs, made) == {"Statement": []}


def test_reading_needs_no_permission_to_write():
    assert set(READ) < set(WRITE)
