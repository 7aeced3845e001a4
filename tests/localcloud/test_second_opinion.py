"""The evaluator of policies agrees with another implementation, @cloud-copilot/iam-simulate."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from localcloud.iam.resource_policies import decide, decision_of
from tests.infra.simulator import ALLOWED, DENIED, FORBIDDEN, OF_EVERY_REQUEST, Request, simulate

OWNER, CALLER, STRANGER = "222222222222", "111111111111", "999999999999"
ROLE = f"arn:aws:iam::{CALLER}:role/team/reader"
SESSION = f"arn:aws:sts::{CALLER}:assumed-role/reader/nightly"
BUCKET = "arn:aws:s3:::index"
REQUESTS = [
    ("s3:GetObject", f"{BUCKET}/indexes/{CALLER}/part"),
    ("s3:GetObject", f"{BUCKET}/indexes/{STRANGER}/part"),
    ("s3:PutObject", f"{BUCKET}/indexes/{CALLER}/part"),
    ("s3:ListBucket", BUCKET),
]
ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:*", "s3:Get*", "s3:*Object", "s3:List*", "S3:getobject", "*"]
RESOURCES = [
    "*",
    BUCKET,
    f"{BUCKET}/*",
    f"{BUCKET}/indexes/{CALLER}/*",
    f"{BUCKET}/indexes/${{aws:PrincipalAccount}}/*",
    f"{BUCKET}/indexes/${{aws:username}}/*",
    f"{BUCKET}/*/part",
    "arn:aws:s3:::in?ex/*",
]
PRINCIPALS = [
    "*",
    {"AWS": "*"},
    {"AWS": CALLER},
    {"AWS": f"arn:aws:iam::{CALLER}:root"},
    {"AWS": [f"arn:aws:iam::{STRANGER}:root", ROLE]},
    {"AWS": SESSION},
    {"AWS": f"arn:aws:sts::{CALLER}:assumed-role/reader/other"},
    {"AWS": f"arn:aws:iam::{STRANGER}:root"},
    {"Service": "backup.amazonaws.com"},
]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {"StringEquals": {"aws:PrincipalAccount": [CALLER, STRANGER]}},
    {"StringNotEquals": {"aws:PrincipalAccount": CALLER}},
    {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}},
    {"StringNotEquals": {"aws:PrincipalOrgID": "o-1234567890"}},
    {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-0000000000"}},
    {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{CALLER}:role/team/*"}},
    {"ArnNotEquals": {"aws:PrincipalArn": ROLE}},
    {"Bool": {"aws:SecureTransport": "false"}},
    {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}},
    {"Null": {"aws:PrincipalTag/team": "true"}},
    {"StringEquals": {"aws:PrincipalTag/team": "storage"}},
    {"StringLike": {"aws:PrincipalTag/team": "${aws:PrincipalTag/group}*"}},
    {"StringEqualsIgnoreCase": {"aws:PrincipalTag/team": ["Storage", "Network"]}},
    {"StringEquals": {"aws:ResourceAccount": OWNER}},
    {"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}},
    {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
    {
        "StringEquals": {"aws:PrincipalTag/team": "storage", "aws:PrincipalAccount": CALLER},
        "Bool": {"aws:SecureTransport": "true"},
    },
]
CONTEXTS: dict[str, list[str]] = {
    "aws:PrincipalOrgID": ["o-1234567890", "o-0000000000"],
    "aws:PrincipalTag/team": ["storage", "STORAGE", "network"],
    "aws:PrincipalTag/group": ["stor", "x"],
    "aws:MultiFactorAuthPresent": ["true", "false"],
    "aws:MultiFactorAuthAge": ["299", "300"],
    "aws:CurrentTime": ["2025-12-31T23:59:59Z", "2026-06-01T00:00:00Z"],
}


OF_THE_CALL = {
    "aws:PrincipalArn": ROLE,
    "aws:PrincipalAccount": CALLER,
    "aws:ResourceAccount": OWNER,
}


def one_or_many(chance: Random, values: list[str]) -> Any:
    if chance.random() < 0.5:
        return chance.choice(values)
    return [chance.choice(values) for _ in range(chance.randint(1, 3))]


def statement(chance: Random, *, of_resource: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": chance.choice(["Allow", "Allow", "Allow", "Deny"])}
    made[chance.choice(["Action"] * 5 + ["NotAction"])] = one_or_many(chance, ACTIONS)
    made[chance.choice(["Resource"] * 5 + ["NotResource"])] = one_or_many(chance, RESOURCES)
    if of_resource:
        made["Principal"] = chance.choice(PRINCIPALS)
    if condition := chance.choice(CONDITIONS):
        made["Condition"] = condition
    return made


def request(chance: Random) -> Request:
    action, resource = chance.choice(REQUESTS)
    context = {key: chance.choice(values) for key, values in CONTEXTS.items() if chance.random() < 0.5}
    own, shared = (
        [statement(chance, of_resource=of_resource) for _ in range(chance.randint(1, 3))]
        for of_resource in (False, True)
    )
    return Request(
        principal=SESSION,
        action=action,
        resource=resource,
        context={**OF_THE_CALL, **context},
        statements=own,
        resource_policy={"Version": "2012-10-17", "Statement": shared},
    )


def ours(request: Request) -> str:
    """Return the decision about a call of another account, named as by the other implementation."""
    keys = {**OF_EVERY_REQUEST, **request.context}
    assert request.statements is not None
    assert request.resource_policy is not None
    where = {"action": request.action, "resource": request.resource}
    both = [
        decide(request.statements, keys=keys, **where),
        decision_of(request.resource_policy, principal=ROLE, session=SESSION, context=keys, **where),
    ]
    if "Deny" in both:
        return FORBIDDEN
    return ALLOWED if both == ["Allow", "Allow"] else DENIED


@settings(max_examples=5, phases=[Phase.generate])  # a smaller seed is no simpler example
@given(st.integers(0, 2**32))
def test_both_decide_the_same_about_calls_of_another_account(seed: int) -> None:
    chance = Random(seed)  # noqa: S311  # not a secret
    made = [request(chance) for _ in range(400)]
    with tempfile.TemporaryDirectory() as directory:
        theirs = simulate(made, account=OWNER, directory=Path(directory))
    pairs = [(ours(one), their) for one, their in zip(made, theirs, strict=True)]
    differing = [(one, *pair) for one, pair in zip(made, pairs, strict=True) if pair[0] != pair[1]]
    assert differing == []
    assert {ALLOWED, DENIED, FORBIDDEN} == set(theirs)
