"""tidemark index show: the summary of a manifest."""

from __future__ import annotations

import dataclasses

from tests.index.building import FILE_SYSTEM, directory, index_rows, row


def test_a_manifest_is_summarized(tidemark, repository, tmp_path):
    made = index_rows(repository, tmp_path, [directory("/d"), row("/d/a", size=1_500_000)])
    for which in (made.index_id, FILE_SYSTEM):
        result = tidemark("index", "show", which, "--repository", repository.url)
        assert result.code == 0, result.err
        assert made.index_id in result.out
        assert "1 file, 1 directory, 0 others, 1.5 MB" in result.out
        assert "1 part, dirs.parquet, trigrams.bin" in result.out
        assert "changes since" not in result.out


def test_json_names_every_file(tidemark, repository, tmp_path):
    made = index_rows(repository, tmp_path, [row("/a")])
    document = tidemark("index", "show", made.index_id, "--repository", repository.url, "--json").document
    named = {each["file"]: each["sha256"] for each in document["files_of_index"]}
    assert named == {file.file: file.sha256 for file in (*made.parts, *made.side_files)}
    assert document["entries"] == 1


def test_nothing_in_a_manifest_reaches_the_terminal(tidemark, repository, tmp_path):
    made = index_rows(repository, tmp_path, [row("/a")])
    evil = dataclasses.replace(made, worker="\x1b]0;owned\x07")
    repository.put(made.key, evil.to_json())
    result = tidemark("index", "show", made.index_id, "--repository", repository.url)
    assert "\x1b" not in result.out
    assert r"\x1b]0;owned\x07" in result.out


def test_unknown_indexes_are_refused(tidemark, repository, tmp_path):
    index_rows(repository, tmp_path, [row("/a")])
    at = ("--repository", repository.url)
    assert tidemark("index", "show", "nonsense", *at).code == 17
    assert tidemark("index", "show", "fs-ffffffffffffffff0", *at).code == 17
    assert tidemark("index", "show", "arn:aws:backup:x", *at).code == 2
