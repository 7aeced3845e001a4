"""Output to a terminal, and input typed there."""

from __future__ import annotations

import io
import json
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.cli.output import terminal
from tidemark.escape import escape


@given(st.binary(max_size=40).filter(lambda raw: b"/" not in raw))
def test_any_name_is_shown_harmlessly_and_can_be_typed_back(raw):
    shown = terminal.printable(escape(raw))
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Cs"} for character in shown)
    assert terminal.typed(shown) == raw


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("report.txt", "report.txt"),
        ("Übersicht 日本.xlsx", "Übersicht 日本.xlsx"),
        ("a\nb", r"a\x0ab"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b2J", r"\xc2\x9b2J"),
        ("gpj.\u202eexe", r"gpj.\xe2\x80\xaeexe"),
    ],
)
def test_control_characters_are_shown_as_bytes(name, shown):
    assert terminal.printable(name) == shown


def test_bytes_that_are_not_text_can_be_typed_raw_or_as_shown():
    assert terminal.typed("caf\udce9") == terminal.typed(r"caf\xe9") == b"caf\xe9"


def test_json_is_ascii_and_keeps_every_character(capsys):
    value = {"path": "/\x1b[2J\u202e日本"}
    terminal.print_json(value)
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out) == value


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9949, "9.9 kB"),
        (9950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (17_700_000, "18 MB"),
        (2**63 - 1, "9.2 EB"),
    ],
)
def test_a_size_is_shown_with_its_unit(number, shown):
    assert terminal.size(number) == shown


@given(st.integers(0, 2**63 - 1))
def test_a_size_is_never_wider_than_its_column(number):
    assert len(terminal.size(number)) <= 7


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
        (100_800, "1 d 04 h"),
    ],
)
def test_durations(seconds, shown):
    assert terminal.duration(timedelta(seconds=seconds)) == shown


def test_times_are_utc():
    there = datetime.fromisoformat("2026-11-22T03:00:00.75+01:00")
    assert terminal.moment(there) == "2026-11-22 02:00:00"
    assert terminal.json_time(there) == "2026-11-22T02:00:00Z"
    assert terminal.json_time(None) is None


def test_a_pipe_gets_whole_lines(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    terminal.console().print("s" * 300)
    assert "s" * 300 in stream.getvalue()


def test_counts_have_a_plural():
    assert terminal.count(1, "file") == "1 file"
    assert terminal.count(12_345, "directory", "directories") == "12,345 directories"


def test_a_missing_time_is_shown_as_a_dash():
    assert terminal.moment(None) == "-"
    assert terminal.clock(datetime(2026, 1, 1, 2, 3, 4, tzinfo=UTC)) == "02:03:04"


def test_times_of_any_year_have_the_same_width():
    for year in (1, 999, 2026, 9999):
        time = datetime(year, 1, 2, 3, 4, 5, tzinfo=UTC)
        assert (terminal.moment(time)[4:], terminal.minute(time)[4:]) == ("-01-02 03:04:05", "-01-02 03:04")


def test_a_typed_byte_that_is_not_text_is_shown_as_that_byte():
    assert terminal.quoted("caf\udce9") == r"'caf\xe9'"
    assert terminal.quoted("a\ud800\n") == r"'a\xed\xa0\x80\x0a'"
