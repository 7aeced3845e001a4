"""Damage to an index: every command returns a correct result or reports the damage in one sentence."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import NOW
from tests.index.building import directory, index_rows, row
from tests.index.test_manifest import JSON, _places, sealed
from tidemark.cli.main import call
from tidemark.index.files import history_log
from tidemark.index.format.manifest import Manifest
from tidemark.index.storage.object_store import FileStore
from tidemark.sessions.overlap import claim, complete, fail
from tidemark.sessions.session import FileSystem

SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# Allowed exit codes: a correct result, no such path or index, a damaged one, one of a newer format.
GOOD, ABSENT, BAD = {0}, {17, 18}, {44, 45}


def rows(number: int) -> list:
    files = [row(f"/d/{each:03}-{each * 7919 % 997:04}.txt", size=each * number) for each in range(120)]
    return [directory("/d"), directory("/e"), row("/e/x.jpg", size=number), *files[number:]]


class Repository:
    """A repository with four indexes, of which the newest has every kind of file, and the first is diffed."""

    def __init__(self, top: Path) -> None:
        self.store = FileStore(top / "repository")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(history_log, "SPAN", 2)
            made = [
                index_rows(self.store, top, rows(number), number=number, part_rows=40, row_group_rows=20)
                for number in range(1, 5)
            ]
        self.first, self.last = made[0].index_id, made[-1].index_id
        self.directory = top / "repository" / made[-1].identity.prefix
        self.files = sorted(path.name for path in self.directory.iterdir())
        at = ("--repository", self.store.url)
        self.commands = [
            ("search", "00", "--json", *at),
            ("search", "007-", "--json", *at),
            ("search", "--ext", "jpg", "--count", *at),
            ("search", "^0.*9", "--regex", "--under", "/d", "--json", *at),
            ("search", "x.jpg", "--all", "--json", *at),
            ("ls", f"{self.last}:/d", "--json", *at),
            ("ls", f"{self.last}:/", *at),
            ("history", "/e/x.jpg", "--json", *at),
            ("history", "/d", "--json", *at),
            ("diff", self.first, self.last, "--json", *at),
            ("usage", self.last, "--json", *at),
            ("usage", self.last, "--by", "ext", "--under", "/d", "--json", *at),
            ("index", "verify", self.last, "--json", *at),
            ("index", "show", self.last, "--json", *at),
            ("index", "list", "--json", *at),
        ]


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Repository:
    return Repository(tmp_path_factory.mktemp("damage"))


def ask(capfd, command) -> tuple[int, str, str]:
    capfd.readouterr()
    code = call(list(command))
    return code, *capfd.readouterr()


@pytest.fixture
def right(repository, capfd) -> dict:
    """The results of the commands on undamaged indexes."""
    answers = {command: ask(capfd, command) for command in repository.commands}
    assert not [answer for answer in answers.values() if answer[0]]
    return answers


@contextlib.contextmanager
def replaced(path: Path, body: bytes):
    whole = path.read_bytes()
    path.write_bytes(body)
    try:
        yield
    finally:
        path.write_bytes(whole)


def check(answer, expected, command) -> None:
    code, out, err = answer
    assert code in GOOD | BAD | ABSENT, (command, err)
    assert "Traceback" not in err
    if code:
        assert err.count("tidemark: ") == 1, err
    if command[0] != "index":
        # Never a wrong result; matches found before the damage may have been printed.
        assert expected[1].startswith(out) if code else out == expected[1]


@SETTINGS
@given(data=st.data())
def test_altered_files(repository, right, capfd, data):
    name = data.draw(st.sampled_from(repository.files))
    command = data.draw(st.sampled_from(repository.commands))
    body = bytearray((repository.directory / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(len(body) - 1, 0)))
        body[at : at + data.draw(st.sampled_from([1, 1, 4, 100]))] = data.draw(st.binary(max_size=5))
    with replaced(repository.directory / name, bytes(body)):
        answer = ask(capfd, command)
    if name == "manifest.json" and "! skipped: " in answer[2]:
        assert answer[0] in BAD  # the answer is that of the other indexes
    else:
        check(answer, right[command], command)


@SETTINGS
@given(data=st.data())
def test_manifests_with_other_content_under_a_correct_digest(repository, right, capfd, data):
    path = repository.directory / "manifest.json"
    content = json.loads(path.read_bytes())
    place = data.draw(st.sampled_from(_places(content)))
    holder = content
    for key in place[:-1]:
        holder = holder[key]
    others = [each["file"] for each in (*content["parts"], *content["side_files"])]
    holder[place[-1]] = data.draw(JSON | st.sampled_from(others) | st.integers(-(2**70), 2**70))
    command = data.draw(st.sampled_from(repository.commands))
    with replaced(path, sealed(content)):
        code, _, err = ask(capfd, command)
    assert code in GOOD | BAD | ABSENT, (place, holder[place[-1]], command, err)
    assert "Traceback" not in err


@pytest.mark.parametrize("missing", ["dirs.parquet", "trigrams.bin", "top.parquet", "part-00001.parquet"])
def test_missing_files_are_named(repository, right, capfd, missing):
    path = repository.directory / missing
    whole = path.read_bytes()
    path.unlink()
    try:
        codes = {}
        for command in repository.commands:
            code, out, err = codes[command] = ask(capfd, command)
            if code:
                assert missing in out + err
            else:
                assert codes[command][1] == right[command][1]
        assert any(code == 44 for code, _, _ in codes.values())
    finally:
        path.write_bytes(whole)


def published(deployment, top: Path, number: int) -> Manifest:
    """Make an index, and the records of it, as an indexing session leaves both."""
    made = index_rows(deployment.store, top, [row("/a")], number=number)
    identity, session = made.identity, f"s-{number}"
    whose = FileSystem(identity.account, identity.region, identity.file_system_id)
    deployment.session(session, file_system=whose)
    claim(deployment.records, session, made.index_id, NOW)
    totals = {"manifest_sha256": hashlib.sha256(deployment.store.get(made.key)).hexdigest()}
    complete(deployment.records, whose, made.index_id, totals, NOW)
    return made


OF_ONE = [("index", "verify", "{}"), ("index", "show", "{}"), ("ls", "{}"), ("usage", "{}")]
OF_MANY = [("search", "a"), ("search", "a", "--all"), ("history", "/a"), ("index", "list")]


@pytest.mark.parametrize("command", [*OF_ONE, ("search", "a", "--index", "{}"), *OF_MANY])
def test_an_index_that_was_replaced_as_a_whole_is_detected(tidemark, deployment, tmp_path, command):
    """Its own digests are correct: only the records contain the published one."""
    made = published(deployment, tmp_path, 3)
    command = [word.format(made.index_id) for word in command]
    assert tidemark(*command).code == 0
    deployment.store.put(made.key, dataclasses.replace(made, worker="another").to_json())
    result = tidemark(*command)
    assert (result.code, result.out) == (44, "")
    assert "is not the manifest that was published" in result.err


def test_only_the_replaced_index_of_several_is_skipped(tidemark, deployment, tmp_path):
    first, second = (published(deployment, tmp_path, number) for number in (3, 4))
    deployment.store.put(second.key, dataclasses.replace(second, worker="another").to_json())
    result = tidemark("index", "list", "--json")
    assert result.code == 44
    assert [each["index_id"] for each in result.document["indexes"]] == [first.index_id]


@pytest.mark.parametrize("status", ["running", "failed"])
def test_an_index_that_is_not_recorded_as_complete_is_not_visible(tidemark, deployment, tmp_path, status):
    """This is the state if the step that published it was killed before it recorded the index as complete."""
    made = index_rows(deployment.store, tmp_path, [row("/a")], number=3)
    identity = made.identity
    whose = FileSystem(identity.account, identity.region, identity.file_system_id)
    deployment.session("s-3", file_system=whose)
    claim(deployment.records, "s-3", made.index_id, NOW)
    if status == "failed":
        fail(deployment.records, whose, made.index_id, "it died", NOW)
    assert tidemark("index", "list", "--json").document == {"indexes": []}
    assert tidemark("ls", made.index_id).code == 17
    assert tidemark("ls", made.index_id, "--repository", deployment.store.url).code == 0
