"""The names of file systems, relative to the home site."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.sessions.session import FileSystem

accounts = st.sampled_from(["111111111111", "222222222222"])
regions = st.sampled_from(["eu-central-1", "eu-west-1"])
ids = st.from_regex(r"fs-[0-9a-f]{17}", fullmatch=True)


@given(st.builds(FileSystem, accounts, regions, ids), accounts, regions)
def test_a_name_is_parsed_to_its_file_system_and_is_no_longer_than_needed(
    file_system: FileSystem, account: str, region: str
) -> None:
    home = (account, region)
    name = file_system.name_at(home)
    assert FileSystem.parse(name, home=home) == file_system
    assert FileSystem.parse(str(file_system), home=home) == file_system
    assert FileSystem.parse(str(file_system)) == file_system
    assert ("/" in name) == (file_system.site != home)


@pytest.mark.parametrize("text", ["fs-1", "eu-west-1/fs-1", "a/b/c/fs-1"])
def test_a_text_without_account_and_region_needs_a_home(text: str) -> None:
    with pytest.raises(ValueError, match="unpack"):
        FileSystem.parse(text)
