"""A configuration beyond a limit is refused at its line, with the number, the limit and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemark.aws.regions import sdk_regions
from tidemark.errors import ConfigurationError
from tidemark.policy.capacity import MOST_RESOURCES, MOST_VAULTS
from tidemark.policy.configuration import load
from tidemark.policy.policy import MOST_FILE_SYSTEMS

HEAD = "region: eu-central-1\nvaults: {eu-central-1: tidemark}\npolicies:\n"  # three lines
WAY_OUT = "move some to a second deployment"


def policy(name: str, *, first: int = 0, count: int = 1, more: str = "") -> str:
    """Return a policy of three lines, `more`, and one line for each file system."""
    systems = "".join(f"      - fs-{first + number:017x}\n" for number in range(count))
    return f"  {name}:\n    keep: 35 days\n{more}    file_systems:\n{systems}"


def problem_of(folder: Path, text: str) -> str:
    path = folder / "tidemark.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(path, sdk_regions())
    return str(caught.value).replace(f"{folder}/", "")


def accepted(folder: Path, text: str) -> bool:
    path = folder / "tidemark.yaml"
    path.write_text(text)
    return bool(load(path, sdk_regions()).policies)


def test_a_thousand_file_systems_are_accepted_in_one_policy_and_in_many(tmp_path: Path) -> None:
    assert accepted(tmp_path, HEAD + policy("all", count=MOST_FILE_SYSTEMS))
    each = MOST_FILE_SYSTEMS // 50
    many = [policy(f"p{number}", first=number * each, count=each) for number in range(50)]
    assert accepted(tmp_path, HEAD + "".join(many))


def test_a_file_system_counts_once_however_many_policies_name_it(tmp_path: Path) -> None:
    nightly, weekly = (policy(name, count=MOST_FILE_SYSTEMS) for name in ("nightly", "weekly"))
    assert accepted(tmp_path, HEAD + nightly + weekly)


def test_more_file_systems_are_refused_at_the_first_too_many(tmp_path: Path) -> None:
    nightly = policy("nightly", count=600)
    weekly = policy("weekly", first=500, count=550)  # 100 of them are in nightly, too
    message = problem_of(tmp_path, HEAD + nightly + weekly)
    line = len((HEAD + nightly).splitlines()) + 3 + 500 + 1
    assert message == (
        f"tidemark.yaml:{line}: policies.weekly.file_systems[500]: there are 1,050 file systems; "
        f"the limit is 1,000; {WAY_OUT} (a tidemark.yaml with another name under deployment)"
    )


def test_more_policies_than_the_template_holds_are_refused_at_the_first_too_many(tmp_path: Path) -> None:
    scheduled = "    schedule: {rate: 1 day}\n"
    most = MOST_RESOURCES // 2
    policies = [policy(f"p{number}", more=scheduled) for number in range(most + 10)]
    assert accepted(tmp_path, HEAD + "".join(policies[:most]))
    message = problem_of(tmp_path, HEAD + "".join(policies))
    line = len((HEAD + "".join(policies[:most])).splitlines()) + 1
    assert message.startswith(
        f"tidemark.yaml:{line}: policies.p{most}: {most + 10} policies take {2 * (most + 10)} resources"
    )
    assert f"the limit is {MOST_RESOURCES} (" in message
    assert WAY_OUT in message


def test_each_schedule_of_a_calendar_counts(tmp_path: Path) -> None:
    """Two lists of days at one time, another time, and the time that a change of the clock skips."""
    daily, weekly = "{at: 04:00, on: mon-fri, keep: 1 day}", "{on: sun, at: 02:30, keep: 1 day}"
    kinds = f"daily: {daily}, weekly: {weekly}, monthly: {{on: last day, keep: 1 day}}"
    scheduled = f"    schedules: {{time_zone: Europe/Berlin, {kinds}}}\n"
    resources = 1 + 4
    most = MOST_RESOURCES // resources
    policies = [policy(f"p{number}", more=scheduled) for number in range(most + 1)]
    assert accepted(tmp_path, HEAD + "".join(policies[:most]))
    message = problem_of(tmp_path, HEAD + "".join(policies))
    assert f"policies.p{most}: {most + 1} policies take {resources * (most + 1)} resources" in message


def test_policies_too_long_for_the_template_are_refused(tmp_path: Path) -> None:
    long = f"    index: {{exclude: [/{'x' * 4_000}]}}\n"
    policies = [policy(f"p{number}", more=long) for number in range(80)]
    message = problem_of(tmp_path, HEAD + "".join(policies))
    assert "80 policies take 3" in message
    assert "characters of the stack's template; the limit is 300,000; shorten index.exclude" in message


@pytest.mark.parametrize(
    ("path", "taken"), [("x" * 4_200, "4,2"), ("'" * 900, "4,5"), ('"' * 1_100, "4,4"), ("Ü" * 700, "4,9")]
)
def test_a_list_too_long_for_a_workers_environment_is_refused(tmp_path: Path, path: str, taken: str) -> None:
    quoted = path.replace("'", "''")
    message = problem_of(tmp_path, HEAD + policy("nightly", more=f"    index: {{exclude: ['/{quoted}']}}\n"))
    assert message.startswith(f"tidemark.yaml:6: policies.nightly.index.exclude: the list takes {taken}")
    assert message.endswith(
        "characters of a worker's environment; the limit is 4,096; join paths with * and ?"
    )


def regions(count: int) -> list[str]:
    known = sdk_regions()
    others = [one for one in sorted(known.known) if known.partition(one) == "aws" and one != "eu-central-1"]
    return ["eu-central-1", *others][:count]


def test_vaults_in_more_regions_than_a_role_holds_are_refused(tmp_path: Path) -> None:
    def vaults(count: int) -> str:
        lines = "".join(f"  {region}: tidemark\n" for region in regions(count))
        return f"region: eu-central-1\nvaults:\n{lines}policies:\n{policy('nightly')}"

    assert accepted(tmp_path, vaults(MOST_VAULTS))
    message = problem_of(tmp_path, vaults(MOST_VAULTS + 1))
    assert message.startswith(f"tidemark.yaml:{2 + MOST_VAULTS + 1}: vaults.")
    assert f"vaults in {MOST_VAULTS + 1} Regions; the limit is {MOST_VAULTS}; {WAY_OUT}" in message


def long_policy(*, copies: int) -> str:
    """Return a tidemark.yaml of one policy with values of the maximum length, except for its copies."""
    home, *others = sorted(regions(100), key=len)[-MOST_VAULTS:]
    lines = "".join(f"  {region}: {'v' * 50}\n" for region in [home, *others])
    made = "".join(f"      - {{region: {region}, keep: 36500 days}}\n" for region in others[:copies])
    subnets = ", ".join(f"subnet-{number:040x}" for number in range(16))
    groups = ", ".join(f"sg-{number:040x}" for number in range(5))
    cron = f"{','.join(['10'] * 80)} 0 * * ? *"
    more = (
        f"    copies:\n{made}"
        f"    schedule: {{cron: '{cron}', time_zone: America/Argentina/ComodRivadavia}}\n"
        f"    index: {{operations_per_second: 1000000, exclude: [/{'x' * 4_080}]}}\n"
        f"    worker: {{type: ec2, instance_type: m7g.16xlarge, network: "
        f"{{public_address: true, subnets: [{subnets}], security_groups: [{groups}]}}}}\n"
    )
    return f"region: {home}\nvaults:\n{lines}policies:\n{policy('n' * 30, count=1_000, more=more)}"


def test_a_policy_too_long_for_its_parameter_is_refused(tmp_path: Path) -> None:
    assert accepted(tmp_path, long_policy(copies=MOST_VAULTS - 2))
    message = problem_of(tmp_path, long_policy(copies=MOST_VAULTS - 1))
    assert "without its file systems the policy takes 8," in message
    assert message.endswith(
        "characters of a parameter; the limit is 8,192; shorten index.exclude, schedules or copies"
    )


def test_a_long_prefix_is_refused(tmp_path: Path) -> None:
    text = f"repository: {{prefix: {'p' * 101}}}\n" + HEAD + policy("nightly")
    assert "is not a prefix: up to 100 letters" in problem_of(tmp_path, text)
