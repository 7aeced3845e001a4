"""tidemark damage show: the verdicts on the indexes of a file system."""

from __future__ import annotations

import shlex

from tests.index.building import FILE_SYSTEM
from tests.index.test_damage_file import DAMAGE, build, days, tree


def show(tidemark, repository, *options: str):
    return tidemark("damage", "show", FILE_SYSTEM, "--repository", repository.url, *options)


def test_a_quiet_history_exits_with_0(tidemark, repository, tmp_path):
    made = days(repository, tmp_path, 5)
    result = show(tidemark, repository)
    assert result.code == 0, result.err
    lines = [line for line in result.out.splitlines() if FILE_SYSTEM in line]
    assert [line.split()[-1] for line in lines] == [each.index_id for each in made[::-1]]
    assert "normal" in lines[0]
    assert "not enough history: this is the first index" in result.out
    document = show(tidemark, repository, "--json").document
    assert (document["file_system"], document["alarm"]) == (FILE_SYSTEM, None)
    assert [each["status"] for each in document["indexes"]] == ["normal"] * 2 + ["unknown"] * 3


def test_an_alarm_names_the_directory_the_last_good_index_and_the_command(tidemark, repository, tmp_path):
    *_, good = days(repository, tmp_path, 4)
    attack = build(repository, tmp_path, tree(5, locked=20), 5)
    quiet = build(repository, tmp_path, tree(6, locked=20), 6)
    result = show(tidemark, repository)
    assert result.code == 57
    assert attack.index_id in result.err
    assert "/home/: 20 of 40 files were replaced by files with another extension (.xyz)" in result.out
    result = show(tidemark, repository, "--json")
    assert result.code == 57
    alarm = result.document["alarm"]
    assert alarm["first_index_id"] == alarm["newest_index_id"] == attack.index_id
    assert alarm["last_good_index_id"] == good.index_id
    assert shlex.split(alarm["restore"])[:3] == ["tidemark", "restore", "/home"]
    newest, suspicious = result.document["indexes"][:2]
    assert (newest["index_id"], newest["status"]) == (quiet.index_id, "normal")
    assert suspicious["findings"][0]["amount"] == 20


def test_the_command_restores_from_the_last_good_index(tidemark, repository, tmp_path):
    *_, good = days(repository, tmp_path, 4)
    build(repository, tmp_path, tree(5, locked=20), 5)
    words = shlex.split(show(tidemark, repository, "--json").document["alarm"]["restore"])
    assert words[words.index("--at") + 1] == f"{good.crawl_ended_at:%Y-%m-%d %H:%M:%S}Z"
    assert words[words.index("--file-system") + 1] == FILE_SYSTEM


def test_accepted_changes_are_no_alarm(tidemark, repository, tmp_path):
    days(repository, tmp_path, 4)
    attack = build(repository, tmp_path, tree(5, locked=20), 5)
    build(repository, tmp_path, tree(6, locked=20), 6, accepted_until=attack.index_id)
    assert show(tidemark, repository).code == 0


def test_a_deleted_last_good_index_is_reported(tidemark, repository, tmp_path):
    *_, good = days(repository, tmp_path, 4)
    build(repository, tmp_path, tree(5, locked=20), 5)
    repository.discard(good.key)
    result = show(tidemark, repository)
    assert (result.code, "none that still exists" in result.out) == (57, True)
    assert show(tidemark, repository, "--json").document["alarm"]["restore"] is None


def test_invalid_file_systems_and_damaged_records_have_their_codes(tidemark, repository, tmp_path):
    assert tidemark("damage", "show", "nonsense", "--repository", repository.url).code == 14
    assert show(tidemark, repository).code == 17
    last = days(repository, tmp_path, 1)[-1]
    repository.put(last.identity.prefix + last.side_file(DAMAGE).file, b"x")
    result = show(tidemark, repository)
    assert (result.code, "damage.json" in result.err) == (44, True)
