"""The items of a restore job are those that its requests cover."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.aws.restore_plans import point_plan
from tidemark.restore.plan import outermost
from worker_image.restored_jobs import FinishedJob, items_of

NOW = datetime(2026, 11, 29, tzinfo=UTC)
paths = st.lists(st.sampled_from(["a", "b", "ab", "%2Fx"]), min_size=1, max_size=4).map(
    lambda names: "/" + "/".join(names)
)


def job(first: int, end: int) -> FinishedJob:
    return FinishedJob(job_id="j", point=0, first=first, end=end, began_at=NOW, completed_at=NOW)


@given(st.lists(paths, min_size=1, max_size=12), st.data())
def test_every_item_belongs_to_the_one_job_that_requests_it_or_a_directory_above_it(
    some: list[str], data: st.DataObject
) -> None:
    items = outermost(some)
    # Each item, or a directory above it, is requested; none of the requests is below another.
    widened = [data.draw(st.sampled_from([item, _first_directory(item)])) for item in items]
    requests = outermost(widened)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(requests)))) | {0, len(requests)})
    point = point_plan(items, requests)
    found = []
    for first, end in pairwise(cuts):
        for item in items_of(point, job(first, end)):
            asked = point.requests[first:end]
            assert any(item.path == path or item.path.startswith(f"{path}/") for path in asked)
            found.append(item.path)
    assert sorted(found) == sorted(items)


def _first_directory(path: str) -> str:
    return "/" + path.split("/")[1]


def test_a_whole_point_has_one_job_with_all_items() -> None:
    point = point_plan(["/"], requests=())
    assert list(items_of(point, job(0, 1))) == list(point.items)
    some = point_plan(["/a", "/b/c"], requests=())
    assert list(items_of(some, job(0, 1))) == list(some.items)


def test_a_hundred_thousand_items_are_assigned_in_one_pass() -> None:
    items = [f"/d{number % 100}/{number}" for number in range(100_000)]
    point = point_plan(items)
    found = [
        item.path
        for first in range(0, 100_000, 50_000)
        for item in items_of(point, job(first, first + 50_000))
    ]
    assert found == items
