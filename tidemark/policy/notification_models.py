"""The keys of `retries` and `notifications` in `tidemark.yaml` as pydantic models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tidemark.policy.part import Part
from tidemark.policy.schedule_models import TimeZone
from tidemark.policy.schedule_types import TimeOfDay
from tidemark.policy.value_types import EmailAddress, Interval, NoNumber, NoSwitch

MOST_RETRIES = 10  # of a run; with the interval, they must end before the next run


class RetriesPart(Part):
    """Retries of the failed file systems of a scheduled run."""

    times: Annotated[int, NoSwitch] = Field(
        ge=1, le=MOST_RETRIES, description="Most retries after the first attempt."
    )
    interval: Interval = Field(
        "10 minutes",
        validate_default=True,
        description="Time from the end of an attempt to the next.",
        examples=["10 minutes", "2 hours"],
    )


class PolicyNotificationsPart(Part):
    """The ends of sessions that the deployment's topic is notified of."""

    on: list[Literal["success", "warning", "failure"]] = Field(
        ["warning", "failure"],
        max_length=3,
        description="Ends of sessions to notify of. An empty list: none.",
    )
    after_last_retry: Annotated[bool, NoNumber] = Field(
        True, description="Whether to notify of a failure only if no retry follows."
    )


class DailyReportPart(Part):
    """The time of the daily report."""

    at: TimeOfDay = Field(description="Local time.", examples=["07:00"])
    time_zone: TimeZone | None = Field(None, description="IANA time zone. Default: UTC.")


class NotificationsPart(Part):
    """The recipient of failed sessions and alarms."""

    email: EmailAddress = Field(description="Receives an email to confirm the subscription first.")
    daily_report: DailyReportPart | None = Field(
        None,
        description="When one message a day reports sessions, failures and unprotected file systems. "
        "Default: never.",
        examples=[{"at": "07:00", "time_zone": "Europe/Berlin"}],
    )
