"""What is left out, and how fast crawlers may ask; each test runs on each crawler."""

from __future__ import annotations

import os
import threading
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.crawl.reading import rows_of
from tests.crawl.trees import found_by_find
from tidemark.crawl.crawler import CrawlOptions, CrawlStopped

EXCLUSIONS = [
    ([b"a"], {b"a"}),
    ([b"a/*"], {b"a/b", b"a/.hidden"}),
    ([b"*/b"], {b"a/b", b"z/b"}),
    ([b"a/b/[cd]", b"[!a]", b"[az]"], set()),  # brackets are what they are
    ([b"a*b"], set()),
    ([b"?/?/c", b"nothing"], {b"a/b/c"}),
    ([], set()),
    ([b"A", b"a/B"], set()),
    ([b"*"], {b"a", b"z"}),
    ([b"b", b"*b", b"/a", b"a/", b"c/d"], set()),  # whole paths only
]


@pytest.mark.parametrize(("patterns", "left_out"), EXCLUSIONS)
def test_excluded_directories_are_left_out_whole(crawler, tmp_path, patterns, left_out):
    for name in ("a/b/c/d", "a/.hidden", "z/b"):
        (tmp_path / name).mkdir(parents=True)
    every = {row.path[1:] for row in found_by_find(tmp_path)}

    rows, _ = rows_of(crawler(os.fsencode(tmp_path), CrawlOptions(exclude=patterns)))

    assert {row.path[1:] for row in rows} == {
        path for path in every if not any(path == out or path.startswith(out + b"/") for out in left_out)
    }


def test_files_and_links_are_never_left_out(crawler, tmp_path):
    (tmp_path / "scratch").write_text("a file")
    (tmp_path / "link").symlink_to("scratch")

    rows, _ = rows_of(crawler(os.fsencode(tmp_path), CrawlOptions(exclude=[b"scratch", b"l*"])))

    assert [row.path for row in rows] == [b"/link", b"/scratch"]


# Whatever means something to a glob, a regular expression or a locale.
NAMES = [
    b"a",
    b"b.a",
    b"[a]",
    b"[",
    b"\\a",
    b"\xff",
    b"\xc3\xa9",
    b"*",
    b"?",
    b"a|b",
    b"(a",
    b"^a$",
    b".a",
    b"\n",
]
PATHS = sorted([*NAMES, *(name + b"/" + below for name in NAMES for below in NAMES)])
PATTERN = st.lists(
    st.lists(st.sampled_from([*NAMES, b"*", b"?", b"]", b"!", b"-"]), min_size=1, max_size=4).map(b"".join),
    min_size=1,
    max_size=3,
).map(b"/".join)


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    root = os.fsencode(tmp_path_factory.mktemp("named"))
    for path in PATHS:
        os.makedirs(os.path.join(root, path), exist_ok=True)  # noqa: PTH103 - pathlib cannot hold these bytes
    return root


@given(patterns=st.lists(PATTERN, max_size=3))
@example(patterns=[b"*/?"])
@example(patterns=[b"\xff", b"?"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_patterns_mean_what_the_options_say(crawler, named, patterns):
    left_out = [path for path in PATHS if any(matches(pattern, path) for pattern in patterns)]

    rows, _ = rows_of(crawler(named, CrawlOptions(exclude=patterns)))

    assert [row.path[1:] for row in rows] == [
        path for path in PATHS if not any(path == out or path.startswith(out + b"/") for out in left_out)
    ]


def matches(pattern: bytes, path: bytes) -> bool:
    """Say the same as CrawlOptions.exclude, slowly."""
    if not pattern:
        return not path
    first, rest = pattern[:1], pattern[1:]
    if first == b"*":
        return matches(rest, path) or (path[:1] not in (b"", b"/") and matches(pattern, path[1:]))
    return (
        path != b""
        and (first == path[:1] or (first == b"?" and path[:1] != b"/"))
        and matches(rest, path[1:])
    )


@pytest.mark.parametrize("threads", [1, 4])
def test_a_rate_limit_is_kept(crawler, tmp_path, threads):
    for number in range(100):
        (tmp_path / f"{number}").write_text("")
    started = time.monotonic()
    rows, _ = rows_of(
        crawler(os.fsencode(tmp_path), CrawlOptions(threads=threads, operations_per_second=200))
    )

    assert len(rows) == 100
    assert 0.4 < time.monotonic() - started < 5


def test_a_slow_crawl_is_heard_of_before_a_batch_is_full(crawler, tmp_path):
    for number in range(300):
        (tmp_path / f"{number}").write_text("")
    crawl = crawler(os.fsencode(tmp_path), CrawlOptions(operations_per_second=80))

    batches = [batch.rows for batch in crawl.batches()]

    assert sum(batches) == 300
    assert len(batches) > 1


def test_a_crawl_can_be_stopped_while_it_waits_for_its_turn(crawler, tmp_path):
    for number in range(100):
        (tmp_path / f"{number}").write_text("")
    crawl = crawler(os.fsencode(tmp_path), CrawlOptions(operations_per_second=1))
    threading.Timer(0.3, crawl.stop).start()
    started = time.monotonic()
    with pytest.raises(CrawlStopped):
        list(crawl.batches())
    assert time.monotonic() - started < 5
