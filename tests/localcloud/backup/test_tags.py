"""The rules for tags, as properties."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.backup.errors import BackupError, InvalidParameterValue, LimitExceeded
from localcloud.backup.tags import (
    MOST_TAGS,
    check_job_tags,
    check_resource_tags,
    check_tags,
    recovery_point_tags,
)

allowed = st.one_of(
    st.characters(categories=["L", "N", "Z"]),  # what \p{L}, \p{N} and \p{Z} stand for
    st.sampled_from("_.:/=+-@"),
)
keys = st.text(allowed, min_size=1, max_size=128).filter(lambda key: not key.lower().startswith("aws:"))
values = st.text(allowed, max_size=256)


@given(st.dictionaries(keys, values, max_size=10))
def test_every_tag_within_the_limits_is_accepted(tags: dict[str, str]) -> None:
    check_job_tags(tags)


@given(keys, values, st.characters(categories=["P", "S", "C"], exclude_characters="_.:/=+-@"), st.booleans())
def test_any_other_character_is_refused(key: str, value: str, wrong: str, in_key: bool) -> None:
    tags = {key[:100] + wrong: value} if in_key else {key: value[:200] + wrong}
    with pytest.raises(InvalidParameterValue, match=re.escape(repr(wrong))):
        check_tags(tags)


@pytest.mark.parametrize(
    "tags", [{"": "x"}, {"k" * 129: "x"}, {"k": "v" * 257}, {"aws:backup": "x"}, {"AWS:x": "x"}]
)
def test_lengths_and_the_reserved_prefix_are_enforced(tags: dict[str, str]) -> None:
    with pytest.raises(InvalidParameterValue):
        check_tags(tags)


def test_a_job_assigns_ten_tags_and_a_resource_carries_fifty() -> None:
    with pytest.raises(LimitExceeded):
        check_job_tags({f"k{number}": "" for number in range(11)})
    check_resource_tags({f"k{number}": "" for number in range(50)})
    with pytest.raises(BackupError):
        check_resource_tags({f"k{number}": "" for number in range(51)})


@given(st.dictionaries(keys, values, max_size=10), st.dictionaries(keys, values, max_size=60))
def test_assigned_tags_win_and_never_more_than_fifty_are_carried(
    assigned: dict[str, str], inherited: dict[str, str]
) -> None:
    tags = recovery_point_tags(assigned, inherited)
    assert len(tags) <= MOST_TAGS
    assert assigned.items() <= tags.items()
    assert tags.items() <= {**inherited, **assigned}.items()
    if len(tags) < MOST_TAGS:
        assert tags == {**inherited, **assigned}
