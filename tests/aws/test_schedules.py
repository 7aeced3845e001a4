"""The states of the deployed schedules, by policy."""

from __future__ import annotations

from tests.aws.account import ACCOUNT, REGION
from tidemark.aws.clients import Clients
from tidemark.aws.schedules import schedule_states


def test_states_are_read_by_policy_from_the_group_of_the_deployment(clients: Clients) -> None:
    scheduler = clients.of("scheduler", REGION)
    for group in ("tidemark", "other"):
        scheduler.create_schedule_group(Name=group)
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:x"
    for group, name, state in (
        ("tidemark", "tidemark-policy-nightly", "ENABLED"),
        ("tidemark", "tidemark-policy-nightly.2", "DISABLED"),
        ("tidemark", "tidemark-policy-nightly-2", "ENABLED"),  # another policy
        ("tidemark", "tidemark-drill-nightly", "ENABLED"),
        ("tidemark", "tidemark-sweep", "ENABLED"),
        ("other", "tidemark-policy-elsewhere", "ENABLED"),
    ):
        scheduler.create_schedule(
            Name=name,
            GroupName=group,
            State=state,  # type: ignore[arg-type]  # one of the two
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": machine, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/x"},
        )
    assert schedule_states(scheduler, "tidemark") == {
        "nightly": {"tidemark-policy-nightly": "ENABLED", "tidemark-policy-nightly.2": "DISABLED"},
        "nightly-2": {"tidemark-policy-nightly-2": "ENABLED"},
    }
