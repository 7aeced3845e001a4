"""Arguments that are refused, and operations that fail."""

from __future__ import annotations

import os
from errno import EACCES, EDQUOT, EIO, ENAMETOOLONG, ENOSPC, EROFS, ESTALE

import pytest

from tests.restore import trees
from tests.restore.placing import RESTORED, disk
from tidemark.errors import ConfigurationError, PathNotFound, WorkerCannotRun, WorkerStopped
from tidemark.restore import placement
from tidemark.restore.outcomes import Placed, PlaceTotals


@pytest.mark.parametrize("path", [b"/etc", b"a//b", b"a/", b"../a", b"a/../b", b".", b"a/./b", b"a\0b"])
def test_paths_that_do_not_name_one_place_are_refused(path):
    with disk({b"a": b""}, {}) as place:
        for arguments in (([path],), ([b"a"], "fail", path)):
            with pytest.raises(ConfigurationError, match="not a path from the root"):
                place.place(*arguments)
        with pytest.raises(ConfigurationError, match="not a path from the root"):
            place.finish([path])
        assert place.left() == {b"a": b""}


def test_a_destination_in_the_restored_directory_is_refused():
    with disk({b"a": b""}, {}) as place:
        for destination in (RESTORED, RESTORED + b"/below"):
            with pytest.raises(ConfigurationError, match="in the restored directory"):
                place.place([b"a"], destination=destination)


@pytest.mark.parametrize("suffix", [b"", b"a/b", b"\0", b"." * 101])
def test_a_suffix_that_makes_no_name_is_refused(suffix):
    with disk({b"a": b""}, {}) as place, pytest.raises(ConfigurationError, match="suffix"):
        place.place([b"a"], suffix=suffix)


def test_a_restored_directory_that_is_a_link_or_missing_is_refused():
    with disk({b"a": b""}, {}) as place:
        os.rename(place.restored, place.root + b"/moved")
        with pytest.raises(PathNotFound, match="start the restore again"):
            place.place([b"a"])
        os.symlink(b"moved", place.restored)
        with pytest.raises(PathNotFound, match="start the restore again"):
            place.place([b"a"])
        assert os.listdir(place.root + b"/moved") == [b"a"]


@pytest.mark.parametrize("errno", [EACCES, EDQUOT, EIO, ENOSPC, ESTALE])
def test_an_entry_that_cannot_be_placed_stays_and_the_others_are_placed(monkeypatch, errno):
    def link(source, target, **options):
        if source == b"bad":
            raise OSError(errno, os.strerror(errno))
        original(source, target, **options)

    original = os.link
    with disk({b"d": {b"bad": b"1", b"good": b"2"}, b"e": b"3"}, {b"d": {}}) as place:
        monkeypatch.setattr(os, "link", link)
        assert place.place([b"d", b"e"]) == PlaceTotals(failed=1, placed=2, merged=1)
        assert [report.reason for report in place.reports if report.path == b"d/bad"] == [os.strerror(errno)]
        assert [report.reason for report in place.reports if report.path == b"d"] == [
            "1 entry in it not placed"
        ]
        monkeypatch.setattr(os, "link", original)
        assert place.place([b"d", b"e"]) == PlaceTotals(placed=3, merged=1)
        assert place.live() == {b"d": {b"bad": b"1", b"good": b"2"}, b"e": b"3"}


def test_a_placeholder_that_could_not_be_replaced_is_replaced_by_the_next_placement(monkeypatch):
    def link(source, target, **options):
        if source == b"link":
            raise PermissionError(1, "refused")
        original(source, target, **options)

    def rename(source, target, **options):
        if source == b"link" and len(failures) < 1:
            failures.append(source)
            raise OSError(EIO, os.strerror(EIO))
        original_rename(source, target, **options)

    original, original_rename, failures = os.link, os.rename, []
    with disk({b"link": "to"}, {}) as place:
        monkeypatch.setattr(os, "link", link)
        monkeypatch.setattr(os, "rename", rename)
        assert place.place([b"link"]) == PlaceTotals(failed=1)
        assert place.left() == {b"link": "to"}
        assert place.place([b"link"]) == PlaceTotals(placed=1)
        assert (place.live(), place.left()) == ({b"link": "to"}, {})


def test_a_destination_that_is_a_file_is_a_conflict_for_everything():
    with disk({b"a": b"1"}, {b"file": b"own"}) as place:
        assert place.place(destination=b"file/below") == PlaceTotals(conflict=1)
        assert place.reports == [Placed(b"", b"file/below", "conflict", "/file is not a directory")]
        assert (place.live(), place.left()) == ({b"file": b"own"}, {b"a": b"1"})


def test_names_that_no_file_system_has_fail_and_the_others_are_placed():
    with disk({b"a": b"1"}, {}) as place:
        items = [b"a", b"n" * 300, b"m" * 300 + b"/below"]
        assert place.place(items) == PlaceTotals(placed=1, failed=2)
        assert {report.reason for report in place.reports} == {"", os.strerror(ENAMETOOLONG)}


def test_an_entry_stays_when_all_names_with_the_suffix_are_taken(monkeypatch):
    monkeypatch.setattr(placement, "_MOST_NAMES", 2)
    live: trees.Tree = {b"a": b"1", b"a.restored": b"2", b"a.restored-2": b"3"}
    with disk({b"a": b"new"}, live) as place:
        assert place.place([b"a"], "rename") == PlaceTotals(conflict=1)
        assert (place.live(), place.left()) == (live, {b"a": b"new"})


def test_a_journal_of_a_newer_tidemark_is_refused():
    with disk({b"a": b"1"}, {}) as place:
        place.place([])
        [control] = [name for name in os.listdir(place.restored) if name.startswith(b".tidemark-")]
        with open(os.path.join(place.restored, control, b"journal"), "wb") as journal:
            journal.write(b'["placement", 2]\n')
        with pytest.raises(WorkerCannotRun, match="newer"):
            place.place([b"a"])
        assert place.left() == {b"a": b"1"}


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_journal_that_others_could_write_is_refused(mode):
    with disk({b"a": b"1"}, {}) as place:
        os.mkdir(os.path.join(place.restored, b".tidemark-%x" % os.stat(place.restored).st_ino))
        os.chmod(os.path.join(place.restored, b".tidemark-%x" % os.stat(place.restored).st_ino), mode)
        with pytest.raises(WorkerCannotRun, match="another user"):
            place.place([b"a"])


def test_a_read_only_file_system_ends_the_placement(monkeypatch):
    def link(*_, **__):
        raise OSError(EROFS, os.strerror(EROFS))

    with disk({b"a": b"1"}, {}) as place:
        monkeypatch.setattr(os, "link", link)
        with pytest.raises(OSError, match=os.strerror(EROFS)):
            place.place([b"a"])
        assert place.left() == {b"a": b"1"}


def test_nothing_is_done_that_the_journal_cannot_record(monkeypatch):
    def pwrite(fd, text, at):
        if b"intent" in text:
            original(fd, text[:-3], at)  # a part of it arrives
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        return original(fd, text, at)

    original = os.pwrite
    with disk({b"a": b"1", b"b": b"2"}, {}) as place:
        monkeypatch.setattr(os, "pwrite", pwrite)
        with pytest.raises(WorkerStopped, match=f"{os.strerror(ENOSPC)}; retry"):
            place.place([b"a", b"b"])
        assert (place.live(), place.left()) == ({}, {b"a": b"1", b"b": b"2"})
        monkeypatch.setattr(os, "pwrite", original)
        assert place.place([b"a", b"b"]) == PlaceTotals(placed=2)


def test_a_second_worker_is_refused_while_one_places():
    with disk({b"a": b"1"}, {}) as place:
        refused = []

        def again():
            for call in (place.place, place.finish):
                with pytest.raises(WorkerStopped, match="another worker"):
                    call([b"a"])
                refused.append(call)

        place.place([b"a"], may_continue=again)
        assert refused
        assert place.finish([b"a"]).gone
        assert place.live() == {b"a": b"1"}
