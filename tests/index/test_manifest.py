from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.index.building import index_rows, row
from tidemark.errors import IndexDamaged, IndexFormatNotSupported
from tidemark.index.format.manifest import Manifest, RestoredPoint


@pytest.fixture
def manifest(store, tmp_path) -> Manifest:
    return index_rows(
        store, tmp_path, [row(b"/dir\xff/a"), row("/\U0001f30a\n")], part_rows=1, row_group_rows=1
    )


def sealed(content: dict) -> bytes:
    """Give a content the digest that the format document describes, worked out independently."""
    content = {key: value for key, value in content.items() if key != "manifest_sha256"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return json.dumps({**content, "manifest_sha256": hashlib.sha256(text.encode()).hexdigest()}).encode()


def test_a_manifest_is_read_back_from_its_json(manifest):
    assert Manifest.from_json(manifest.to_json(), "url") == manifest
    assert json.loads(sealed(json.loads(manifest.to_json()))) == json.loads(manifest.to_json())


def test_exclusions_are_kept_and_may_be_missing_in_older_manifests(manifest):
    excluded = ("/scratch", "/\\xff/*")
    assert Manifest.from_json(replace(manifest, excluded=excluded).to_json(), "url").excluded == excluded
    content = json.loads(manifest.to_json())
    del content["excluded"]
    assert Manifest.from_json(sealed(content), "url").excluded == ()


def test_the_index_of_a_file_system_has_no_source_and_that_of_a_restored_point_has(manifest):
    assert "source" not in json.loads(manifest.to_json())
    source = RestoredPoint(recovery_point_arn="arn:p", restore_job_id="J", restored_file_system_id="fs-1")
    written = replace(manifest, source=source).to_json()
    assert Manifest.from_json(written, "url").source == source
    content = json.loads(written)
    assert content["source"]["kind"] == "restored-point"
    content["source"]["kind"] = "elsewhere"
    with pytest.raises(IndexDamaged, match="elsewhere"):
        Manifest.from_json(sealed(content), "url")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_altered_bytes_are_always_detected_and_never_crash(manifest, data):
    text = bytearray(manifest.to_json())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    if _means(bytes(text)) != _means(manifest.to_json()):
        with pytest.raises((IndexDamaged, IndexFormatNotSupported), match="url"):
            Manifest.from_json(bytes(text), "url")


def _means(text: bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _places(content: object, path: tuple = ()) -> list[tuple]:
    below = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    return [path] * bool(path) + [place for key, value in below for place in _places(value, (*path, key))]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_manifest_with_a_correct_digest_and_invalid_content_never_crashes(manifest, data):
    content = json.loads(manifest.to_json())
    place = data.draw(st.sampled_from(_places(content)))
    holder = content
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = data.draw(JSON)
    try:
        Manifest.from_json(sealed(content), "url")
    except (IndexDamaged, IndexFormatNotSupported) as error:
        assert "url" in str(error)  # noqa: PT017 - whether it is refused at all depends on the draw


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"null", b"3", b"\xff\xfe", b"[" * 100_000, b'{"format": 1}']
)
def test_content_that_is_not_a_manifest_is_reported(text):
    with pytest.raises(IndexDamaged, match=r"s3://b/x/manifest\.json is not an intact manifest"):
        Manifest.from_json(text, "s3://b/x/manifest.json")


def test_a_newer_format_requires_a_newer_tidemark(manifest):
    content = json.loads(manifest.to_json())
    content["format_version"] = 2
    with pytest.raises(IndexFormatNotSupported, match="newer Tidemark"):
        Manifest.from_json(sealed(content), "url")


@pytest.mark.parametrize(
    "name",
    ["../other/part-00000.parquet", "/etc/passwd", "", "a/b/c", "a/", "a/..", ".a/b", "a\n", ".hidden"],
)
def test_a_manifest_cannot_make_its_reader_open_anything_else(manifest, name):
    content = json.loads(manifest.to_json())
    content["parts"][0]["file"] = name
    with pytest.raises(IndexDamaged):
        Manifest.from_json(sealed(content), "url")


def test_indexes_without_page_index_offsets_remain_readable(manifest):
    content = json.loads(manifest.to_json())
    for file in (*content["parts"], *content["side_files"]):
        del file["page_index_offset"], file["page_index_sha256"]
    read = Manifest.from_json(sealed(content), "url")
    assert [part.page_index_offset for part in read.parts] == [None] * len(read.parts)
    assert [part.sha256 for part in read.parts] == [part.sha256 for part in manifest.parts]
