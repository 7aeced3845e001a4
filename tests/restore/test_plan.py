"""A plan survives its JSON, and nothing else is taken for one."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.errors import ConfigurationError
from tidemark.restore.plan import (
    Conflict,
    CostPart,
    Destination,
    Estimate,
    Item,
    Missing,
    NewFileSystem,
    NewMountTarget,
    Plan,
    PointPlan,
    Sampled,
    Setting,
    is_below,
    outermost,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBER = st.integers(0, 2**70)
TIMES = st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
USD = st.decimals(0, 10**9, places=4)
ITEMS = st.builds(
    Item, path=TEXT, type=st.sampled_from(["f", "d", "l", ""]), entries=NUMBER, bytes=NUMBER, note=TEXT
)
POINTS = st.builds(
    PointPlan,
    recovery_point_arn=TEXT,
    region=TEXT,
    vault=TEXT,
    created_at=TIMES,
    completed_at=st.none() | TIMES,
    index_id=TEXT,
    is_cold=st.booleans(),
    items=st.lists(ITEMS, max_size=3).map(tuple),
    requests=st.lists(TEXT, max_size=3).map(tuple),
    requested_entries=NUMBER,
    requested_bytes=NUMBER,
    jobs=NUMBER,
)
ESTIMATES = st.builds(
    Estimate,
    jobs=NUMBER,
    entries=NUMBER,
    bytes=NUMBER,
    seconds_low=NUMBER,
    seconds=NUMBER,
    parts=st.lists(st.builds(CostPart, name=TEXT, usd=USD, explanation=TEXT), max_size=2).map(tuple),
    usd=USD,
    assumptions=st.lists(TEXT, max_size=2).map(tuple),
)
SETTINGS = st.lists(st.builds(Setting, name=TEXT, value=TEXT), max_size=2).map(tuple)
NEW_FILE_SYSTEMS = st.builds(
    NewFileSystem,
    performance_mode=TEXT,
    kms_key=TEXT,
    availability_zone=TEXT,
    throughput_mode=TEXT,
    provisioned_mibps=TEXT,
    tags=SETTINGS,
    lifecycle=SETTINGS,
    policy=TEXT,
    mount_targets=st.lists(
        st.builds(NewMountTarget, subnet=TEXT, security_groups=st.lists(TEXT, max_size=2).map(tuple)),
        max_size=2,
    ).map(tuple),
    notes=st.lists(TEXT, max_size=2).map(tuple),
)
PLANS = st.builds(
    Plan,
    plan_id=TEXT,
    account=TEXT,
    region=TEXT,
    file_system_id=TEXT,
    created_at=TIMES,
    destination=st.builds(
        Destination, kind=st.sampled_from(["in-place", "directory", "new-file-system"]), directory=TEXT
    ),
    on_conflict=st.sampled_from(["fail", "skip", "rename", "replace"]),
    items_per_job=NUMBER,
    points=st.lists(POINTS, max_size=2).map(tuple),
    missing=st.lists(st.builds(Missing, path=TEXT, reason=TEXT), max_size=2).map(tuple),
    conflicts=st.lists(st.builds(Conflict, path=TEXT, existing_type=TEXT), max_size=2).map(tuple),
    conflict_count=NUMBER,
    estimate=ESTIMATES,
    new_file_system=st.none() | NEW_FILE_SYSTEMS,
    drill=st.lists(st.builds(Sampled, path=TEXT, stratum=TEXT), max_size=2).map(tuple),
)
URL = "s3://bucket/restores/plan.json"


def plan(**fields: object) -> Plan:
    """Return a plan of one point."""
    point = PointPlan(
        recovery_point_arn="arn:aws:backup:eu-central-1:123456789012:recovery-point:1",
        region="eu-central-1",
        vault="tidemark",
        created_at=datetime(2026, 11, 3, 2, tzinfo=UTC),
        index_id="fs-1",
        is_cold=False,
        items=(Item(path="/home/ann/a.txt", type="f", entries=1, bytes=10),),
        requests=("/home/ann/a.txt",),
        requested_entries=1,
        requested_bytes=10,
        jobs=1,
    )
    usual = {
        "plan_id": "p",
        "account": "123456789012",
        "region": "eu-central-1",
        "file_system_id": "fs-1",
        "created_at": datetime(2026, 11, 29, tzinfo=UTC),
        "destination": Destination(kind="in-place"),
        "on_conflict": "fail",
        "items_per_job": 5,
        "points": (point,),
        "missing": (),
        "conflicts": (),
        "conflict_count": 0,
        "estimate": Estimate(
            jobs=1,
            entries=1,
            bytes=10,
            seconds_low=1,
            seconds=301,
            parts=(),
            usd=Decimal("0.5000"),
            assumptions=(),
        ),
    }
    return Plan(**{**usual, **fields})


@given(PLANS)
def test_a_plan_is_the_same_after_its_json(original):
    assert Plan.from_json(original.to_json(), URL) == original


def objects(value):
    """Yield every JSON object in a value."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from objects(each)
    if isinstance(value, list):
        for each in value:
            yield from objects(each)


@given(PLANS)
def test_fields_of_a_later_version_are_ignored(original):
    content = json.loads(original.to_json())
    for each in objects(content):
        each["colour"] = ["green"]
    assert Plan.from_json(json.dumps(content).encode(), URL) == original


@given(st.data())
def test_a_plan_without_a_field_or_with_another_type_is_refused(data):
    content = json.loads(plan(missing=(Missing(path="/b", reason="gone"),)).to_json())
    # A note is left out if it is empty; the directory, the sample of a drill and the end of a backup may be.
    places = [
        (each, key)
        for each in objects(content)
        for key in each
        if (key, each[key]) not in (("directory", ""), ("drill", []), ("completed_at", None))
    ]
    container, key = data.draw(st.sampled_from(places))
    if data.draw(st.booleans()):
        del container[key]
    else:
        wrong = [1.5, {"a": 1}] if key == "new_file_system" else [None, 1.5, {"a": 1}]
        container[key] = data.draw(st.sampled_from(wrong))
    with pytest.raises(ConfigurationError, match="is not an intact restore plan"):
        Plan.from_json(json.dumps(content).encode(), URL)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"format": "tidemark-index"}',
        b'{"format": "tidemark-restore-plan"}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_other_content_is_refused_with_its_url(text):
    with pytest.raises(ConfigurationError, match=URL):
        Plan.from_json(text, URL)


def test_a_plan_of_a_later_version_is_refused():
    later = plan().to_json().replace(b'"version":1', b'"version":2')
    with pytest.raises(ConfigurationError, match="its version is 2, and this Tidemark reads 1"):
        Plan.from_json(later, URL)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "much", ""])
def test_an_amount_is_a_finite_number(amount):
    damaged = plan().to_json().replace(b'"0.5000"', json.dumps(amount).encode())
    with pytest.raises(ConfigurationError, match="is not an amount"):
        Plan.from_json(damaged, URL)


def test_a_hundred_thousand_items_need_less_than_30_megabytes():
    item = Item(path="/home/" + "directory/" * 10 + "name", type="f", entries=1, bytes=10**9)
    paths = [f"{item.path}{number}" for number in range(100_000)]
    items = tuple(dataclasses.replace(item, path=path) for path in paths)
    large = plan(points=(dataclasses.replace(plan().points[0], items=items, requests=tuple(paths)),))
    text = large.to_json()
    assert len(text) < 30_000_000
    assert Plan.from_json(text, URL) == large


NAMES = st.sampled_from(["a", "a b", "a-b", "a0", "é", "!"])
PATHS = st.lists(NAMES, max_size=4).map(lambda names: "/" + "/".join(names))


@given(st.lists(PATHS))
def test_the_outermost_paths_are_those_below_no_other(paths):
    def parts(path: str) -> list[str]:
        return [name for name in path.split("/") if name]

    def contains(directory: str, path: str) -> bool:
        return parts(directory) == parts(path)[: len(parts(directory))] and directory != path

    kept = {path for path in paths if not any(contains(other, path) for other in paths)}
    assert outermost(paths) == sorted(kept, key=parts)
    for path in paths:
        for other in paths:
            assert is_below(path, other) == contains(other, path)
