"""Files that lost workers left next to an index are removed, and no file of an index is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.aws.account import REGION
from tests.sessions.memory_store import MemoryStore
from tests.sessions.world import FS, START, new_session
from tidemark.aws.clients import Clients
from tidemark.aws.leftovers import LAST_INDEXES, remove_leftovers
from tidemark.sessions.overlap import claim, complete, fail, open_session

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET, PREFIX = "repository", "some/where/"
REPOSITORY = f"s3://{BUCKET}/{PREFIX}".rstrip("/")
LEFT = ["attempt-0000aaaa/part-00000.parquet", "checkpoint/state.json", "progress.json"]
OWN = ["attempt-0000bbbb/part-00000.parquet", "attempt-0000bbbb/proposal.json", "manifest.json"]


class Repository:
    """A bucket with indexes of one file system, and their records."""

    def __init__(self, s3: S3Client) -> None:
        self.s3, self.records = s3, MemoryStore()
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})

    def index(self, number: int, status: str | None, files: list[str], manifest: bytes | None = None) -> str:
        """Create an index that is recorded with `status`; None creates no record."""
        index_id = f"{FS.file_system_id}-202611{number:02}T020000Z-0a1b2c"
        for name in files:
            body = json.dumps({"parts": [{"file": OWN[0]}], "side_files": []}).encode()
            if name == "manifest.json" and manifest is not None:
                body = manifest
            self.s3.put_object(Bucket=BUCKET, Key=self.key(index_id, name), Body=body)
        if status is not None:
            session = f"s-{number}"
            open_session(self.records, new_session(session), START)
            claim(self.records, session, index_id, START)
        if status == "complete":
            complete(self.records, FS, index_id, {}, START)
        if status == "failed":
            fail(self.records, FS, index_id, "it died", START)
        return index_id

    def key(self, index_id: str, name: str) -> str:
        return f"{PREFIX}indexes/{FS}/{index_id}/{name}"

    def listed(self) -> set[str]:
        return {found["Key"] for found in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}

    def clean(self) -> set[str]:
        return set(remove_leftovers(self.s3, self.records, REPOSITORY, FS))


@pytest.fixture
def repository(clients: Clients) -> Repository:
    return Repository(clients.of("s3", REGION))


@pytest.mark.parametrize(
    ("status", "files", "stays"),
    [
        ("complete", [*OWN, *LEFT], OWN),
        ("failed", LEFT, []),
        ("failed", [*OWN, *LEFT], OWN),  # it was published, and the step died that records it
        ("running", [*OWN[:2], *LEFT], [*OWN[:2], *LEFT]),
        (None, LEFT, LEFT),  # of another program's build
        ("complete", ["manifest.json", "part-00000.parquet", "dirs.parquet"], None),  # of the first versions
        ("complete", ["manifest.json", "notes.txt", "attempt-x/a", "checkpoints/a"], None),  # not of a worker
    ],
)
def test_objects_that_no_manifest_names_are_removed(
    repository: Repository, status: str | None, files: list[str], stays: list[str] | None
) -> None:
    index_id = repository.index(1, status, files)
    before = repository.listed()
    removed = repository.clean()
    kept = {repository.key(index_id, name) for name in (files if stays is None else stays)}
    assert repository.listed() == kept
    assert removed == before - kept
    assert repository.clean() == set()


def test_earlier_object_versions_are_kept(repository: Repository) -> None:
    repository.index(1, "failed", LEFT)
    repository.clean()
    versions = repository.s3.list_object_versions(Bucket=BUCKET)["Versions"]
    assert len(versions) == len(LEFT)


@pytest.mark.parametrize("manifest", [b"", b"{}", b"[]", b'{"parts": [{}], "side_files": []}'])
def test_nothing_is_removed_next_to_an_unreadable_manifest(repository: Repository, manifest: bytes) -> None:
    repository.index(1, "complete", [*OWN, *LEFT], manifest)
    assert repository.clean() == set()


def test_only_the_latest_indexes_are_cleaned_up(repository: Repository) -> None:
    made = [repository.index(number, "complete", [*OWN, *LEFT]) for number in range(1, LAST_INDEXES + 3)]
    removed = " ".join(repository.clean())
    assert [index_id for index_id in made if index_id in removed] == made[-LAST_INDEXES:]
