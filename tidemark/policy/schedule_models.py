"""The keys of `schedule` and `schedules` in `tidemark.yaml` as pydantic models.

Rules across values are in `schedule_rules.py`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from tidemark.policy import schedule
from tidemark.policy.part import Part
from tidemark.policy.schedule_types import ColdAfter, MonthDays, Times, Weekdays, YearDays
from tidemark.policy.value_types import Keep

TimeZone = Annotated[str, AfterValidator(schedule.check_time_zone)]

_KEEP = "How long AWS Backup keeps the recovery points of these runs."
_COLD = (
    "When these recovery points move to cold storage, in which AWS Backup must keep them for 90 more days. "
    "Default: never."
)
_AT = "Local times of the runs. Default: the first time of `daily`."


class SchedulePart(Part):
    """When a policy runs: exactly one of cron and rate."""

    cron: Annotated[str, AfterValidator(schedule.cron_expression)] | None = Field(
        None,
        description="Six fields: minutes hours day-of-month month day-of-week year; one day is '?'.",
        examples=["0 2 * * ? *"],
    )
    rate: Annotated[str, AfterValidator(schedule.rate_expression)] | None = Field(
        None,
        description="Interval in minutes, hours or days, starting at deployment.",
        examples=["12 hours"],
    )
    time_zone: TimeZone | None = Field(
        None, description="IANA time zone of the cron fields. Default: UTC.", examples=["Europe/Berlin"]
    )


class DailyPart(Part):
    """Runs on every day, or on some weekdays."""

    at: Times = Field(description="Local times of the runs.", examples=["02:00", ["02:00", "14:00"]])
    on: Weekdays | None = Field(
        None, description="Weekdays. Default: every day.", examples=["mon-fri", ["mon", "wed"]]
    )
    keep: Keep = Field(description=_KEEP, examples=["14 days"])
    cold_after: ColdAfter | None = Field(None, description=_COLD)


class WeeklyPart(Part):
    """Runs on a day of each week."""

    at: Times | None = Field(None, description=_AT)
    on: Weekdays = Field(description="Weekdays.", examples=["sunday"])
    keep: Keep = Field(description=_KEEP, examples=["8 weeks"])
    cold_after: ColdAfter | None = Field(None, description=_COLD)


class MonthlyPart(Part):
    """Runs on a day of each month."""

    at: Times | None = Field(None, description=_AT)
    on: MonthDays = Field(
        description="Days: 1 to 28, last day, or a weekday such as first monday or last friday.",
        examples=["last day", 15, "first monday"],
    )
    keep: Keep = Field(description=_KEEP, examples=["1 year"])
    cold_after: ColdAfter | None = Field(None, description=_COLD, examples=["30 days"])


class YearlyPart(Part):
    """Runs on a day of each year."""

    at: Times | None = Field(None, description=_AT)
    on: YearDays = Field(
        description="Days: 31 december, last day of june, first monday of january.",
        examples=["31 december", "last friday of june"],
    )
    keep: Keep = Field(description=_KEEP, examples=["7 years"])
    cold_after: ColdAfter | None = Field(None, description=_COLD, examples=["30 days"])


class SchedulesPart(Part):
    """Schedules whose runs at the same time are one run, kept for the longest of their retentions."""

    daily: DailyPart | None = Field(None, description="Runs on every day, or on some weekdays.")
    weekly: WeeklyPart | None = Field(None, description="Runs on a day of each week.")
    monthly: MonthlyPart | None = Field(None, description="Runs on a day of each month.")
    yearly: YearlyPart | None = Field(None, description="Runs on a day of each year.")
    time_zone: TimeZone | None = Field(
        None, description="IANA time zone of the schedules. Default: UTC.", examples=["Europe/Berlin"]
    )
