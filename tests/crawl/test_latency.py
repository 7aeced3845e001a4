"""The number of threads follows the latency of the file system."""

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
def test_slower_responses_give_more_threads(seconds, threads):
    assert threads_for(seconds) == threads


def make_tree(root):
    for number in range(40):
        (root / f"d{number}" / "e").mkdir(parents=True)
        (root / f"d{number}" / "file").write_text("")
    return root


def test_immediate_responses_give_few_threads(tmp_path):
    assert threads_for(answer_seconds(os.fsencode(make_tree(tmp_path)), clock=lambda: 0.0)) == FEWEST


def test_responses_after_a_millisecond_give_many_threads(tmp_path, monkeypatch):
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


def test_a_missing_or_empty_root_has_a_latency_and_raises_no_error(tmp_path):
    assert answer_seconds(os.fsencode(tmp_path / "none")) == 0
    (tmp_path / "empty").mkdir()
    assert threads_for(answer_seconds(os.fsencode(tmp_path / "empty"))) >= FEWEST


def test_a_network_mount_gives_many_threads(tmp_path):
    try:
        with slow_file_system(make_tree(tmp_path), readdirplus=True) as mount:
            assert threads_for(answer_seconds(os.fsencode(mount))) == MOST
    except SlowFileSystemMissing as missing:
        pytest.skip(str(missing))
