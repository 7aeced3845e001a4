"""tidemark index verify: intact, or its findings."""

from __future__ import annotations

import pytest

from tests.index.building import index_rows, row


@pytest.fixture
def made(repository, tmp_path):
    return index_rows(repository, tmp_path, [row("/a"), row("/b")])


def test_a_whole_index(tidemark, repository, made):
    result = tidemark("index", "verify", made.index_id, "--repository", repository.url)
    assert result.code == 0, result.err
    assert "is intact" in result.out
    document = tidemark("index", "verify", made.index_id, "--repository", repository.url, "--json").document
    files = (*made.parts, *made.side_files)
    assert (document["whole"], document["findings"]) == (True, [])
    assert (document["files"], document["size_bytes"]) == (len(files), sum(file.bytes for file in files))


@pytest.mark.parametrize("damage", ["missing", "truncated", "altered"])
def test_a_damaged_file_is_named(tidemark, repository, made, damage):
    key = made.identity.prefix + made.parts[0].file
    body = repository.get(key)
    if damage == "missing":
        repository.discard(key)
    else:
        repository.put(
            key, body[:-1] if damage == "truncated" else bytes([*body[:9], body[9] ^ 1, *body[10:]])
        )
    result = tidemark("index", "verify", made.index_id, "--repository", repository.url)
    assert result.code == 44
    assert f"{repository.url}/{key}" in result.out
    assert "1 place" in result.err
    result = tidemark("index", "verify", made.index_id, "--repository", repository.url, "--json")
    assert result.code == 44
    assert result.document["whole"] is False
    assert result.document["findings"][0]["url"] == f"{repository.url}/{key}"


def test_every_side_file_is_checked(tidemark, repository, made):
    for file in made.side_files:
        repository.discard(made.identity.prefix + file.file)
    result = tidemark("index", "verify", made.index_id, "--repository", repository.url, "--json")
    assert len(result.document["findings"]) == len(made.side_files)
