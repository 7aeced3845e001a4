"""The JSON of names: text where they are text, and the true bytes where they are not."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from tests.index.building import directory, index_rows, row
from tidemark.cli.output.json_output import name_json
from tidemark.escape import escape


def true_bytes(document, field: str) -> bytes:
    raw = document[f"{field}_base64"]
    return document[field].encode() if raw is None else base64.b64decode(raw, validate=True)


@given(st.binary() | st.text(alphabet="\\x0aé").map(str.encode))
def test_any_bytes_can_be_restored(raw):
    document = name_json("path", escape(raw))
    assert set(document) == {"path", "path_base64"}
    assert true_bytes(document, "path") == raw
    assert (document["path_base64"] is None) == (document["path"].encode() == raw)


def test_a_missing_name_has_no_bytes():
    assert name_json("target", None) == {"target": None, "target_base64": None}


def test_every_command_that_names_a_path_has_its_bytes(tidemark, repository, tmp_path):
    rows = [
        directory(b"/\xfe", inode=5),
        row(b"/\xfe/\xff.\xfd"),
        row(b"/l", type="l", target=b"\xfc", size=1),
    ]
    moved = [directory(b"/\xfb", inode=5), *rows[1:]]
    first = index_rows(repository, tmp_path, rows, number=1).index_id
    second = index_rows(repository, tmp_path, moved, number=2).index_id
    at = ("--repository", repository.url, "--json")
    (link,) = tidemark("search", "l", *at).lines
    assert true_bytes(link, "target") == b"\xfc"
    listed = tidemark("ls", f"{first}:/\\xfe", *at).document
    assert true_bytes(listed, "path") == b"/\xfe"
    assert true_bytes(listed["entries"][0], "path") == b"/\xfe/\xff.\xfd"
    assert true_bytes(tidemark("history", "/\\xfe", *at).document, "path") == b"/\xfe"
    changes = tidemark("diff", first, second, *at).document
    assert {true_bytes(change, "before") for change in changes["changes"] if change["before"]} == {b"/\xfe"}
    assert true_bytes(changes["directories"][0], "path") == b"/"
    used = tidemark("usage", first, *at).document
    assert {true_bytes(each, "key") for each in used["rows"]} == {b"\xfe"}
    assert true_bytes(used["largest_files"][0], "path") == b"/\xfe/\xff.\xfd"
    assert b"/\xfe" in {true_bytes(each, "path") for each in used["largest_directories"]}
    by_extension = tidemark("usage", first, "--by", "ext", *at).document["rows"]
    assert {true_bytes(each, "key") for each in by_extension} == {b"\xfd"}
