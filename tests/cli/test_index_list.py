"""tidemark index list: the indexes of a repository."""

from __future__ import annotations

import pytest

from tests.index.building import FILE_SYSTEM, index_rows, row


def test_indexes_are_listed_newest_first(tidemark, repository, tmp_path):
    made = [index_rows(repository, tmp_path, [row("/a")] * n, number=n).index_id for n in (1, 2)]
    result = tidemark("index", "list", "--repository", repository.url)
    assert result.code == 0, result.err
    assert [line.split()[-1] for line in result.out.splitlines()[1:]] == made[::-1]
    documents = tidemark("index", "list", "--repository", repository.url, "--json").document["indexes"]
    assert [each["index_id"] for each in documents] == made[::-1]
    assert documents[0]["previous_index_id"] == made[0]
    assert documents[0]["crawl_started_at"] == "2026-11-03T00:00:00Z"


def test_indexes_of_one_file_system_are_listed(tidemark, repository, tmp_path):
    index_rows(repository, tmp_path, [row("/a")])
    arguments = ("index", "list", "--repository", repository.url, "--file-system")
    assert FILE_SYSTEM in tidemark(*arguments, FILE_SYSTEM).out
    assert tidemark(*arguments, "fs-ffffffffffffffff0").out == ""
    assert tidemark(*arguments, "nonsense").code == 14


def test_an_empty_repository_is_reported_without_an_error(tidemark, repository):
    result = tidemark("index", "list", "--repository", repository.url)
    assert (result.code, result.out) == (0, "")
    assert "tidemark index build DIR" in result.err


def test_without_a_url_it_is_the_deployments_repository(tidemark, deployment, tmp_path):
    made = index_rows(deployment.store, tmp_path, [row("/a")]).index_id
    assert made in tidemark("index", "list").out


def test_a_damaged_manifest_is_named(tidemark, repository, tmp_path):
    manifest = index_rows(repository, tmp_path, [row("/a")])
    repository.put(manifest.key, b"{}")
    result = tidemark("index", "list", "--repository", repository.url)
    assert result.code == 44
    assert manifest.key in result.err
    assert "in the readable indexes: " in result.err
    healthy = index_rows(repository, tmp_path, [row("/a")], number=2)
    result = tidemark("index", "list", "--repository", repository.url)
    assert (result.code, result.err.count(manifest.key)) == (44, 1)
    assert f"tidemark index list --repository {repository.url}" in result.err
    assert healthy.index_id in result.out
    result = tidemark("index", "list", "--repository", repository.url, "--json")
    assert result.code == 44
    assert [index["index_id"] for index in result.document["indexes"]] == [healthy.index_id]


@pytest.mark.parametrize(
    "command",
    [["index", "list"], ["search", "x"], ["search", "x", "--all"], ["history", "/x"], ["ls", FILE_SYSTEM]],
)
def test_a_missing_repository_is_not_reported_as_empty(tidemark, tmp_path, command):
    (tmp_path / "file").write_text("")
    for name, said in (("none", "no such directory"), ("file", "it is not a directory")):
        result = tidemark(*command, "--repository", (tmp_path / name).as_uri())
        assert (result.code, result.out) == (10, "")
        assert said in result.err
