"""tidemark policy show"""

from __future__ import annotations

import dataclasses

from tests.cli.test_policy_list import create_schedule
from tests.cli.test_policy_list import daily as daily
from tests.cli.test_policy_list import run as run
from tests.cli.test_policy_next import PRODUCTION, deploy
from tidemark.errors import PolicyNotFound
from tidemark.policy.policy import CrawlSettings, WorkerSettings


def test_a_policy_is_shown_with_the_sessions_of_its_last_run(tidemark, deployment, daily, run):
    result = tidemark("policy", "show", "nightly", "--json")
    assert result.code == 0, result.err
    policy = result.document["policy"]
    assert policy["schedules"] == [
        {
            "name": "tidemark-policy-nightly",
            "expression": "cron(0 2 * * ? *)",
            "time_zone": "UTC",
            "state": "ENABLED",
        }
    ]
    assert {each["session_id"]: each["status"] for each in policy["sessions"]} == dict(
        zip(run[1], ("success", "failed"), strict=True)
    )
    out = tidemark("policy", "show", "nightly").out
    assert "cron(0 2 * * ? *) UTC, ENABLED" in out
    assert "failed: the vault is gone" in out
    assert f"tidemark session {run[1][1]}" in out


def test_each_kind_of_run_is_shown_with_its_retention_and_copies(tidemark, deployment):
    deploy(deployment, PRODUCTION)
    create_schedule(deployment, "tidemark-policy-production", "DISABLED")
    out = tidemark("policy", "show", "production").out
    assert "keep, daily run    14 days\n" in out
    assert (
        "keep, monthly run  365 days (cold after 30 days); eu-west-1 730 days (cold after 90 days)\n" in out
    )
    assert "keep, manual run   35 days; eu-west-1 5 days\n" in out
    assert "Europe/Berlin, DISABLED" in out
    assert "Europe/Berlin, MISSING" in out


def test_the_crawl_and_the_worker_are_shown(tidemark, deployment):
    unusual = dataclasses.replace(
        deployment.policy,
        crawl=CrawlSettings(exclude=("/scratch\x1b",), operations_per_second=2000),
        worker=WorkerSettings(kind="ec2", instance_type="c7g.large"),
        file_systems=tuple(f"fs-000000{number:02}" for number in range(12)),
    )
    deploy(deployment, unusual)
    out = tidemark("policy", "show", "nightly").out
    assert "yes, without /scratch\\x1b, at most 2,000 operations a second" in out
    assert "ec2, c7g.large" in out
    assert "fs-00000009 and 2 more" in out
    deploy(deployment, dataclasses.replace(unusual, index=False))
    assert "none" in tidemark("policy", "show", "nightly").out


def test_a_policy_that_is_not_deployed_is_an_error(tidemark, deployment):
    assert tidemark("policy", "show", "weekly").code == PolicyNotFound.exit_code
