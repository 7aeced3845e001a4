"""A whole plan, from paths and points to jobs."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.index.building import directory, identity_of, index_rows, row
from tidemark.index.storage.object_store import FileStore
from tidemark.restore.choose import HeldPoint
from tidemark.restore.items import Limits
from tidemark.restore.plan import Conflict, Destination, Item, Plan
from tidemark.restore.planner import MOST_CONFLICTS, Order, conflicts, is_complete, make_plan

IN_PLACE = Destination(kind="in-place")
LIMITS = Limits(most_items=2)
ROWS = {
    1: [directory("/a"), row("/a/old"), *(row(f"/a/{number}") for number in range(5))],
    2: [directory("/a"), *(row(f"/a/{number}") for number in range(5)), row(b"/a/\xff", size=100)],
    3: [directory("/a"), row("/a/1")],
}


def held(number: int, **fields: object) -> HeldPoint:
    return HeldPoint(
        **{
            "recovery_point_arn": f"arn:{number}",
            "region": identity_of(1).region,
            "vault": "tidemark",
            "created_at": datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=number),
            "index_id": identity_of(number).index_id,
            "is_cold": False,
            "is_copy": False,
            **fields,
        }
    )


ORDER = Order(
    plan_id="p-1",
    account=identity_of(1).account,
    region=identity_of(1).region,
    file_system_id=identity_of(1).file_system_id,
    created_at=datetime(2026, 11, 29, tzinfo=UTC),
    destination=IN_PLACE,
    on_conflict="rename",
)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "repository")


@pytest.fixture
def manifests(store, tmp_path):
    found = [index_rows(store, tmp_path, rows, number=number) for number, rows in ROWS.items()]
    return {manifest.index_id: manifest for manifest in found}


def test_a_plan_has_the_jobs_of_each_point(store, manifests):
    points = [held(2, is_cold=True), held(1)]
    paths = ["/a/0", "/a/2", "/a/4", "/a/old", "/gone"]
    plan = make_plan(store, ORDER, manifests, points, paths, limits=LIMITS)
    assert [(point.recovery_point_arn, point.requests, point.jobs) for point in plan.points] == [
        ("arn:2", ("/a/0", "/a/2", "/a/4"), 2),
        ("arn:1", ("/a/old",), 1),
    ]
    assert [each.path for each in plan.missing] == ["/gone"]
    assert (plan.plan_id, plan.on_conflict, plan.items_per_job) == ("p-1", "rename", 2)
    assert (plan.estimate.jobs, plan.estimate.entries, plan.estimate.bytes) == (3, 4, 40)
    assert Plan.from_json(plan.to_json(), "url") == plan


def test_a_name_that_cannot_be_requested_shows_what_is_restored_with_it(store, manifests):
    plan = make_plan(store, ORDER, manifests, [held(2)], [r"/a/\xff"], limits=LIMITS)
    (point,) = plan.points
    assert point.items == (Item(path=r"/a/\xff", type="f", entries=1, bytes=100),)
    assert point.requests == ("/a",)
    assert (point.requested_entries, point.requested_bytes) == (6, 150)
    assert (plan.estimate.entries, plan.estimate.bytes) == (6, 150)


def test_the_whole_file_system_is_one_job_without_items(store, manifests):
    plan = make_plan(store, ORDER, manifests, [held(2)], ["/"], limits=LIMITS)
    (point,) = plan.points
    assert (point.requests, point.jobs) == ((), 1)
    assert (point.requested_entries, point.requested_bytes) == (7, 150)
    assert "item-level restores" not in {part.name for part in plan.estimate.parts}


def test_a_plan_of_missing_paths_has_no_jobs(store, manifests):
    plan = make_plan(store, ORDER, manifests, [held(2)], ["/gone"], limits=LIMITS)
    assert (plan.points, plan.estimate.jobs, plan.conflict_count) == ((), 0, 0)


def test_content_that_no_index_counts_is_stated(store, manifests):
    def counted(manifest) -> bool:
        plan = make_plan(
            store, ORDER, {**manifests, manifest.index_id: manifest}, [held(2)], ["/a"], limits=LIMITS
        )
        return not any("not counted" in each for each in plan.estimate.assumptions)

    index = manifests[identity_of(2).index_id]
    partly_read = dataclasses.replace(index, totals=dataclasses.replace(index.totals, unreadable=1))
    partly_excluded = dataclasses.replace(index, excluded=("/cache",))
    assert (is_complete(index), counted(index)) == (True, True)
    assert (is_complete(partly_read), counted(partly_read)) == (False, False)
    assert (is_complete(partly_excluded), counted(partly_excluded)) == (False, False)


def test_conflicts_are_the_targets_in_the_newest_index(store, manifests):
    plan = make_plan(store, ORDER, manifests, [held(2)], ["/a/1", "/a/2"], limits=LIMITS)
    assert plan.conflicts == (Conflict(path="/a/1", existing_type="f"),)
    oldest = manifests[identity_of(1).index_id]
    plan = make_plan(store, ORDER, manifests, [held(2)], ["/a/1", "/a/2"], limits=LIMITS, newest=oldest)
    assert [each.path for each in plan.conflicts] == ["/a/1", "/a/2"]


@pytest.mark.parametrize(
    ("destination", "path", "found"),
    [
        (IN_PLACE, "/a", [("/a", "d")]),
        (IN_PLACE, "/b", []),
        (IN_PLACE, "/", [("/", "d")]),
        (Destination(kind="directory", directory="/"), "/a", [("/a", "d")]),
        (Destination(kind="directory", directory="/a"), "/1", [("/a/1", "f")]),
        (Destination(kind="directory", directory="/a/"), "/", [("/a", "d")]),
        (Destination(kind="directory", directory="/new"), "/", []),
        (Destination(kind="directory", directory="/a/1/deep"), "/x", [("/a/1", "f")]),
        (Destination(kind="new-file-system"), "/a", []),
    ],
)
def test_conflicts_depend_on_the_destination(store, manifests, destination, path, found):
    items = [Item(path=path, type="d", entries=1, bytes=0)]
    newest = manifests[identity_of(3).index_id]
    assert [(each.path, each.existing_type) for each in conflicts(store, newest, items, destination)] == found


def test_a_plan_names_a_thousand_conflicts_and_counts_all(store, tmp_path):
    rows = [row(f"/{number}") for number in range(MOST_CONFLICTS + 1)]
    index = index_rows(store, tmp_path, [*rows, row("/other")])
    plan = make_plan(
        store,
        ORDER,
        {index.index_id: index},
        [held(1)],
        [each.path.decode() for each in rows],
        limits=Limits(most_items=10, most_jobs=200),
    )
    assert (len(plan.conflicts), plan.conflict_count) == (MOST_CONFLICTS, MOST_CONFLICTS + 1)
    assert plan.points[0].jobs == 101
