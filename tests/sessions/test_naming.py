from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sessions.examples import times
from tidemark.sessions.naming import index_id, is_session_id, moment_of, session_id

FILE_SYSTEM = "fs-0123456789abcdef0"
# Source: StartExecution, name: at most 80 characters, none of these.
NOT_A_NAME = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")


@given(times)
def test_ids_can_name_executions(moment: datetime) -> None:
    # The longest names there are: a policy's is bounded by the configuration, an EFS id has 17 digits today.
    for name in (session_id("p" * 32, FILE_SYSTEM, moment), index_id(FILE_SYSTEM, moment, "0a1b2c")):
        assert len(name) <= 80
        assert not NOT_A_NAME.search(name)
    assert is_session_id(session_id("nightly", FILE_SYSTEM, moment))


@given(times, times)
def test_index_ids_sort_by_time_to_the_second(one: datetime, other: datetime) -> None:
    if one.replace(microsecond=0) < other.replace(microsecond=0):
        assert index_id(FILE_SYSTEM, one, "ffffff") < index_id(FILE_SYSTEM, other, "000000")


@given(times, st.integers(-12, 14))
def test_a_session_has_one_name_in_every_time_zone(moment: datetime, hours: int) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(hours=hours)))
    assert session_id("nightly", FILE_SYSTEM, elsewhere) == session_id("nightly", FILE_SYSTEM, moment)


def test_the_name_says_policy_file_system_and_time() -> None:
    moment = datetime(2026, 11, 22, 2, tzinfo=UTC)
    assert session_id("nightly", "fs-0123", moment) == "nightly-fs-0123-20261122T020000Z"
    assert index_id("fs-0123", moment, "0a1b2c") == "fs-0123-20261122T020000Z-0a1b2c"


@given(times)
def test_a_sessions_name_gives_its_moment_back(moment: datetime) -> None:
    assert moment_of(session_id("nightly", FILE_SYSTEM, moment)) == moment.replace(microsecond=0)
    assert moment_of("nightly-1") is None


@pytest.mark.parametrize("text", ["", "a b", "a:b", "a/b", "-a", "a" * 81, "a\n", "../a", "ä"])
def test_what_cannot_be_an_id_is_not_asked_for(text: str) -> None:
    assert not is_session_id(text)
