"""Exclusions and rate limits; each test runs on each crawler."""

from __future__ import annotations

import os
import re
import threading
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.crawl.reading import rows_of
from tests.crawl.trees import found_by_find
from tidemark.crawl.crawler import CrawlOptions, CrawlStopped
from tidemark.exclusions import Exclusion

# Patterns, and which directories of the tree below each of them leaves out.
EXCLUSIONS = [
    (["/a"], ["a"]),
    (["/a/*"], ["a/b", "a/.hidden"]),
    (["*/b"], ["a/b", "z/b"]),
    (["a/b/\\[cd]", "/\\[a]", "/[z]"], ["z"]),
    (["/a*b"], []),
    (["/?/?/c", "nothing"], ["a/b/c"]),
    ([], []),
    (["A", "a/B"], []),
    (["/*"], ["a", "z"]),
    (["/b", "/*b", "c/d"], []),  # from the root
    (["b"], ["a/b", "z/b"]),  # at any depth
    (["c/", "d/"], ["a/b/c"]),
    (["./z", "/a//b/"], ["z", "a/b"]),
    (["/**/d"], ["a/b/c/d"]),
    (["/a/**/d"], ["a/b/c/d"]),
    (["/a/**/b"], ["a/b"]),  # of no directory, too
    (["/a/**"], ["a/b", "a/.hidden"]),
    (["**/c/**"], ["a/b/c/d"]),
    (["/**"], ["a", "z"]),
    (["/[a-m]"], ["a"]),
    (["/[!a-m]"], ["z"]),
]


@pytest.mark.parametrize(("patterns", "left_out"), EXCLUSIONS)
def test_excluded_directories_are_omitted_with_their_content(crawler, tmp_path, patterns, left_out):
    for name in ("a/b/c/d", "a/.hidden", "z/b"):
        (tmp_path / name).mkdir(parents=True)
    every = {os.fsdecode(row.path[1:]) for row in found_by_find(tmp_path)}

    rows, _ = rows_of(crawler(os.fsencode(tmp_path), options(*patterns)))

    assert {os.fsdecode(row.path[1:]) for row in rows} == {
        path for path in every if not any(path == out or path.startswith(out + "/") for out in left_out)
    }


def test_files_and_links_are_never_excluded(crawler, tmp_path):
    (tmp_path / "scratch").write_text("a file")
    (tmp_path / "link").symlink_to("scratch")

    rows, _ = rows_of(crawler(os.fsencode(tmp_path), options("scratch", "l*")))

    assert [row.path for row in rows] == [b"/link", b"/scratch"]


def test_each_pattern_counts_the_directories_that_it_excludes(crawler, tmp_path):
    for name in ("a/cache", "b/cache", "b/c"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "file").write_text("")
    crawl = crawler(os.fsencode(tmp_path), options("cache", "/b/c*", "/file", "/a/cache/below"))

    list(crawl.batches())

    assert list(crawl.left_out()) == [2, 2, 0, 0]


# Characters that are special in a pattern, in the core, in a regular expression or in UTF-8.
NAMES = [
    b"a", b"b.a", b"[a]", b"[", b"\\a", b"\xff", b"\xc3\xa9", b"\xc3", b"\xed\xa0\x80", b"\xf9\x80\x80\x80",
    b"\xf0\x9f\x8c\x8a", b"*", b"?", b"a|b", b"(a", b"^a$", b".a", b"\n", b"\1", b"\4\6", b"\7a",
]  # fmt: skip
PATHS = sorted([*NAMES, *(name + b"/" + below for name in NAMES for below in NAMES)])
LITERAL = st.sampled_from([re.sub(r"([*?\[\\])", r"\\\1", os.fsdecode(name)) for name in NAMES])
WILD = st.sampled_from(
    ["*", "?", "[a-c]", "[!a]", "[\\x80-\\xff]", "[é-🌊]", "[!\1-\7]", "\\xc3", "\\xa9", "."]
)
PATTERN = st.lists(
    st.just("**") | st.lists(LITERAL | WILD, min_size=1, max_size=3).map("".join), min_size=1, max_size=4
).map(lambda names: "/" + "/".join(names))


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    root = os.fsencode(tmp_path_factory.mktemp("named"))
    for path in PATHS:
        os.makedirs(os.path.join(root, path), exist_ok=True)  # noqa: PTH103 - pathlib cannot hold these bytes
    return root


@given(patterns=st.lists(PATTERN, max_size=3))
@example(patterns=["/*/?"])
@example(patterns=["/\\xff", "/?"])
@example(patterns=["/*\\xa9"])
@example(patterns=["/**/[!a]*[!a]"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_crawlers_interpret_patterns_equally(crawler, named, patterns):
    try:
        chosen = options(*patterns)
    except ValueError:  # a name of nothing but dots
        return
    left_out = [path for path in PATHS if any(matches(str(each), path) for each in chosen.exclude)]

    rows, _ = rows_of(crawler(named, chosen))

    assert [row.path[1:] for row in rows] == [
        path for path in PATHS if not any(path == out or path.startswith(out + b"/") for out in left_out)
    ]


def options(*patterns):
    return CrawlOptions(exclude=[Exclusion.parse(pattern) for pattern in patterns])


def matches(pattern: str, path: bytes) -> bool:
    """Return whether a pattern from the root matches a whole path, by trying all splits into names."""

    def names(pattern: list[str], path: list[str]) -> bool:
        if not pattern or not path:
            return pattern == path
        if pattern[0] == "**":
            return names(pattern[1:], path) or names(pattern, path[1:])
        return name(pattern[0], path[0]) and names(pattern[1:], path[1:])

    def name(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return name(pattern[1:], text) or (text != "" and name(pattern, text[1:]))
        piece = re.match(r"\\x..|\\.|\[!?(?:\\x..|\\.|[^]])*\]|.", pattern, re.DOTALL)[0]
        return text != "" and one(piece, text[0]) and name(pattern[len(piece) :], text[1:])

    def one(piece: str, character: str) -> bool:
        if piece[0] != "[":
            return piece == "?" or plain(piece) == character
        ends = [plain(end) for end in re.findall(r"\\x..|\\.|[^-]", piece[1:-1].removeprefix("!"), re.DOTALL)]
        pairs = [(ends[0], ends[-1])]  # no set here has more than one range
        return any(low <= character <= high for low, high in pairs) != piece.startswith("[!")

    def plain(piece: str) -> str:
        if piece.startswith("\\x"):
            return os.fsdecode(bytes.fromhex(piece[2:]))
        return piece.removeprefix("\\") or piece

    return names(pattern[1:].split("/"), os.fsdecode(path).split("/"))


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


def test_a_slow_crawl_returns_a_batch_before_it_is_full(crawler, tmp_path):
    for number in range(300):
        (tmp_path / f"{number}").write_text("")
    crawl = crawler(os.fsencode(tmp_path), CrawlOptions(operations_per_second=80))

    batches = [batch.rows for batch in crawl.batches()]

    assert sum(batches) == 300
    assert len(batches) > 1


def test_a_crawl_can_be_stopped_while_the_rate_limit_delays_it(crawler, tmp_path):
    for number in range(100):
        (tmp_path / f"{number}").write_text("")
    crawl = crawler(os.fsencode(tmp_path), CrawlOptions(operations_per_second=1))
    threading.Timer(0.3, crawl.stop).start()
    started = time.monotonic()
    with pytest.raises(CrawlStopped):
        list(crawl.batches())
    assert time.monotonic() - started < 5
