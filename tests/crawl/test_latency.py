"""As many threads as the file system's answers take long."""

from __future__ import annotations

import os

import pytest

from bench.slow_file_system import SlowFileSystemMissing, slow_file_system
from tidemark.crawl import latency
from tidemark.crawl.latency import FEWEST, MOST, answer_seconds, threads_for


@pytest.mark.parametrize(
    ("seconds", "threads"),
    [(0, FEWEST), (0.00001, FEWEST), (0.0001, FEWEST), (0.0002, 16), (0.0004, 32), (0.001, MOST), (9, MOST)],
)
def test_the_slower_the_answers_the_more_threads(seconds, threads):
    assert threads_for(seconds) == threads


def make_tree(root):
    for number in range(40):
        (root / f"d{number}" / "e").mkdir(parents=True)
        (root / f"d{number}" / "file").write_text("")
    return root


def test_answers_that_take_no_time_get_few(tmp_path):
    assert threads_for(answer_seconds(os.fsencode(make_tree(tmp_path)), clock=lambda: 0.0)) == FEWEST


def test_answers_that_take_a_millisecond_get_many(tmp_path, monkeypatch):
    make_tree(tmp_path)
    now = [0.0]

    def later(function):
        def slow(path):
            now[0] += 0.002 if function is scandir else 0.001
            return function(path)

        return slow

    scandir, lstat = os.scandir, os.lstat
    monkeypatch.setattr(latency.os, "scandir", later(scandir))
    monkeypatch.setattr(latency.os, "lstat", later(lstat))
    assert answer_seconds(os.fsencode(tmp_path), clock=lambda: now[0]) == pytest.approx(0.001)
    assert now[0] < 0.5, "it looks at a few only"


def test_what_cannot_be_read_is_left_to_the_crawl(tmp_path):
    assert answer_seconds(os.fsencode(tmp_path / "none")) == 0
    (tmp_path / "empty").mkdir()
    assert threads_for(answer_seconds(os.fsencode(tmp_path / "empty"))) >= FEWEST


def test_a_mount_over_a_network_gets_many(tmp_path):
    try:
        with slow_file_system(make_tree(tmp_path), readdirplus=True) as mount:
            assert threads_for(answer_seconds(os.fsencode(mount))) == MOST
    except SlowFileSystemMissing as missing:
        pytest.skip(str(missing))
