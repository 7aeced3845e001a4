"""Restore testing plans: each policy has one name, file systems are divided into selections."""

from __future__ import annotations

import re
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from tidemark.policy.policy import Schedule
from tidemark.policy.restore_testing import (
    MOST_ARNS,
    MOST_FILE_SYSTEMS,
    MOST_SELECTIONS,
    RestoreTesting,
    plan_name,
    plan_prefix,
    policy_of_plan,
)

deployments = st.from_regex(r"[a-z](-?[a-z0-9]){1,9}", fullmatch=True)
policies = st.from_regex(r"[a-z0-9](-?[a-z0-9]){0,14}", fullmatch=True)


@given(deployments, policies, st.uuids())
def test_the_policy_is_read_from_the_arn_of_its_plan(deployment: str, policy: str, plan_id: object) -> None:
    name = plan_name(deployment, policy)
    assert re.fullmatch(r"[A-Za-z0-9_]+", name)
    assert name.startswith(plan_prefix(deployment))
    arn = f"arn:aws:backup:eu-central-1:123456789012:restore-testing-plan:{name}-{plan_id}"
    assert policy_of_plan(deployment, arn) == policy


@given(deployments, deployments, policies)
def test_plans_of_other_deployments_have_no_policy(deployment: str, other: str, policy: str) -> None:
    arn = f"arn:aws:backup:eu-central-1:123456789012:restore-testing-plan:{plan_name(other, policy)}-1"
    assert (policy_of_plan(deployment, arn) is None) == (deployment != other)


def test_a_job_without_a_plan_has_no_policy() -> None:
    assert policy_of_plan("tidemark", "") is None
    assert policy_of_plan("tidemark", "arn:aws:backup:r:1:restore-testing-plan:tidemark__-1") is None


@given(st.integers(1, MOST_FILE_SYSTEMS))
def test_selections_contain_every_file_system_once(count: int) -> None:
    testing = RestoreTesting(
        policy="nightly",
        file_systems=tuple(f"fs-{number:017x}" for number in range(count)),
        schedule=Schedule(expression="cron(0 4 ? * SUN *)", time_zone="UTC"),
        window_days=30,
        validation_hours=24,
    )
    selections = list(testing.selections())
    assert tuple(chain.from_iterable(selections)) == testing.file_systems
    assert len(selections) <= MOST_SELECTIONS
    assert all(0 < len(selection) <= MOST_ARNS for selection in selections)
