"""Each policy with a schedule has one in EventBridge Scheduler, and failed starts are not lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.infra.assemblies import checked_assembly
from tests.infra.template import Template, resources, text_of
from tidemark.policy.policy import Policy

# At 02:30, clocks change in Berlin; the last day of a month can be any weekday.
CALENDAR = """\
deployment: cellar
region: eu-central-1
vaults: {eu-central-1: wine}
policies:
  production:
    file_systems: [fs-0123456789abcdef0]
    schedules:
      time_zone: Europe/Berlin
      daily: {at: ["02:30", "14:30"], on: [sat, sun, mon], keep: 14 days}
      weekly: {on: sun, keep: 8 weeks}
      monthly: {on: last day, keep: 1 year}
    keep: 35 days
"""


@pytest.fixture
def schedules(main: Template) -> dict[str, dict[str, Any]]:
    return {schedule["Name"]: schedule for schedule in resources(main, "AWS::Scheduler::Schedule").values()}


def test_a_policy_without_a_schedule_has_none(schedules: dict[str, Any]) -> None:
    policies = {name for name in schedules if name.startswith("cellar-policy-")}
    assert policies == {"cellar-policy-nightly", "cellar-policy-hourly"}


def test_a_drill_is_started_like_its_policy(schedules: dict[str, Any]) -> None:
    drill, policy = schedules["cellar-drill-nightly"], schedules["cellar-policy-nightly"]
    assert drill["ScheduleExpression"] == "cron(0 6 1 * ? *)"
    assert drill["Target"]["Input"] == policy["Target"]["Input"]
    assert text_of(drill["Target"]["Arn"]).endswith(":stateMachine:cellar-drill-run")


def test_expression_and_time_zone_are_the_policys(schedules: dict[str, Any]) -> None:
    nightly, hourly = schedules["cellar-policy-nightly"], schedules["cellar-policy-hourly"]
    assert (nightly["ScheduleExpression"], nightly["ScheduleExpressionTimezone"]) == (
        "cron(0 2 * * ? *)",
        "Europe/Berlin",
    )
    assert (hourly["ScheduleExpression"], hourly["ScheduleExpressionTimezone"]) == ("rate(1 hour)", "UTC")


def test_a_policy_is_started_with_the_time_it_was_scheduled_for(schedules: dict[str, Any]) -> None:
    target = schedules["cellar-policy-nightly"]["Target"]
    assert text_of(target["Arn"]).startswith("<WorkflowsPolicyRun")
    assert json.loads(target["Input"]) == {
        "policy": "nightly",
        "scheduled_time": "<aws.scheduler.scheduled-time>",
    }


def test_the_sweeper_runs_every_quarter_of_an_hour(schedules: dict[str, Any]) -> None:
    assert schedules["cellar-sweep"]["ScheduleExpression"] == "rate(15 minutes)"
    assert text_of(schedules["cellar-sweep"]["Target"]["Arn"]).startswith("<FunctionsSweep")


def test_failed_starts_go_to_the_dead_letter_queue(main: Template, schedules: dict[str, Any]) -> None:
    (queue,) = resources(main, "AWS::SQS::Queue")
    for schedule in schedules.values():
        assert text_of(schedule["Target"]["DeadLetterConfig"]["Arn"]) == f"<{queue}.Arn>"
        assert schedule["GroupName"] == "cellar"


def test_a_calendar_has_a_schedule_for_each_list_of_days_and_one_for_skipped_times() -> None:
    template = json.loads((checked_assembly(CALENDAR) / "Tidemark-cellar.template.json").read_text())
    found = {
        schedule["Name"]: (schedule["ScheduleExpression"], json.loads(schedule["Target"]["Input"]))
        for schedule in resources(template, "AWS::Scheduler::Schedule").values()
        if "policy" in schedule["Name"]
    }
    run = {"policy": "production", "scheduled_time": "<aws.scheduler.scheduled-time>"}
    assert found == {
        "cellar-policy-production": ("cron(30 2 L * ? *)", run),
        "cellar-policy-production.2": ("cron(30 2,14 ? * SUN,MON,SAT *)", run),
        "cellar-policy-production.3": ("cron(30 3 ? 3 SUN *)", {**run, "only_if_due": True}),
    }
    (document,) = (
        parameter["Value"]
        for parameter in resources(template, "AWS::SSM::Parameter").values()
        if parameter["Name"] == "/cellar/policies/production"
    )
    assert Policy.from_json(document).for_run(("D", "M")).keep_days == 365
