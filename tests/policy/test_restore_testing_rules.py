"""`restore_testing` in `tidemark.yaml`; single wrong values are in test_configuration.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.policy.test_configuration import NO_POLICIES, REGIONS, RIGHT, SUNDAYS, problem_of, written
from tidemark.policy.configuration import load
from tidemark.policy.policy import Schedule
from tidemark.policy.restore_testing import RestoreTesting


def test_restore_testing_has_defaults(tmp_path: Path) -> None:
    said = f"index: on\n    restore_testing: {{schedule: {SUNDAYS}}}"
    (testing,) = load(written(tmp_path, RIGHT.replace("index: on", said)), REGIONS).restore_testing
    assert testing == RestoreTesting(
        policy="nightly",
        file_systems=("fs-0123456789abcdef0",),
        schedule=Schedule(expression="cron(0 4 ? * SUN *)", time_zone="UTC"),
        window_days=30,
        validation_hours=24,
    )
    assert load(written(tmp_path, RIGHT), REGIONS).restore_testing == ()


def test_a_policy_with_too_long_a_name_or_too_many_file_systems_has_no_restore_testing(
    tmp_path: Path,
) -> None:
    def text(name: str, file_systems: int) -> str:
        ids = ", ".join(f"fs-{number:017x}" for number in range(file_systems))
        return (
            f"deployment: {'d' * 20}\n{NO_POLICIES}policies:\n  {name}:\n    file_systems: [{ids}]\n"
            f"    keep: 35 days\n    restore_testing: {{schedule: {SUNDAYS}}}\n"
        )

    load(written(tmp_path, text("n" * 28, 900)), REGIONS)
    assert "exceeds the limit of 50 characters by 2" in problem_of(tmp_path, text("n" * 30, 1))
    assert "901 file systems; the limit is 900; divide" in problem_of(tmp_path, text("n", 901))


def test_only_as_many_policies_have_restore_testing_as_aws_backup_allows(tmp_path: Path) -> None:
    def text(count: int) -> str:
        policy = f"{{file_systems: [fs-01234567], keep: 5 days, restore_testing: {{schedule: {SUNDAYS}}}}}"
        return f"{NO_POLICIES}policies:\n" + "".join(f"  p{n}: {policy}\n" for n in range(count))

    assert len(load(written(tmp_path, text(100)), REGIONS).restore_testing) == 100
    assert "101 policies have restore testing" in problem_of(tmp_path, text(101))


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_a_region_without_the_resource_type_has_no_restore_testing(tmp_path: Path, region: str) -> None:
    policy = f"{{file_systems: [fs-01234567], keep: 5 days, restore_testing: {{schedule: {SUNDAYS}}}}}"
    text = f"region: {region}\nvaults: {{{region}: tidemark}}\npolicies:\n  nightly: {policy}\n"
    assert f"has no restore testing in {region}; remove restore_testing" in problem_of(tmp_path, text)
