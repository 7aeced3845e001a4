"""StartRestoreJob's metadata: which paths and file systems it can name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.backup.errors import InvalidParameterValue
from localcloud.backup.restore_metadata import ItemLimit, read_items, read_metadata

TO_NEW = {"newFileSystem": "true", "Encrypted": "true", "CreationToken": "t"}
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1).filter(
    lambda name: name not in (".", "..")
)
paths = st.lists(names, min_size=1).map("/".join)


@given(st.lists(paths, min_size=1, max_size=5), st.booleans())
def test_every_name_that_is_unicode_text_can_be_restored(items: list[str], leading_slash: bool) -> None:
    sent = json.dumps(["/" * leading_slash + item for item in items])
    assert read_items({"ItemsToRestore": sent}, ItemLimit()) == tuple(items)


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '"/a"', "[1]", '["/"]', '["/a/../../b"]', '[".."]', '["a//b"]', '["./a"]', "nonsense"],
)
def test_items_that_are_no_paths_below_the_root_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameterValue):
        read_items({"ItemsToRestore": text}, ItemLimit())


@pytest.mark.parametrize("item", ["\udcff", "a/\ud800", "nul\0"])
def test_items_that_are_no_text_are_refused(item: str) -> None:
    with pytest.raises(InvalidParameterValue, match="not valid text"):
        read_items({"ItemsToRestore": json.dumps([item])}, ItemLimit())


@given(st.integers(1, 20), st.one_of(st.none(), st.integers(1, 20)))
def test_the_limit_of_items_is_exact(count: int, most: int | None) -> None:
    sent = {"ItemsToRestore": json.dumps([f"/{number}" for number in range(count)])}
    if most is None or count <= most:
        assert len(read_items(sent, ItemLimit(most=most))) == count
    else:
        with pytest.raises(InvalidParameterValue, match=f"at most {most} items, not {count}"):
            read_items(sent, ItemLimit(most=most))


@pytest.mark.parametrize("value", [{"most": 0}, {"most": "5"}, {"most": True}])
def test_a_limit_is_a_positive_number_or_none(value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="number above 0"):
        ItemLimit().set(value)


def test_the_metadata_has_at_most_200_kilobytes_however_many_items_are_allowed() -> None:
    limit = ItemLimit(most=None)
    names = {"file-system-id": "fs-01234567"}
    rest = 200_000 - sum(len(text) for text in ("file-system-id", "fs-01234567", "ItemsToRestore", '[""]'))
    assert read_metadata({**names, "ItemsToRestore": json.dumps(["x" * rest])}, limit).items
    with pytest.raises(InvalidParameterValue, match="200,001 bytes"):
        read_metadata({**names, "ItemsToRestore": json.dumps(["x" * (rest + 1)])}, limit)


def test_an_existing_file_system_is_named_by_its_id_and_a_new_one_ignores_it() -> None:
    existing = read_metadata({"file-system-id": "fs-01234567", "newFileSystem": "false"}, ItemLimit())
    assert (existing.file_system_id, existing.new) == ("fs-01234567", None)
    new = read_metadata({"file-system-id": "fs-01234567", **TO_NEW}, ItemLimit())
    assert new.file_system_id is None
    assert new.new is not None
    assert (new.new.performance_mode, new.new.encrypted) == ("generalPurpose", True)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"PerformanceMode": "fast"}, "PerformanceMode must be"),
        ({"Encrypted": "false", "KmsKeyId": "k"}, "Encrypted must be true"),
        ({"Encrypted": "maybe"}, "true or false"),
        ({"singleAzFilesystem": "true"}, "require each other"),
        ({"availabilityZoneName": "eu-central-1a"}, "require each other"),
        (
            {
                "singleAzFilesystem": "true",
                "availabilityZoneName": "eu-central-1a",
                "PerformanceMode": "maxIO",
            },
            "One Zone",
        ),
    ],
)
def test_contradictions_are_refused(changes: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidParameterValue, match=problem):
        read_metadata({**TO_NEW, **changes}, ItemLimit())
