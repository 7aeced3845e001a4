"""The meaning of the options of a search."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.answers import conditions
from tidemark.answers.requests import InvalidRequest
from tidemark.escape import escape

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], (None, None)),
        (["+1G"], (10**9, None)),
        (["-10k"], (None, 10_000)),
        (["-10K"], (None, 10_000)),
        (["+1.5Gi"], (3 * 2**29, None)),
        (["0"], (0, 0)),
        (["+1k", "-1M", "+2k"], (2000, 10**6)),
        (["+7EB"], (7 * 10**18, None)),
    ],
)
def test_a_size_is_parsed_with_its_unit(texts, expected):
    assert conditions.size_range(texts) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3d", NOW + timedelta(days=3)),
        ("90min", NOW + timedelta(minutes=90)),
        ("2026-12-24", datetime(2026, 12, 24, tzinfo=UTC)),
        ("2026-12-24T06:00+01:00", datetime(2026, 12, 24, 5, tzinfo=UTC)),
    ],
)
def test_a_later_time_is_a_time_or_a_span_from_now(text, expected):
    assert conditions.later_of(text, NOW, "--until") == expected


@pytest.mark.parametrize("text", ["", "soon", "0d", "2026-11-22", "2026-11-22T02:00", "999999999y", "-3d"])
def test_a_later_time_must_be_valid_and_in_the_future(text):
    with pytest.raises(InvalidRequest):
        conditions.later_of(text, NOW, "--until")


@given(st.integers(0, 2**63 - 1))
def test_a_size_in_bytes_is_unchanged(number):
    assert conditions.size_range([f"+{number}"]) == (number, None)
    assert conditions.size_range([f"-{number}"]) == (None, number)


@pytest.mark.parametrize("text", ["", "+", "1X", "big", "1i", "+-1", "1 G", "9E9", "10E", "\u0661"])
def test_an_invalid_size_is_refused(text):
    with pytest.raises(InvalidRequest):
        conditions.size_range([text])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", NOW - timedelta(days=30)),
        ("90min", NOW - timedelta(minutes=90)),
        ("1y", NOW - timedelta(days=365)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T12:30", datetime(2026, 11, 1, 12, 30, tzinfo=UTC)),
        ("2026-11-01T12:30+02:00", datetime(2026, 11, 1, 10, 30, tzinfo=UTC)),
    ],
)
def test_a_time_or_an_age_is_parsed(text, expected):
    assert conditions.moment_of(text, NOW, "--newer") == expected


@pytest.mark.parametrize("text", ["", "yesterday", "d", "-1d", "999999999y", "2026-13-01"])
def test_an_invalid_time_is_refused(text):
    with pytest.raises(InvalidRequest):
        conditions.moment_of(text, NOW, "--newer")


def test_an_owner_is_parsed():
    assert conditions.owner_of("1000") == (1000, None)
    assert conditions.owner_of("0:100") == (0, 100)
    assert conditions.owner_of(":0") == (None, 0)
    for text in ("", ":", "root", "1:", "-1", str(2**63)):
        with pytest.raises(InvalidRequest):
            conditions.owner_of(text)


def test_types_are_parsed():
    assert conditions.types_of("f,l") == {"f", "l"}
    for text in ("", "x", "fd", "f,"):
        with pytest.raises(InvalidRequest):
            conditions.types_of(text)


@given(st.text(max_size=12))
def test_any_text_has_a_meaning_or_is_refused(text):
    for read in (
        lambda: conditions.size_range([text]),
        lambda: conditions.moment_of(text, NOW, "--newer"),
        lambda: conditions.owner_of(text),
        lambda: conditions.types_of(text),
    ):
        with contextlib.suppress(InvalidRequest):
            read()


@given(st.text(st.sampled_from("\\x5cféa\udcff\udcc3\udca9*?"), max_size=6))
def test_a_pattern_can_be_typed_as_its_name_is_printed(name):
    raw = name.encode("utf-8", "surrogateescape")
    assert conditions.pattern_of(escape(raw), regex=False) == raw.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("typed", "expression"),
    [
        (r"caf\xe9$", "caf\udce9$"),
        (r"[\x80-\xFF]", "[\udc80-\udcff]"),
        (r"\xc3\xa9+", "é+"),
        (r"\x2a\x{e9}", r"\x2a\x{e9}"),
        (r"\\xe9", r"\\xe9"),
        (r"\\\xe9", "\\\\\udce9"),
        ("\udcff", "\udcff"),
    ],
)
def test_a_byte_in_a_regular_expression(typed, expression):
    assert conditions.pattern_of(typed, regex=True) == expression
