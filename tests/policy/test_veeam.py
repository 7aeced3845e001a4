"""Exported policies of Veeam Backup for AWS become a valid tidemark.yaml, and nothing is lost silently."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.test_configuration import REGIONS
from tidemark.errors import NotImportable
from tidemark.policy.configuration import Configuration, load
from tidemark.policy.day_rules import MONTHS, WEEKDAYS
from tidemark.policy.policy import NotifySettings, RetrySettings
from tidemark.policy.veeam import Choices, Imported, read_export
from tidemark.policy.yaml_text import yaml_text

SYSTEM = "fs-0123456789abcdef0"
CHOICES = Choices(region="eu-central-1", file_systems=(SYSTEM,), time_zone="Europe/Berlin")
IN_DAYS = {"type": "Days", "count": 14}
EXPORTED: dict[str, Any] = {
    "name": "EFS Gold (Prod)",
    "description": "file servers",
    "priority": 1,
    "amazonAccountId": "eca01dcc-d324-4017-92cb-04ec240aaf0a",
    "isEnabled": True,
    "backupType": "SelectedItems",
    "regionIds": ["dd4bfe66-f671-4797-9228-1b779a24654b"],
    "selectedItems": {"tagIds": [], "efsIds": ["46ecc0f7-cbb8-496e-a2d3-808c06e1360a"]},
    "backupIndexingSettings": {"indexingEnabled": True},
    "scheduleSettings": {
        "dailyScheduleEnabled": True,
        "dailySchedule": {
            "kind": "SelectedDays",
            "runsPerHour": 2,
            "days": ["Monday", "Friday"],
            "backupOptions": {"retention": IN_DAYS, "schedule": {"hours": [2, 14]}},
            "backupCopyOptions": {"retention": {"type": "Days", "count": 30}, "schedule": {"hours": [2]}},
        },
        "weeklyScheduleEnabled": False,
        "weeklySchedule": {"timeLocal": "2024-01-01T04:00:00"},
        "monthlyScheduleEnabled": True,
        "monthlySchedule": {
            "timeLocal": "2024-01-01T22:30:00",
            "dayNumberInMonth": "Last",
            "dayOfWeek": "Saturday",
            "backupOptions": {"retention": {"type": "Months", "count": 12}},
        },
        "yearlyScheduleEnabled": True,
        "yearlySchedule": {
            "timeLocal": "23:00:00",
            "dayNumberInMonth": "OnDay",
            "dayOfMonth": 31,
            "month": "December",
            "retention": {"type": "Years", "count": 7},
            "healthCheckScheduleEnabled": True,
        },
    },
    "retrySettings": {"retryTimes": 3},
    "policyNotificationSettings": {
        "email": "you@example.com;them@example.com",
        "notifyOnSuccess": False,
        "notifyOnWarning": True,
        "notifyOnFailure": True,
        "suppressNotificationsUntilLastRetry": False,
    },
}


def loaded(imported: Imported) -> Configuration:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tidemark.yaml"
        path.write_text(yaml_text(imported.keys))
        return load(path, REGIONS)


def test_a_policy_is_carried_over() -> None:
    imported = read_export(EXPORTED, CHOICES)
    assert imported.keys["policies"]["efs-gold-prod"]["schedules"] == {
        "time_zone": "Europe/Berlin",
        "daily": {"at": ["02:00", "02:30", "14:00", "14:30"], "on": ["monday", "friday"], "keep": "14 days"},
        "monthly": {"at": "22:30", "on": "last saturday", "keep": "372 days"},
        "yearly": {"at": "23:00", "on": "last day of december", "keep": "2555 days"},
    }
    configuration = loaded(imported)
    (policy,) = configuration.policies
    assert policy.file_systems == (SYSTEM,)
    assert policy.retries == RetrySettings(times=3, interval_seconds=60)
    assert policy.notify == NotifySettings(on=("warning", "failure"), after_last_retry=False)
    assert configuration.email == "you@example.com"
    assert policy.index


def test_what_is_not_carried_over_is_listed_with_the_reason() -> None:
    (notes,) = read_export(EXPORTED, CHOICES).notes.values()
    found = {note.field: note.reason for note in notes}
    assert set(found) == {
        "amazonAccountId",
        "priority",
        "selectedItems",
        "keep",
        "scheduleSettings",  # the copies
        "scheduleSettings.monthlySchedule.backupOptions",
        "scheduleSettings.yearlySchedule.dayOfMonth",
        "scheduleSettings.yearlySchedule.healthCheckScheduleEnabled",
        "policyNotificationSettings.email",
    }
    assert all(found.values())
    assert "--copy-to" in found["scheduleSettings"]


def test_copies_go_to_the_regions_that_the_user_names() -> None:
    choices = Choices(region="eu-central-1", file_systems=(SYSTEM,), copy_regions=("eu-west-1",))
    configuration = loaded(read_export(EXPORTED, choices))
    (copy,) = configuration.policies[0].copies
    assert copy.region == "eu-west-1"
    assert dict(copy.retentions or ())["D"].keep_days == 30
    with pytest.raises(NotImportable, match="--copy-to"):
        read_export(
            EXPORTED, Choices(region="eu-west-1", file_systems=(SYSTEM,), copy_regions=("eu-west-1",))
        )


def test_unknown_fields_are_listed() -> None:
    (notes,) = read_export({**EXPORTED, "newSetting": {"a": 1}}, CHOICES).notes.values()
    assert "it is not a documented field of a policy" in {n.reason for n in notes if n.field == "newSetting"}


def test_several_policies_with_equal_names_are_kept_apart() -> None:
    imported = read_export({"results": [EXPORTED, EXPORTED, {**EXPORTED, "name": "Ü" * 50}]}, CHOICES)
    assert list(imported.keys["policies"]) == ["efs-gold-prod", "efs-gold-prod-2", "imported"]
    loaded(imported)


@pytest.mark.parametrize(
    ("document", "choices", "words"),
    [
        ([], CHOICES, "no policy"),
        ("text", CHOICES, "not a backup policy"),
        ({"name": "x"}, CHOICES, "not a backup policy"),
        ({**EXPORTED, "rdsBackupSettings": {}}, CHOICES, "not for EFS"),
        (EXPORTED, Choices(region="eu-central-1"), "--file-system"),
        (EXPORTED, Choices(file_systems=(SYSTEM,)), "--region"),
    ],
)
def test_a_file_that_lacks_something_is_refused_with_the_next_step(
    document: Any, choices: Choices, words: str
) -> None:
    with pytest.raises(NotImportable, match=words):
        read_export(document, choices)


junk = (
    st.none()
    | st.booleans()
    | st.integers(-5, 90)
    | st.text(max_size=5)
    | st.lists(st.integers(), max_size=2)
)


def mapping(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return mappings in which any field may be absent or anything."""
    return st.fixed_dictionaries({}, optional={name: each | junk for name, each in fields.items()})


retentions = mapping(type=st.sampled_from(["Days", "months", "Years", "?"]), count=st.integers(0, 99_999))
options = mapping(
    retention=retentions,
    schedule=mapping(
        hours=st.lists(st.integers(-1, 30), max_size=24),
        days=st.lists(st.sampled_from([each.title() for each in WEEKDAYS]), max_size=7),
        months=st.lists(st.sampled_from([each.title() for each in MONTHS]), max_size=12),
    ),
)
schedules = mapping(
    kind=st.sampled_from(["EveryDay", "WeekDays", "SelectedDays"]),
    runsPerHour=st.integers(0, 70),
    days=st.lists(st.sampled_from([each.title() for each in WEEKDAYS]), max_size=7),
    timeLocal=st.sampled_from(["2024-01-01T22:30:00", "7:05", "25:00", ""]),
    dayNumberInMonth=st.sampled_from(["First", "Last", "OnDay"]),
    dayOfWeek=st.sampled_from([each.title() for each in WEEKDAYS]),
    dayOfMonth=st.integers(-1, 40),
    month=st.sampled_from([each.title() for each in MONTHS]),
    retention=retentions,
    snapshotOptions=options,
    replicaOptions=options,
)
exports = mapping(
    scheduleSettings=mapping(
        dailySchedule=schedules, weeklySchedule=schedules, monthlySchedule=schedules, yearlySchedule=schedules
    ),
    retrySettings=mapping(retryTimes=st.integers(-1, 50)),
    policyNotificationSettings=mapping(email=st.sampled_from(["a@b.cc", "a@b.cc;d@e.ff"])),
    backupIndexingSettings=mapping(isEnabled=st.booleans()),
    selectedItems=junk,
    regionIds=junk,
)


@settings(max_examples=60)
@given(exports, st.text(min_size=1, max_size=40))
def test_whatever_an_export_contains_the_result_is_valid(export: dict[str, Any], name: str) -> None:
    loaded(read_export({"selectedItems": None, **export, "name": name}, CHOICES))
