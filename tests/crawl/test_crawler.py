"""The contract of every crawler; each test runs on each crawler."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tests.crawl.reading import numbers, rows_of
from tests.crawl.trees import found_by_find, open_descriptors
from tidemark.crawl.crawler import CrawlOptions, CrawlStopped
from tidemark.crawl.spill_queue import SpillQueue
from tidemark.errors import CrawlFailed
from tidemark.exclusions import Exclusion


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("descriptors", [1, 256])
@pytest.mark.parametrize("batch_rows", [1, 16_384])
def test_rows_equal_those_of_find_on_every_field(crawler, pitfalls, threads, descriptors, batch_rows):
    options = CrawlOptions(threads=threads, descriptors=descriptors, batch_rows=batch_rows)

    rows, problems = rows_of(crawler(os.fsencode(pitfalls), options))

    assert rows == found_by_find(pitfalls)
    assert problems == []


def test_nanoseconds_are_the_part_that_microseconds_omit(crawler, tmp_path):
    (tmp_path / "file").write_text("")
    os.utime(tmp_path / "file", ns=(0, -1_000_000_001))

    (batch,) = crawler(os.fsencode(tmp_path), CrawlOptions()).batches()

    (microseconds,), (rest,) = numbers(batch.mtime_us, "q"), numbers(batch.mtime_ns, "h")
    assert microseconds * 1000 + rest == -1_000_000_001


@pytest.mark.parametrize("threads", [1, 8])
def test_open_descriptors_stay_bounded(crawler, tmp_path, threads):
    deep = tmp_path
    for level in range(60):
        for sibling in range(4):
            (deep / f"sibling{sibling}").mkdir()
        deep = deep / f"level{level}"
        deep.mkdir()
    before = open_descriptors()
    most = 0
    for _ in crawler(
        os.fsencode(tmp_path), CrawlOptions(threads=threads, descriptors=8, batch_rows=1)
    ).batches():
        most = max(most, open_descriptors())

    assert most - before <= 8 + 3 * threads + 4  # the root, /proc/self/fd, a pipe
    assert open_descriptors() <= before


@pytest.mark.parametrize("threads", [1, 8])
def test_restore_directories_of_aws_backup_are_omitted_in_the_root_only(crawler, tmp_path, threads):
    for name in (
        "aws-backup-restore_2026",
        "aws-backup-failed-restore_2026",
        "aws-backup-lost+found",
        "kept",
    ):
        (tmp_path / name / "aws-backup-restore_inside").mkdir(parents=True)
    (tmp_path / "aws-backup-restore_file").write_text("a file of a user")

    rows, _ = rows_of(crawler(os.fsencode(tmp_path), CrawlOptions(threads=threads)))

    assert [row.path for row in rows] == [
        b"/aws-backup-restore_file",
        b"/kept",
        b"/kept/aws-backup-restore_inside",
    ]


def test_an_empty_root_has_no_rows(crawler, tmp_path):
    assert rows_of(crawler(os.fsencode(tmp_path), CrawlOptions())) == ([], [])


@pytest.mark.parametrize("threads", [1, 8])
def test_progress_ends_with_the_exact_counts(crawler, pitfalls, threads):
    crawl = crawler(os.fsencode(pitfalls), CrawlOptions(threads=threads))
    rows, _ = rows_of(crawl)

    progress = crawl.progress()

    assert progress.entries == len(rows)
    assert progress.directories == sum(row.type == "d" for row in rows) + 1
    assert progress.directories_queued == 0
    assert progress.bytes == sum(row.size for row in rows if row.type == "f")


def test_a_missing_root_fails_the_crawl(crawler, tmp_path):
    with pytest.raises(CrawlFailed, match="No such file"):
        list(crawler(os.fsencode(tmp_path / "nothing"), CrawlOptions()).batches())


def test_a_root_that_is_a_file_fails_the_crawl(crawler, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CrawlFailed):
        list(crawler(os.fsencode(tmp_path / "file"), CrawlOptions()).batches())


def test_a_stopped_crawl_reports_that_it_is_incomplete(crawler, pitfalls):
    threads = threading.active_count()
    crawl = crawler(os.fsencode(pitfalls), CrawlOptions(batch_rows=1))
    batches = crawl.batches()
    next(batches)
    crawl.stop()
    with pytest.raises(CrawlStopped):
        list(batches)
    assert threading.active_count() == threads


def test_an_abandoned_crawl_ends_its_threads(crawler, pitfalls):
    before, threads = open_descriptors(), threading.active_count()
    batches = crawler(os.fsencode(pitfalls), CrawlOptions(batch_rows=1, threads=8)).batches()
    next(batches)
    batches.close()
    assert threading.active_count() == threads
    assert open_descriptors() <= before


def test_a_mount_point_is_a_row_and_is_unreadable(crawler):
    """On Linux, /dev always contains other mounts."""
    crawl = crawler(b"/dev", CrawlOptions())
    rows, problems = rows_of(crawl)
    device = Path("/dev").stat().st_dev
    others = [
        b"/" + os.fsencode(path.name) for path in Path("/dev").iterdir() if _is_other_mount(path, device)
    ]
    assert others, "this machine has nothing mounted below /dev"
    for other in others:
        assert [row.path for row in rows if row.path.startswith(other)] == [other]
    assert {(each.path, each.operation, each.kind) for each in problems if each.errno == errno.EXDEV} == {
        (other + b"/", "open", "unreadable") for other in others
    }
    assert crawl.progress().unreadable == len([each for each in problems if each.kind == "unreadable"])


def test_a_directory_that_is_mounted_over_before_it_is_listed_is_unreadable(crawler):
    device = Path("/dev").stat().st_dev
    mount = next(path for path in Path("/dev").iterdir() if _is_other_mount(path, device))
    waiting = [os.fsencode(f"/{mount.name}/"), os.fsencode(f"/{mount.name}/no-such-directory/")]
    crawl = crawler(b"/dev", CrawlOptions(), waiting)
    rows, problems = rows_of(crawl)
    assert rows == []
    assert sorted((each.path, each.operation, each.errno, each.kind) for each in problems) == [
        (path, "open", errno.EXDEV, "unreadable") for path in waiting
    ]
    assert crawl.progress().directories_queued == 0


def test_an_excluded_mount_point_is_not_reported(crawler):
    device = Path("/dev").stat().st_dev
    mounts = [path.name for path in Path("/dev").iterdir() if _is_other_mount(path, device)]
    exclude = [Exclusion.parse(f"/{name}") for name in mounts]
    _, problems = rows_of(crawler(b"/dev", CrawlOptions(exclude=exclude)))
    assert not [each for each in problems if each.errno == errno.EXDEV]


def _is_other_mount(path: Path, device: int) -> bool:
    status = path.lstat()
    return path.is_dir() and not path.is_symlink() and status.st_dev != device


AS_NOBODY = """
import os, sys
from tidemark.crawl.crawler import CrawlOptions
from tidemark.crawl import open_crawl
import tidemark.crawl.%(module)s as module
crawl = module.%(name)s(os.fsencode(sys.argv[1]), CrawlOptions(threads=%(threads)d))
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
for batch in crawl.batches():
    for problem in batch.problems:
        print(problem.path, problem.operation, problem.errno, problem.kind)
print(crawl.progress().entries, crawl.progress().unreadable)
"""


@pytest.mark.parametrize("threads", [1, 8])
def test_unreadable_directories_are_recorded_and_the_rest_is_read(crawler, request, threads):
    root = Path(tempfile.mkdtemp())  # pytest's own directories are their owner's alone
    request.addfinalizer(lambda: shutil.rmtree(root))
    root.chmod(0o755)
    (root / "open").mkdir()
    (root / "open" / "file").write_text("")
    (root / "closed").mkdir(mode=0o700)
    (root / "closed" / "hidden").write_text("")
    (root / "names only").mkdir()
    (root / "names only" / "file").write_text("")
    (root / "names only").chmod(0o744)
    (root / "closed").chmod(0o300)
    if os.geteuid() != 0:
        (root / "names only").chmod(0o400)
    program = AS_NOBODY % {
        "module": crawler.__module__.rsplit(".", 1)[1],
        "name": crawler.__name__,
        "threads": threads,
    }

    run = subprocess.run(
        [sys.executable, "-c", program, root],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    (root / "names only").chmod(0o755)
    (root / "closed").chmod(0o755)

    *problems, counts = run.stdout.splitlines()
    assert sorted(problems) == [
        f"b'/closed/' open {errno.EACCES} unreadable",
        f"b'/names only/file' stat {errno.EACCES} unreadable",
    ]
    assert counts == "4 2"


@pytest.mark.parametrize("threads", [1, 4])
def test_entries_that_appear_and_vanish_never_fail_the_crawl(crawler, tmp_path, threads):
    for number in range(20):
        (tmp_path / f"kept{number}").mkdir()
    done = threading.Event()

    def disturb() -> None:
        while not done.is_set():
            for number in range(20):
                fickle = tmp_path / f"kept{number}" / "fickle"
                fickle.mkdir()
                (fickle / "file").write_text("")
                (fickle / "file").unlink()
                fickle.rmdir()

    disturber = threading.Thread(target=disturb)
    disturber.start()
    try:
        for _ in range(20):
            rows, problems = rows_of(crawler(os.fsencode(tmp_path), CrawlOptions(threads=threads)))
            assert {b"/kept%d" % number for number in range(20)} <= {row.path for row in rows}
            assert {problem.kind for problem in problems} <= {"vanished", "changed"}
    finally:
        done.set()
        disturber.join()


def test_a_directory_that_changes_while_it_is_listed_is_flagged(crawler, tmp_path):
    for number in range(3_000):  # more than either crawler has listed when the first batch is read
        (tmp_path / f"{number}").write_text("")
    crawl = crawler(os.fsencode(tmp_path), CrawlOptions(batch_rows=1))
    problems = []
    for batch in crawl.batches():
        (tmp_path / "new").touch()
        (tmp_path / "new").unlink()
        problems += batch.problems

    assert [(problem.path, problem.kind, problem.errno) for problem in problems] == [(b"/", "changed", 0)]


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("after", [1, 50, 2000])
def test_a_crawl_with_many_pauses_finds_the_same_entries_as_one_without(crawler, pitfalls, threads, after):
    crawl = crawler(os.fsencode(pitfalls), CrawlOptions(threads=threads, batch_rows=1))
    rows = []
    for _ in range(10_000):
        part, _ = rows_of(crawl, pause_after=after)
        rows += part
        if not list(crawl.pending()):
            break

    assert sorted(rows) == found_by_find(pitfalls)
    assert crawl.progress().entries == len(rows)
    assert crawl.progress().directories_queued == 0


@pytest.mark.parametrize("threads", [1, 4])
def test_a_new_crawl_continues_where_a_paused_one_ended(crawler, pitfalls, threads):
    rows, pending = [], [b"/"]
    while pending:
        crawl = crawler(os.fsencode(pitfalls), CrawlOptions(threads=threads, batch_rows=1), pending)
        rows += rows_of(crawl, pause_after=20)[0]
        pending = list(crawl.pending())
        assert crawl.progress().directories_queued == len(pending)

    assert sorted(rows) == found_by_find(pitfalls)


def test_a_pending_directory_that_was_removed_has_vanished(crawler, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "file").write_text("")
    (tmp_path / "link").symlink_to("here")

    rows, problems = rows_of(
        crawler(os.fsencode(tmp_path), CrawlOptions(), [b"/here/", b"/gone/", b"/link/"])
    )

    assert [row.path for row in rows] == [b"/here/file"]
    assert sorted((problem.path, problem.kind) for problem in problems) == [
        (b"/gone/", "vanished"),
        (b"/link/", "vanished"),  # never followed
    ]


@pytest.mark.parametrize("threads", [1, 4])
def test_directories_that_do_not_fit_in_memory_are_queued_in_a_file(crawler, tmp_path, monkeypatch, threads):
    monkeypatch.setattr(f"{crawler.__module__}._QUEUE_BYTES", 500)
    monkeypatch.setattr("tidemark.crawl.spill_queue._TAKEN_AT_ONCE", 2)
    waited = []
    add = SpillQueue.add
    monkeypatch.setattr(SpillQueue, "add", lambda self, paths: (waited.append(paths), add(self, paths)))
    for number in range(50):
        (tmp_path / f"{number}" / "x" / "y").mkdir(parents=True)

    crawl = crawler(os.fsencode(tmp_path), CrawlOptions(threads=threads))
    rows, _ = rows_of(crawl)

    assert rows == found_by_find(tmp_path)
    assert crawl.progress().directories_queued == 0
    assert b"".join(waited).count(b"\0") > 10


def test_batches_of_long_paths_are_handed_over_before_they_are_large(crawler, tmp_path, monkeypatch):
    monkeypatch.setattr(f"{crawler.__module__}._BATCH_BYTES", 20_000)
    deep = tmp_path / ("d" * 250) / ("e" * 250)
    for number in range(200):
        (deep / f"{number}" / "x").mkdir(parents=True)

    batches = crawler(os.fsencode(tmp_path), CrawlOptions()).batches()
    sizes = [len(bytes(batch.directories.data)) for batch in batches]

    assert sum(sizes) > 100_000
    assert max(sizes) < 40_000
