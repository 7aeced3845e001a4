from __future__ import annotations

import dataclasses

import pytest

from tests.index.building import directory, index_rows, row
from tidemark.index.format.manifest import Key
from tidemark.index.query.verify import verify

FILES = [
    "part-00000.parquet",
    "part-00001.parquet",
    "dirs.parquet",
    "trigrams.bin",
    "top.parquet",
    "errors.parquet",
]


@pytest.fixture
def manifest(store, tmp_path):
    rows = [directory("/d"), *(row(f"/d/{number}", size=number) for number in range(9))]
    return index_rows(store, tmp_path, rows, part_rows=5, row_group_rows=2)


def test_a_whole_index_has_no_findings(store, manifest):
    assert list(verify(store, manifest)) == []


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "instead of"),
        (
            lambda path: path.write_bytes(path.read_bytes()[:-9] + b"x" + path.read_bytes()[-8:]),
            "was altered",
        ),
    ],
)
def test_every_altered_file_is_named(store, manifest, name, damage, what):
    path = store._directory / manifest.identity.prefix / name
    damage(path)
    (finding,) = verify(store, manifest)
    assert finding.url == f"{store.url}/{manifest.identity.prefix}{name}"
    assert what in finding.what


def test_a_manifest_that_contradicts_its_parts_is_detected(store, manifest):
    first, second = manifest.parts
    wrong = dataclasses.replace(
        manifest,
        totals=dataclasses.replace(manifest.totals, bytes=1),
        parts=(first, second),
    )
    assert [finding.what for finding in verify(store, wrong)] == ["gives 1 as bytes, but the parts have 36"]
    wrong = dataclasses.replace(manifest, parts=(second, first))
    assert any("is not in order" in finding.what for finding in verify(store, wrong))
    moved = dataclasses.replace(first, first=Key(parent="/", name="a"))
    wrong = dataclasses.replace(manifest, parts=(moved, second))
    assert any("does not begin" in finding.what for finding in verify(store, wrong))
