"""What is written as YAML is read back by a YAML library."""

from __future__ import annotations

from io import StringIO
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tidemark.policy.yaml_text import yaml_text

# What YAML may read as another type, or as its own syntax.
TRICKY = [
    "on",
    "Yes",
    "null",
    "1e5",
    "0x1f",
    "12:30",
    "1 day",
    "- a",
    "a: b",
    "a #b",
    "",
    " a",
    "~",
    "010",
    "2026-01-01",
]
texts = (
    st.sampled_from(TRICKY)
    | st.text(st.characters(codec="utf-8"), max_size=6)
    | st.from_regex(r"[a-z0-9 :#,-]{0,12}", fullmatch=True)
)
keys = st.from_regex(r"[a-z][a-z_0-9]{0,8}-?[0-9]?", fullmatch=True)
scalars = texts | st.integers(-(10**6), 10**6) | st.booleans()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(keys, values, min_size=1, max_size=3))
def test_values_are_read_back(value: dict[str, Any]) -> None:
    assert YAML(typ="safe", pure=True).load(StringIO(yaml_text(value))) == value


def test_policies_are_blocks_and_short_values_are_in_one_line() -> None:
    value = {
        "region": "eu-central-1",
        "policies": {
            "nightly": {
                "file_systems": ["fs-0123456789abcdef0"],
                "schedules": {"daily": {"at": ["02:00", "14:00"], "on": "monday", "keep": "14 days"}},
                "copies": [{"region": "eu-west-1", "keep": "90 days"}],
                "index": {"exclude": ["/scratch"]},
            }
        },
    }
    assert (
        yaml_text(value)
        == """\
region: eu-central-1
policies:
  nightly:
    file_systems: [fs-0123456789abcdef0]
    schedules:
      daily: {at: ["02:00", "14:00"], on: monday, keep: 14 days}
    copies:
      - {region: eu-west-1, keep: 90 days}
    index: {exclude: ["/scratch"]}
"""
    )
