"""Settings are read back from the environment, and errors in it are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.errors import ConfigurationError
from tidemark.settings import WorkerSettings

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
workers = st.builds(
    WorkerSettings,
    **dict.fromkeys(("task_token", "index_id", "account", "region", "file_system_id", "repository"), texts),
    root=texts,
    exclude=st.lists(texts, max_size=3).map(tuple),
    operations_per_second=st.integers(0),
    heartbeat_seconds=st.integers(0),
)


@given(workers)
def test_settings_survive_the_environment(settings: WorkerSettings) -> None:
    assert WorkerSettings.from_environment(settings.to_environment()) == settings


def test_settings_with_a_default_may_be_missing_and_all_errors_are_reported() -> None:
    wrong = {"TIDEMARK_INDEX_ID": "i", "TIDEMARK_HEARTBEAT_SECONDS": "-1", "TIDEMARK_EXCLUDE": "/scratch"}
    with pytest.raises(ConfigurationError) as caught:
        WorkerSettings.from_environment(wrong)
    said = str(caught.value)
    for variable in ("TASK_TOKEN", "ACCOUNT", "REGION", "FILE_SYSTEM_ID", "REPOSITORY"):
        assert f"TIDEMARK_{variable}" in said
    assert "TIDEMARK_HEARTBEAT_SECONDS (not a whole number: '-1')" in said
    assert "TIDEMARK_EXCLUDE (not a list in JSON: '/scratch')" in said
    assert "TIDEMARK_ROOT" not in said


@pytest.mark.parametrize("text", ["1", "null", '"text"', "[1]", "{}"])
def test_a_list_of_anything_but_texts_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="TIDEMARK_EXCLUDE"):
        WorkerSettings.from_environment({"TIDEMARK_EXCLUDE": text})
