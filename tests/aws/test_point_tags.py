"""The tags of a point name its index; tags that cannot be written do not block its session."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.stub import Stubber

from tests.aws.account import REGION, the_clients
from tests.sessions.world import FS, START, new_session, point
from tidemark.aws.point_tags import PointTags, all_tags
from tidemark.sessions.indexing import Index, IndexStatus
from tidemark.tags import KEY_BYTES, TagKey, open_tags

INDEX = Index(
    file_system=FS,
    index_id="fs-0123456789abcdef0-20261122T020000Z-0a1b2c",
    status=IndexStatus.COMPLETE,
    started_at=START,
    totals={"manifest_sha256": "5" * 64},
)


def test_a_point_whose_tags_are_missing_does_not_block_its_session() -> None:
    clients = the_clients()
    tags = PointTags(clients=clients, deployment="tidemark", region=REGION, repository="s3://b", kms_key="k")
    tags.__dict__["keys"] = SimpleNamespace(needed_by=lambda _: {1: b"k" * KEY_BYTES})
    told = point("s", "backup")
    with Stubber(clients.of("backup", told.region)) as stub:
        stub.add_response("list_tags", {"Tags": {"Owner": "ada"}})
        assert "it has no Tidemark tags" in tags.tag_with_index(new_session("s"), told, INDEX)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
@pytest.mark.parametrize("operation", ["list_tags", "tag_resource"])
def test_a_point_that_is_deleted_or_denied_does_not_block_its_session(code: str, operation: str) -> None:
    clients = the_clients()
    tags = PointTags(clients=clients, deployment="tidemark", region=REGION, repository="s3://b", kms_key="k")
    key = TagKey(version=1, secret=b"k" * KEY_BYTES)
    tags.__dict__["keys"] = SimpleNamespace(needed_by=lambda _: {1: key.secret}, current=lambda _: key)
    session, told = new_session("s"), point("s", "backup")
    new_tags = tags.for_new_point(session, retention_days=1, has_history=lambda: False)
    with Stubber(clients.of("backup", told.region)) as stub:
        if operation == "tag_resource":
            stub.add_response("list_tags", {"Tags": new_tags})
        stub.add_client_error(operation, code, "Insufficient privileges")
        said = tags.tag_with_index(session, told, INDEX)
        stub.assert_no_pending_responses()
    if code == "AccessDeniedException":
        assert "was deleted" in said
        assert "backup:TagResource" in said
    else:
        assert said == ""


def test_a_new_point_names_no_index_because_the_current_one_may_fail() -> None:
    clients = the_clients()
    tags = PointTags(clients=clients, deployment="tidemark", region=REGION, repository="s3://b", kms_key="k")
    key = TagKey(version=1, secret=b"k" * KEY_BYTES)
    tags.__dict__["keys"] = SimpleNamespace(current=lambda _: key)
    session = replace(new_session("s"), index_id=INDEX.index_id)
    sealed = tags.for_new_point(session, retention_days=1, has_history=lambda: False)
    arn = session.file_system.arn
    opened = open_tags(sealed, file_system=arn, keys={1: key.secret}, deployment="tidemark")
    assert opened.metadata is not None
    assert opened.metadata.index is None


def test_all_pages_of_tags_are_read() -> None:
    client = the_clients().of("backup", REGION)
    with Stubber(client) as stub:
        stub.add_response("list_tags", {"Tags": {"a": "1"}, "NextToken": "t"}, {"ResourceArn": "arn"})
        stub.add_response("list_tags", {"Tags": {"b": "2"}}, {"ResourceArn": "arn", "NextToken": "t"})
        assert all_tags(client, "arn") == {"a": "1", "b": "2"}


def test_a_points_tags_receive_its_index_and_the_digest_of_the_manifest() -> None:
    clients = the_clients()
    tags = PointTags(clients=clients, deployment="tidemark", region=REGION, repository="s3://b", kms_key="k")
    key = TagKey(version=1, secret=b"k" * KEY_BYTES)
    tags.__dict__["keys"] = SimpleNamespace(needed_by=lambda _: {1: key.secret}, current=lambda _: key)
    session, made = new_session("s"), point("s", "backup")
    arn, sealed = session.file_system.arn, {}
    there = tags.for_new_point(session, retention_days=1, has_history=lambda: False)

    def take(params: dict[str, Any], **_: object) -> None:
        sealed.update(params["Tags"])

    client = clients.of("backup", made.region)
    client.meta.events.register("provide-client-params.backup.TagResource", take)
    with Stubber(client) as stub:
        stub.add_response("list_tags", {"Tags": there})
        stub.add_response("tag_resource", {})
        assert tags.tag_with_index(session, made, INDEX) == ""
        stub.add_response("list_tags", {"Tags": there | sealed})  # a second time nothing is written
        assert tags.tag_with_index(session, made, INDEX) == ""
        stub.assert_no_pending_responses()
    metadata = open_tags(
        there | sealed, file_system=arn, keys={1: key.secret}, deployment="tidemark"
    ).metadata
    assert metadata is not None
    assert (metadata.index, metadata.manifest_sha256) == (INDEX.index_id, "5" * 64)
