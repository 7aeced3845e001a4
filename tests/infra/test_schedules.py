"""Each policy with a schedule has one in EventBridge Scheduler, and failed starts are not lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.infra.template import Template, resources, text_of


@pytest.fixture
def schedules(main: Template) -> dict[str, dict[str, Any]]:
    return {schedule["Name"]: schedule for schedule in resources(main, "AWS::Scheduler::Schedule").values()}


def test_a_policy_without_a_schedule_has_none(schedules: dict[str, Any]) -> None:
    policies = {"cellar-policy-nightly", "cellar-policy-hourly", "cellar-drill-nightly"}
    assert set(schedules) == {*policies, "cellar-sweep"}


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
