from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import botocore.session
from hypothesis import given
from hypothesis import strategies as st

from tests.sessions import examples
from tests.sessions.world import new_session, point
from tidemark.sessions.indexing import is_index_item
from tidemark.sessions.session import (
    UNKNOWN_DAYS,
    FileSystem,
    Job,
    Session,
    job_attribute,
    job_to_map,
    partition_of,
)


@given(examples.records)
def test_every_record_is_read_back_from_its_item(record: Any) -> None:
    assert type(record).from_item(record.to_item()) == record


@given(st.one_of(examples.leases, examples.associations))
def test_no_other_record_is_read_as_an_index(record: Any) -> None:
    assert not is_index_item(record.to_item())


@given(examples.sessions)
def test_the_sweeper_finds_running_sessions_and_those_with_unfinished_jobs(session: Session) -> None:
    left = [job for job in session.jobs if job.state in ("CREATED", "RUNNING")]
    watched = session.status == "running" or (session.status == "aborted" and left != [])
    assert ("running" in session.to_item()) == watched


@given(examples.file_systems)
def test_a_file_system_is_parsed_from_its_text(file_system: FileSystem) -> None:
    assert FileSystem.parse(str(file_system)) == file_system
    assert file_system.arn.endswith(f":file-system/{file_system.file_system_id}")


def test_a_region_names_its_partition() -> None:
    session = botocore.session.get_session()
    regions = {
        region: partition
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition)
    }
    assert {region: partition_of(region) for region in regions} == regions
    assert "aws-eusc" in regions.values()


def test_a_point_that_an_older_version_recorded_had_no_issues() -> None:
    session = replace(new_session("s"), points=(point("s", "backup"),))
    item = dict(session.to_item())
    entries = {arn: dict(entry) for arn, entry in item["points"].items()}  # type: ignore[union-attr]  # a map
    for entry in entries.values():
        del entry["issues"]
    assert Session.from_item({**item, "points": entries}) == session


def test_the_retention_of_a_job_that_an_older_version_recorded_is_unknown() -> None:
    job = Job(
        job_id="j",
        kind="backup",
        account="a",
        region="r",
        vault="v",
        started_at=datetime.now(UTC),
        keep_days=7,
    )
    session = replace(new_session("s"), jobs=(job,))
    item = dict(session.to_item())
    item[job_attribute("j")] = {name: value for name, value in job_to_map(job).items() if name != "keep_days"}
    assert session.keep_days_of("j") == 7
    assert Session.from_item(item).keep_days_of("j") == UNKNOWN_DAYS == session.keep_days_of("another")
    assert UNKNOWN_DAYS < 1, "a point can be kept for a day"
