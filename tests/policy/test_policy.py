"""A policy is read back from its JSON, and only file system ids are accepted as such."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.other_calendar import calendars
from tidemark.damage.settings import DamageSettings
from tidemark.errors import MalformedFileSystemId
from tidemark.policy.calendars import Retention
from tidemark.policy.policy import (
    CopyTarget,
    CrawlSettings,
    Policy,
    Schedule,
    WorkerSettings,
    check_file_system_id,
)

text = st.text(min_size=1, max_size=30)
days = st.none() | st.integers(1, 36_500)
cold = st.none() | st.integers(1, 36_500)
by_flag = st.lists(
    st.tuples(
        st.sampled_from([*"DWMY", "manual"]), st.builds(Retention, keep_days=days, cold_after_days=cold)
    ),
    min_size=1,
    unique_by=lambda pair: pair[0],
).map(tuple)
copies = st.builds(
    CopyTarget,
    region=text,
    vault=text,
    account=st.none() | text,
    keep_days=days,
    cold_after_days=cold,
    retentions=st.none() | by_flag,
)
workers = st.builds(
    WorkerSettings,
    kind=st.sampled_from(["fargate", "ec2"]),
    cpu_units=st.integers(256, 16384),
    memory_mib=st.integers(512, 122_880),
    instance_type=st.none() | text,
    subnets=st.lists(text, max_size=3).map(tuple),
    security_groups=st.lists(text, max_size=3).map(tuple),
)
policies = st.builds(
    Policy,
    name=text,
    account=st.none() | text,
    region=text,
    file_systems=st.lists(text, min_size=1, max_size=5).map(tuple),
    vault=text,
    keep_days=days,
    cold_after_days=cold,
    calendar=st.none() | calendars(),
    copies=st.lists(copies, max_size=3).map(tuple),
    index=st.booleans(),
    index_keep_days=st.just(0) | days,
    crawl=st.builds(
        CrawlSettings,
        exclude=st.lists(text, max_size=3).map(tuple),
        operations_per_second=st.none() | st.integers(1),
    ),
    schedule=st.none() | st.builds(Schedule, expression=text, time_zone=text),
    worker=workers,
    damage=st.none() | st.builds(DamageSettings, files=st.integers(1), share=st.integers(1, 100)),
    hold_days=st.none() | st.integers(1, 36_500),
)


@given(policies)
def test_a_policy_survives_its_json(policy: Policy) -> None:
    assert Policy.from_json(policy.to_json()) == policy


@given(policies)
def test_a_policy_written_by_a_newer_version_is_still_read(policy: Policy) -> None:
    fields = json.loads(policy.to_json())
    calendar = fields.get("calendar") or {"recurrences": []}
    retentions = [kept for copy in fields["copies"] for _, kept in copy.get("retentions") or ()]
    parts = [fields, fields["crawl"], fields["worker"], *fields["copies"], *retentions]
    parts += [fields["damage"]] if "damage" in fields else []
    for part in (*parts, calendar, *calendar["recurrences"]):
        part["invented_tomorrow"] = 1
    assert Policy.from_json(json.dumps(fields)) == policy


@given(policies, st.sets(st.sampled_from("DWMY")))
def test_a_run_keeps_every_point_for_as_long_as_any_of_its_flags_requires(
    policy: Policy, flags: set[str]
) -> None:
    """Compared with the flags' retentions one by one; None is longer than any number."""
    run = policy.for_run(sorted(flags))
    mine = [
        each.retention.keep_days
        for each in (policy.calendar.recurrences if policy.calendar else ())
        if each.flag in flags
    ]
    assert run.keep_days == (_longest(mine) if mine else policy.keep_days)
    expected = []
    for copy in policy.copies:
        kept = [each.keep_days for flag, each in copy.retentions or () if flag in (flags or {"manual"})]
        if copy.retentions is None:
            expected.append((copy.region, copy.keep_days))
        elif kept:
            expected.append((copy.region, _longest(kept)))
    assert [(copy.region, copy.keep_days) for copy in run.copies] == expected


def _longest(days: list[int | None]) -> int | None:
    return None if None in days else max(each for each in days if each is not None)


def test_keys_with_a_default_may_be_missing_from_the_json() -> None:
    minimal = {"name": "n", "region": "r", "file_systems": ["fs-01234567"], "vault": "v", "keep_days": None}
    assert Policy.from_json(json.dumps(minimal)) == Policy(
        name="n", region="r", file_systems=("fs-01234567",), vault="v", keep_days=None
    )


def test_a_policy_cannot_be_changed_and_can_be_a_key() -> None:
    policy = Policy(name="n", region="r", file_systems=("fs-01234567",), vault="v", keep_days=1)
    assert policy in {policy}
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.name = "other"  # type: ignore[misc]  # the point of the test


@pytest.mark.parametrize("text", ["fs-01234567", "fs-0123456789abcdef0", "fs-" + "a" * 40])
def test_a_file_system_id_is_returned(text: str) -> None:
    assert check_file_system_id(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "fs-", "fs-0123456", "fs-" + "a" * 41, "fs-0123456G", "FS-01234567", "fs-01234567\n", " fs-01234567",
     "vol-01234567", "arn:aws:elasticfilesystem:eu-central-1:123456789012:file-system/fs-01234567"],
)  # fmt: skip
def test_the_error_for_a_malformed_id_gives_the_command_that_lists_file_systems(text: str) -> None:
    with pytest.raises(MalformedFileSystemId, match="describe-file-systems"):
        check_file_system_id(text)


def test_the_module_needs_no_pydantic() -> None:
    program = (
        "import sys, tidemark.policy.policy; sys.exit(any(m in sys.modules for m in ('pydantic', 'ruamel')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
