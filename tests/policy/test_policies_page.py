"""The examples of docs/policies.md and of tidemark.yaml are valid, and do what the page states."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.policy.test_configuration import REGIONS, SOURCES, written
from tidemark.policy.configuration import load
from tidemark.policy.policy import Policy
from tidemark.policy.upcoming import next_runs

EXAMPLES = re.findall(r"```yaml\n(.*?)```", (SOURCES / "docs" / "policies.md").read_text(), re.DOTALL)
HEAD = "region: eu-central-1\nvaults: {eu-central-1: tidemark, eu-west-1: copies}\n"


def policy_of(folder: Path, example: str) -> Policy:
    (policy,) = load(written(folder, HEAD + example), REGIONS).policies
    return policy


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_the_page_is_valid(tmp_path: Path, example: str) -> None:
    assert policy_of(tmp_path, example).keep_days


def test_the_first_example_has_the_run_that_the_page_describes(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, EXAMPLES[0])
    run = next(next_runs(policy, datetime(2027, 1, 31, tzinfo=UTC)))
    assert (run.at, run.flags) == (datetime(2027, 1, 31, 1, tzinfo=UTC), ("W", "M"))
    assert run.policy.keep_days == 365


def test_the_commented_schedules_of_the_example_are_valid(tmp_path: Path) -> None:
    text = (SOURCES / "tidemark.yaml").read_text()
    schedules = re.search(r"^    # schedules:\n(    #   .*\n)+", text, re.MULTILINE)
    assert schedules
    uncommented = re.sub(r"^    # ", "    ", schedules.group(), flags=re.MULTILINE)
    cron = text[text.index("    schedule:\n") : text.index("    # Or several kinds")]
    (policy,) = load(
        written(tmp_path, text.replace(cron, "").replace(schedules.group(), uncommented)), REGIONS
    ).policies
    assert policy.calendar
    assert policy.calendar.flags == ("D", "W", "M", "Y")
