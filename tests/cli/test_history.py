"""tidemark history: every version of one path."""

from __future__ import annotations

import pytest

from tests.index.building import FILE_SYSTEM, index_rows, row

STATES = [[row("/other")], [row("/a.txt")], [row("/a.txt")], [row("/a.txt", size=99)], [], [row("/a.txt")]]


def build(store, tmp_path):
    return [
        index_rows(store, tmp_path, [*state, row("/x")], number=number).index_id
        for number, state in enumerate(STATES, 1)
    ]


def test_every_version_with_the_indexes_that_saw_it(tidemark, repository, tmp_path):
    made = build(repository, tmp_path)
    result = tidemark("history", "/a.txt", "--repository", repository.url, "--json")
    assert result.code == 0, result.err
    versions = [(each["what"], each["index_ids"]) for each in result.document["versions"]]
    assert versions == [
        ("appeared", made[1:3]),
        ("changed", made[3:4]),
        ("vanished", made[4:5]),
        ("appeared", made[5:]),
    ]
    first, changed, gone, _ = result.document["versions"]
    assert (first["entry"]["size_bytes"], changed["entry"]["size_bytes"], gone["entry"]) == (10, 99, None)
    assert first["first_crawled_at"] == "2026-11-03T00:00:00Z"
    assert first["last_crawled_at"] == "2026-11-04T00:00:00Z"
    shown = tidemark("history", "a.txt", "--repository", repository.url).out.splitlines()
    assert shown[0] == f"123456789012/eu-central-1/{FILE_SYSTEM}"
    assert "appeared" in shown[2]
    assert shown[1].index("path") == shown[2].index("/a.txt")
    assert shown[3] == f"    in 2 indexes, the last crawled 2026-11-04 00:00: {made[1]} to {made[2]}"


def test_recovery_points_that_hold_each_version(tidemark, deployment, tmp_path):
    whose = deployment.resources.file_system(FILE_SYSTEM)
    for number, index in enumerate(build(deployment.store, tmp_path), 1):
        deployment.session(
            f"s-{number}", file_system=whose, index_id=index, points=(deployment.point(number),)
        )
    arns = [deployment.point(number).recovery_point_arn for number in range(1, 7)]
    versions = tidemark("history", "/a.txt", "--file-system", FILE_SYSTEM, "--json").document["versions"]
    assert [each["recovery_point_arns"] for each in versions] == [arns[1:3], arns[3:4], arns[4:5], arns[5:]]
    assert arns[1] in tidemark("history", "/a.txt").out


def test_names_are_data(tidemark, repository, tmp_path):
    index_rows(repository, tmp_path, [row(b"/\x1b[2J\n\xff")])
    for typed in (r"/\x1b[2J\x0a\xff", "/\x1b[2J\n\udcff"):
        result = tidemark("history", typed, "--repository", repository.url)
        assert result.code == 0, result.err
        assert r"/\x1b[2J\x0a\xff" in result.out
        assert "\x1b" not in result.out


@pytest.mark.parametrize("path", ["/none", "/", "", "/a\x1b[2J"])
def test_a_path_that_no_index_has(tidemark, repository, tmp_path, path):
    index_rows(repository, tmp_path, [row("/a")])
    result = tidemark("history", path, "--repository", repository.url)
    assert result.code == 18
    assert "\x1b" not in result.err
    assert ("the root has no entry of its own" in result.err) == (path in ("", "/"))


@pytest.mark.parametrize("damaged", range(6))
def test_a_damaged_manifest_is_skipped(tidemark, repository, tmp_path, damaged, monkeypatch):
    monkeypatch.setattr(
        "tidemark.index.files.history_log.Log.of", lambda *_: None
    )  # which need no old manifest
    made = build(repository, tmp_path)
    (key,) = (
        key for key in repository.list_keys("indexes/") if key.endswith(f"{made[damaged]}/manifest.json")
    )
    repository.put(key, b"{}")
    result = tidemark("history", "/a.txt", "--repository", repository.url, "--json")
    assert (result.code, result.err.count(key)) == (44, 1)
    seen = [index for version in result.document["versions"] for index in version["index_ids"]]
    assert seen == [index for index in made[1:] if index != made[damaged]]
    assert tidemark("history", "/nothing", "--repository", repository.url).code == 44


def test_no_index(tidemark, repository):
    assert tidemark("history", "/a", "--repository", repository.url).code == 17
    arguments = ("history", "/a", "--repository", repository.url, "--file-system")
    assert tidemark(*arguments, FILE_SYSTEM).code == 17
    assert tidemark(*arguments, "nonsense").code == 14
