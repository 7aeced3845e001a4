"""The selection of an index, and the report on skipped ones."""

from __future__ import annotations

import json

import pytest

from tests.index.building import FILE_SYSTEM, directory, index_rows, row
from tests.index.test_manifest import sealed
from tidemark.index.storage.object_store import FileStore

# With the id of a file system, or without one: each command reads the newest index, or all.
COMMANDS = [
    ("ls", f"{FILE_SYSTEM}:/"),
    ("usage", FILE_SYSTEM),
    ("index", "show", FILE_SYSTEM),
    ("index", "verify", FILE_SYSTEM),
    ("index", "list"),
    ("history", "/a"),
    ("search", "a"),
    ("search", "a", "--all"),
    ("search", "a", "--all", "--count"),
    ("search", "a", "--index", FILE_SYSTEM),
    ("search", "a", "--file-system", FILE_SYSTEM),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    top = tmp_path_factory.mktemp("built")
    store = FileStore(top / "repository")
    return store, [index_rows(store, top, [row("/a", size=n)], number=n) for n in (1, 2, 3)]


@pytest.fixture
def repository(built):
    store, made = built
    yield store
    for manifest in made:
        store.put(manifest.key, manifest.to_json())


@pytest.fixture
def made(built):
    return built[1]


def damage(repository, manifest):
    repository.put(manifest.key, b"{}")


def renew(repository, manifest):
    content = json.loads(repository.get(manifest.key))
    repository.put(manifest.key, sealed({**content, "format_version": 2}))


SPOILED = [(damage, 44, "is not an intact manifest"), (renew, 45, "was written by a newer Tidemark")]


@pytest.mark.parametrize(("spoil", "code", "why"), SPOILED)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_index_that_cannot_be_read_is_skipped(tidemark, repository, made, command, spoil, code, why):
    spoil(repository, made[2])
    result = tidemark(*command, "--repository", repository.url, "--json")
    assert result.code == code
    (line,) = result.err.splitlines()
    assert line.startswith(f"! skipped: {repository.url}/{made[2].key} {why}")
    assert made[1].index_id in result.out
    assert made[2].index_id not in result.out


@pytest.mark.parametrize(("spoil", "code", "why"), SPOILED)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_another_index_there_is_no_answer(tidemark, repository, made, command, spoil, code, why):
    for manifest in made:
        spoil(repository, manifest)
    result = tidemark(*command, "--repository", repository.url)
    assert (result.code, result.out) == (code, "")
    assert result.err.count(f"{made[2].key} {why}") == 1
    assert "tidemark: in the readable indexes: " in result.err


@pytest.mark.parametrize(("spoil", "code", "why"), SPOILED)
def test_an_index_named_by_its_own_id_is_not_skipped(tidemark, repository, made, spoil, code, why):
    spoil(repository, made[2])
    named = made[2].index_id
    for command in (
        ("ls", f"{named}:/"),
        ("usage", named),
        ("index", "show", named),
        ("index", "verify", named),
        ("diff", made[0].index_id, named),
        ("search", "a", "--index", named),
    ):
        result = tidemark(*command, "--repository", repository.url)
        assert (result.code, result.out) == (code, "")
        assert why in result.err
        assert "skipped" not in result.err


def test_two_readable_indexes_are_compared_despite_the_damaged_one(tidemark, repository, made):
    damage(repository, made[2])
    result = tidemark("diff", made[0].index_id, FILE_SYSTEM, "--repository", repository.url, "--json")
    assert (result.code, result.err.count("! skipped: ")) == (44, 1)
    assert result.document["to"] == made[1].index_id
    assert [change["path"] for change in result.document["changes"]] == ["/a"]


def test_a_text_that_names_no_index_is_still_reported(tidemark, repository, made):
    damage(repository, made[2])
    result = tidemark("diff", FILE_SYSTEM, "typo", "--repository", repository.url)
    assert result.code == 44
    assert "in the readable indexes: 'typo' is not an index id" in result.err


def test_damage_weighs_more_than_a_newer_format(tidemark, repository, made):
    renew(repository, made[2])
    damage(repository, made[1])
    result = tidemark("ls", FILE_SYSTEM, "--repository", repository.url)
    assert (result.code, result.err.count("! skipped: ")) == (44, 2)
    assert "  a\n" in result.out


def test_a_path_missing_from_the_readable_indexes_may_be_in_the_skipped_one(tidemark, repository, made):
    damage(repository, made[2])
    result = tidemark("ls", f"{FILE_SYSTEM}:/none", "--repository", repository.url)
    assert result.code == 44
    assert "in the readable indexes: /none does not exist in index" in result.err


def test_a_note_explains_byte_counts_when_hard_links_make_a_difference(tidemark, tmp_path):
    linked = {"nlink": 2, "inode": 9, "size": 4_000}
    rows = [directory("/d"), row("/d/a", **linked), row("/d/b", **linked), row("/c", size=1_000)]
    store = FileStore(tmp_path / "repository")
    index = index_rows(store, tmp_path, rows).index_id
    at = ("--repository", store.url)
    note = (
        "Hard-linked files count once for each of their names here: 9.0 kB in the whole index, "
        "5.0 kB with each file counted once."
    )
    for command in (("usage", index), ("usage", index, "--under", "/d"), ("ls", f"{index}:/")):
        assert tidemark(*command, *at).err.endswith(f" UTC\n{note}\n")
    for page in (("ls", f"{index}:/", "--limit", "1"), ("ls", f"{index}:/", "--after", "c")):
        assert note not in tidemark(*page, *at).err
    assert "5.0 kB (each hard-linked file once)" in tidemark("index", "show", index, *at).out
    document = tidemark("usage", index, "--under", "/d", *at, "--json").document
    assert document["bytes"] == 8_000
    assert (document["index_bytes_each_name"], document["index_bytes_once"]) == (9_000, 5_000)
    assert tidemark("index", "show", index, *at, "--json").document["bytes"] == 5_000


def test_bytes_without_hard_links_need_no_note(tidemark, repository, made):
    for command in (("usage", FILE_SYSTEM), ("ls", FILE_SYSTEM)):
        said = tidemark(*command, "--repository", repository.url).err
        assert said == f"{made[2].index_id}, crawled 2026-11-04 00:00:00 UTC\n"


def test_without_a_deployment_a_repository_can_be_named(tidemark):
    for command in COMMANDS:
        result = tidemark(*command)
        assert (result.code, result.out) == (23, "")
        assert "without a deployment, name it with: --repository URL" in result.err
