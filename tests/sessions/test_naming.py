from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sessions.examples import times
from tidemark.sessions.naming import index_id, is_index_id, is_session_id, moment_of, session_id

FILE_SYSTEM = "fs-0123456789abcdef0"
# Source: StartExecution, name: at most 80 characters, none of these.
NOT_A_NAME = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")


@given(times)
def test_ids_can_name_executions(moment: datetime) -> None:
    # The longest names there are: a policy's is bounded by the configuration, an EFS id has 17 digits today.
    for name in (session_id("p" * 32, FILE_SYSTEM, moment), index_id(FILE_SYSTEM, moment, 15)):
        assert len(name) <= 80
        assert not NOT_A_NAME.search(name)
    assert is_session_id(session_id("nightly", FILE_SYSTEM, moment))
    assert is_index_id(index_id(FILE_SYSTEM, moment, 15))


@given(times, times)
def test_index_ids_sort_by_time(one: datetime, other: datetime) -> None:
    if one < other:
        assert index_id(FILE_SYSTEM, one, 15) < index_id(FILE_SYSTEM, other, 0)


@given(times, st.integers(0, 999_999), st.integers(0, 999_999))
def test_index_ids_of_one_second_sort_by_time(moment: datetime, one: int, other: int) -> None:
    first, second = (moment.replace(microsecond=each) for each in sorted((one, other)))
    if first < second:
        assert index_id(FILE_SYSTEM, first, 15) < index_id(FILE_SYSTEM, second, 0)


@given(times)
def test_two_ids_of_one_microsecond_differ_by_their_last_digit(moment: datetime) -> None:
    ids = {index_id(FILE_SYSTEM, moment, digit) for digit in range(16)}
    assert len(ids) == 16
    assert len({each[:-1] for each in ids}) == 1
    for digit in (-1, 16):
        with pytest.raises(ValueError, match="0 to 15"):
            index_id(FILE_SYSTEM, moment, digit)


def test_ids_of_earlier_versions_are_index_ids() -> None:
    # Their last six digits are random.
    assert is_index_id("fs-0123456789abcdef0-20261122T020000Z-ffffff")


@given(times, st.integers(-12, 14))
def test_a_session_has_one_name_in_every_time_zone(moment: datetime, hours: int) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(hours=hours)))
    assert session_id("nightly", FILE_SYSTEM, elsewhere) == session_id("nightly", FILE_SYSTEM, moment)


def test_the_name_contains_policy_file_system_and_time() -> None:
    moment = datetime(2026, 11, 22, 2, tzinfo=UTC)
    assert session_id("nightly", "fs-0123", moment) == "nightly-fs-0123-20261122T020000Z"
    later = moment.replace(microsecond=999_999)
    assert index_id("fs-0123", moment, 0) == "fs-0123-20261122T020000Z-000000"
    assert index_id("fs-0123", later, 15) == "fs-0123-20261122T020000Z-f423ff"  # 999,999 is f423f


@given(times)
def test_the_time_of_a_session_is_parsed_from_its_name(moment: datetime) -> None:
    assert moment_of(session_id("nightly", FILE_SYSTEM, moment)) == moment.replace(microsecond=0)
    assert moment_of("nightly-1") is None


@pytest.mark.parametrize("text", ["", "a b", "a:b", "a/b", "-a", "a" * 81, "a\n", "../a", "ä"])
def test_a_text_with_other_characters_is_not_a_session_id(text: str) -> None:
    assert not is_session_id(text)
