"""The contract of every store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from tidemark.aws.s3_store import S3Store, open_store
from tidemark.errors import ConfigurationError
from tidemark.index.storage.object_store import FileStore, ObjectExists, ObjectMissing, Store


@pytest.fixture(params=["file", "s3", "s3 with a prefix"])
def any_store(request, tmp_path, monkeypatch) -> Iterator[Store]:
    if request.param == "file":
        yield FileStore(tmp_path / "not made yet")
        return
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="the-bucket")
        yield S3Store(client, "the-bucket", "a/b" if "prefix" in request.param else "")
        client.close()


def test_an_object_that_was_put_can_be_read(any_store):
    any_store.put("indexes/x/manifest.json", b"hello")
    assert any_store.get("indexes/x/manifest.json") == b"hello"
    any_store.put("indexes/x/manifest.json", memoryview(b"again"))
    assert any_store.get("indexes/x/manifest.json") == b"again"


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, 3, b"012"), (7, 3, b"789"), (8, 100, b"89"), (10, 5, b""), (3, 0, b"")],
)
def test_a_range_ends_at_the_end_of_the_object(any_store, offset, length, expected):
    any_store.put("digits", b"0123456789")
    assert any_store.get_range("digits", offset, length) == expected


def test_a_missing_object_is_reported(any_store):
    for read in (lambda: any_store.get("no/such"), lambda: any_store.get_range("no/such", 0, 1)):
        with pytest.raises(ObjectMissing):
            read()


def test_a_conditional_put_keeps_an_existing_object(any_store):
    any_store.put("once", b"first", only_if_absent=True)
    with pytest.raises(ObjectExists):
        any_store.put("once", b"second", only_if_absent=True)
    assert any_store.get("once") == b"first"


def test_a_discarded_object_has_no_content(any_store):
    any_store.put("a/b/c", b"1")
    any_store.discard("a/b/c")
    with contextlib.suppress(ObjectMissing):
        assert any_store.get("a/b/c") == b""


def test_discarding_files_leaves_no_directory(tmp_path):
    store = FileStore(tmp_path)
    store.put("a/b/c", b"1")
    for _ in range(2):
        store.discard("a/b/c")
    assert list(tmp_path.iterdir()) == []


def test_folders_are_the_prefixes_of_objects(any_store):
    assert list(any_store.list_folders("indexes/")) == []
    for key in ("indexes/b/x/1", "indexes/b/x/2", "indexes/a/y", "indexes/file", "other/z"):
        any_store.put(key, b"")
    assert list(any_store.list_folders("indexes/")) == ["a", "b"]
    assert list(any_store.list_folders("indexes/b/")) == ["x"]
    assert any_store.list_keys("indexes/b/") == ["indexes/b/x/1", "indexes/b/x/2"]
    assert any_store.list_keys("nothing/") == []
    assert list(any_store.list_folders("indexes/b/x/")) == []


def test_a_missing_bucket_is_named(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        store = S3Store(client, "absent", "")
        for use in (
            lambda: store.get("a"),
            lambda: store.put("a", b""),
            lambda: list(store.list_folders("")),
        ):
            with pytest.raises(ConfigurationError, match="absent does not exist"):
                use()
        client.close()


@pytest.mark.parametrize("url", ["", "s3:/x/y", "s3://B/x", "http://x/y", "file://host/x", "file:x"])
def test_a_url_that_is_not_a_repository_is_refused(url):
    with pytest.raises(ConfigurationError, match="s3://bucket/prefix or file:///path"):
        open_store(url, None)


@pytest.mark.parametrize(("path", "url"), [("/a path", "file:///a%20path"), ("here", "file:///tmp/here")])
def test_the_error_for_a_path_gives_its_url(path, url, monkeypatch):
    monkeypatch.chdir("/tmp")
    with pytest.raises(ConfigurationError, match=f"write {url}, or s3://bucket/prefix"):
        open_store(path, None)


def test_a_url_selects_its_store(tmp_path):
    assert open_store("s3://bucket-1/a/b/", None).url == "s3://bucket-1/a/b"
    assert open_store("s3://bucket-1", None).url == "s3://bucket-1"
    (tmp_path / "a b").mkdir()
    store = open_store((tmp_path / "a b").as_uri(), None)
    store.put("x", b"1")
    assert (tmp_path / "a b" / "x").read_bytes() == b"1"


def test_a_directory_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        FileStore(tmp_path / "file").put("a", b"")
