"""The chosen point of each path, against a look at every tree by itself."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crawl.trees import Row
from tests.index.building import RowsCrawl, directory, identity_of, index_crawl, index_rows, row
from tests.index.test_lookup import likely_paths
from tests.index.test_side_files import trees
from tidemark.crawl.batch import Problem
from tidemark.errors import NotRestorable, RecoveryPointNotFound
from tidemark.escape import escape, unescape
from tidemark.exclusions import Exclusion
from tidemark.index.format.manifest import Manifest
from tidemark.index.storage.object_store import FileStore
from tidemark.restore.choose import Choices, HeldPoint, choose
from tidemark.restore.plan import Item, Missing

SETTINGS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
REGION = identity_of(1).region
START = datetime(2026, 11, 1, tzinfo=UTC)


def held(number: int, *, index: int | None = None, **fields: object) -> HeldPoint:
    """Return the point of day `number`, described by the index of that day."""
    usual = {
        "recovery_point_arn": f"arn:aws:backup:{REGION}:123456789012:recovery-point:{number}",
        "region": REGION,
        "vault": "tidemark",
        "created_at": START + timedelta(days=number),
        "index_id": identity_of(number if index is None else index).index_id,
        "is_cold": False,
        "is_copy": False,
    }
    return HeldPoint(**{**usual, **fields})


class History:
    """The indexes of a file system, one each day."""

    def __init__(self, store: FileStore, scratch) -> None:
        self.store, self._scratch = store, scratch
        self.manifests: dict[str, Manifest] = {}

    def add(self, number: int, rows: list[Row], problems=(), **changes: object) -> None:
        if problems:
            index = index_crawl(self.store, self._scratch, RowsCrawl(rows, problems), number=number)
        else:
            index = index_rows(self.store, self._scratch, rows, number=number, row_group_rows=4)
        self.manifests[index.index_id] = dataclasses.replace(index, **changes)

    def choose(self, points, paths, **options) -> Choices:
        return choose(self.store, self.manifests, points, paths, **options)

    def chosen(self, points, paths, **options) -> dict[str, list[str]]:
        """Return the paths of items by the last part of their point's ARN."""
        return {
            each.point.recovery_point_arn.rpartition(":")[2]: [item.path for item in each.items]
            for each in self.choose(points, paths, **options).points
        }

    def reason(self, points, path, **options) -> str:
        (missing,) = self.choose(points, [path], **options).missing
        assert missing.path == path
        return missing.reason


@pytest.fixture
def history(store, tmp_path) -> History:
    return History(store, tmp_path / "scratch")


@pytest.fixture
def store(tmp_path) -> FileStore:
    (tmp_path / "scratch").mkdir()
    return FileStore(tmp_path / "repository")


def reckoned_item(path: str, rows: list[Row]) -> Item | None:
    """Return the item of a path in a tree; None if a backup of the tree does not hold it."""
    kinds = {escape(each.path): each.type for each in rows} | {"/": "d"}
    if kinds.get(path) not in ("f", "d", "l"):
        return None
    whole = unescape(path).rstrip(b"/")
    inside = [each for each in rows if each.path == whole or each.path.startswith(whole + b"/")]
    size = sum(each.size for each in inside if each.type == "f")
    return Item(path=path, type=kinds[path], entries=len(inside), bytes=size)


def parts(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def contains(directory_path: str, path: str) -> bool:
    return directory_path != path and parts(directory_path) == parts(path)[: len(parts(directory_path))]


@SETTINGS
@given(data=st.data(), days=st.lists(trees(), min_size=1, max_size=3))
def test_each_path_comes_from_the_newest_point_that_holds_it(tmp_path_factory, data, days):
    scratch = tmp_path_factory.mktemp("choose")
    history = History(FileStore(scratch / "repository"), scratch)
    for number, rows in enumerate(days, 1):
        history.add(number, rows)
    points = [held(number) for number in range(len(days), 0, -1)]
    paths = data.draw(likely_paths([each for rows in days for each in rows]))
    at = data.draw(st.none() | st.integers(1, len(days)))

    expected: dict[str, dict[str, Item]] = {}
    missing = set()
    for path in {"/" + "/".join(parts(path)) for path in paths}:
        numbers = range(len(days), 0, -1) if at is None else [at]
        found = ((number, reckoned_item(path, days[number - 1])) for number in numbers)
        number, item = next(((number, item) for number, item in found if item), (0, None))
        if item is None:
            missing.add(path)
        else:
            expected.setdefault(str(number), {})[path] = item
    outer = {
        number: [
            items[path]
            for path in sorted(items, key=parts)
            if not any(contains(other, path) for other in items)
        ]
        for number, items in expected.items()
    }

    moment = None if at is None else START + timedelta(days=at, hours=1)
    choices = history.choose(data.draw(st.permutations(points)), paths, at=moment)
    assert {
        each.point.recovery_point_arn.rpartition(":")[2]: list(each.items) for each in choices.points
    } == outer
    assert [each.path for each in choices.missing] == sorted(missing, key=parts)
    times = [each.point.created_at for each in choices.points]
    assert times == sorted(times, reverse=True)


@pytest.fixture
def three_days(history) -> History:
    history.add(1, [directory("/a"), row("/a/old"), row("/a/x", size=1)])
    history.add(2, [directory("/a"), row("/a/x", size=2), row("/pipe", type="p")])
    history.add(3, [directory("/a"), row("/a/x", size=3), row("/new")])
    return history


POINTS = [held(3), held(2), held(1)]


def test_a_deleted_file_is_added_to_its_directory_of_a_newer_point(three_days):
    assert three_days.chosen(POINTS, ["/a", "/a/old", "/a/x"]) == {"3": ["/a"], "1": ["/a/old"]}


def test_a_time_selects_one_point_for_every_path(three_days):
    noon = START + timedelta(days=2, hours=12)
    assert three_days.chosen(POINTS, ["/a/x", "/new"], at=noon) == {"2": ["/a/x"]}
    reason = three_days.reason(POINTS, "/new", at=noon)
    assert reason == (
        f"the recovery point of 2026-11-03T00:00:00Z ({POINTS[1].recovery_point_arn}) does not hold it; "
        f"that of 2026-11-04T00:00:00Z in {REGION} does, restore from it with: "
        f"--point {POINTS[0].recovery_point_arn}"
    )


def test_a_point_created_at_the_time_itself_counts(three_days):
    at = POINTS[1].created_at
    assert three_days.chosen(POINTS, ["/a/x"], at=at) == {"2": ["/a/x"]}
    assert three_days.chosen(POINTS, ["/a/x"], at=at - timedelta(microseconds=1)) == {"1": ["/a/x"]}


def test_a_point_may_be_named(three_days):
    assert three_days.chosen(POINTS, ["/a/x", "/a/old"], point=POINTS[2]) == {"1": ["/a/old", "/a/x"]}


def test_a_time_before_every_point_is_an_error_with_the_oldest(three_days):
    with pytest.raises(RecoveryPointNotFound, match="the oldest is of 2026-11-02T00:00:00Z"):
        three_days.choose(POINTS, ["/a"], at=START)


def test_no_point_is_an_error(three_days):
    with pytest.raises(RecoveryPointNotFound, match="no recovery point of the file system"):
        three_days.choose([], ["/a"])
    with pytest.raises(RecoveryPointNotFound, match="no recovery point of the file system"):
        three_days.choose([], ["/a"], at=START)
    unknown = held(4)
    with pytest.raises(RecoveryPointNotFound, match="no recovery point of the file system"):
        three_days.choose([unknown], ["/a"])
    with pytest.raises(RecoveryPointNotFound, match="recovery-point:4 has no complete index"):
        three_days.choose(POINTS, ["/a"], point=unknown)


@pytest.mark.parametrize("kind", ["p", "s", "c", "b"])
def test_other_kinds_of_files_are_in_no_backup(history, kind):
    history.add(1, [row("/odd", type=kind), row("/a")])
    assert history.choose([held(1)], ["/odd"]).missing == (
        Missing(path="/odd", reason="sockets, FIFOs and devices are in no backup"),
    )


def test_a_file_that_became_a_fifo_comes_from_the_point_before(history):
    history.add(1, [row("/a")])
    history.add(2, [row("/a", type="p")])
    assert history.chosen([held(2), held(1)], ["/a"]) == {"1": ["/a"]}


def test_directories_of_earlier_restores_are_in_no_backup(three_days):
    reason = three_days.reason(POINTS, "/aws-backup-restore_2026-11-01T00-00-00/a")
    assert reason.startswith("AWS Backup does not back up the directories that it creates")


def test_a_path_of_no_index_is_missing(three_days):
    assert three_days.reason(POINTS, "/nothing") == "no recovery point with an index holds it"


def test_the_whole_file_system_absorbs_every_path(three_days):
    choices = three_days.choose(POINTS, ["/", "/a/x", "//a//", "/new"])
    assert [(each.point, each.items) for each in choices.points] == [
        (POINTS[0], (Item(path="/", type="d", entries=3, bytes=13),))
    ]


def test_of_points_of_one_time_a_warm_original_in_the_region_is_chosen(three_days):
    def point(name: str, **fields: object) -> HeldPoint:
        return held(3, recovery_point_arn=f"arn:{name}", **fields)

    abroad = point("abroad", region="eu-west-1", is_copy=True)
    cold, warm_copy, warm = point("cold", is_cold=True), point("copy", is_copy=True), point("warm")
    assert three_days.chosen([abroad, cold, warm_copy, warm], ["/new"]) == {"warm": ["/new"]}
    assert three_days.chosen([abroad, cold, warm_copy], ["/new"]) == {"copy": ["/new"]}
    assert three_days.chosen([abroad, cold], ["/new"]) == {"cold": ["/new"]}
    for options in ({}, {"at": abroad.created_at}):
        with pytest.raises(
            RecoveryPointNotFound, match=r"only copies in other Regions .* arn:abroad in eu-west-1"
        ):
            three_days.choose([abroad], ["/new"], **options)


def test_a_copy_in_another_region_is_refused_before_anything_is_planned(three_days):
    abroad = held(3, recovery_point_arn="arn:abroad", region="eu-west-1", is_copy=True)
    with pytest.raises(NotRestorable, match=r"arn:abroad is a copy in eu-west-1") as refused:
        three_days.choose([abroad, held(3)], ["/new"], point=abroad)
    listing = f"of {REGION} from: tidemark recovery-points {identity_of(1).file_system_id};"
    assert listing in str(refused.value)
    assert "aws backup start-restore-job --region eu-west-1" in str(refused.value)


def test_a_copy_in_another_region_is_named_where_only_it_holds_a_path(three_days):
    abroad = held(1, recovery_point_arn="arn:abroad", region="eu-west-1", is_copy=True)
    reason = three_days.reason([held(3), held(2), abroad], "/a/old")
    assert reason == (
        "no recovery point with an index holds it; that of 2026-11-02T00:00:00Z in eu-west-1 does, restore "
        "arn:abroad there with: aws backup start-restore-job --region eu-west-1 (docs/restore.md, The Region "
        "is lost)"
    )


def test_the_newest_of_several_points_with_one_index_is_chosen(three_days):
    later = held(4, index=3)
    assert three_days.chosen([later, *POINTS], ["/new", "/a/old"]) == {"4": ["/new"], "1": ["/a/old"]}


def test_an_unreadable_path_is_taken_from_the_newest_point_with_a_note(history):
    history.add(1, [directory("/a"), row("/a/x", size=5)])
    history.add(2, [directory("/a")], [Problem.seen(b"/a/", "open", 13)])
    choices = history.choose([held(2), held(1)], ["/a/x", "/a/never"])
    note = f"index {identity_of(2).index_id} could not read it"
    assert [(each.point, each.items) for each in choices.points] == [
        (
            held(2),
            (
                Item(path="/a/never", type="", entries=1, bytes=0, note=note),
                Item(path="/a/x", type="f", entries=1, bytes=5, note=note),
            ),
        )
    ]


def test_a_path_in_an_excluded_directory_is_taken_from_the_newest_point_with_a_note(history):
    history.add(1, [row("/a")], excluded=(str(Exclusion.parse("/cache")),))
    (point,) = history.choose([held(1)], ["/cache/x", "/other"]).points
    note = f"it is in a directory that index {identity_of(1).index_id} excludes"
    assert point.items == (Item(path="/cache/x", type="", entries=1, bytes=0, note=note),)
