"""Refusals of S3, as the store reports them."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from tests.aws.account import REGION, the_clients
from tidemark.aws.s3_store import S3Store
from tidemark.errors import AccessDenied
from tidemark.index.storage.object_store import ObjectMissing


@pytest.mark.parametrize(
    ("listed", "expected"),
    [([], ObjectMissing), ([{"Key": "p/key-2"}], ObjectMissing), ([{"Key": "p/key"}], AccessDenied)],
)
def test_access_denied_counts_as_missing_only_if_the_key_is_not_listed(
    listed: list[dict[str, str]], expected: type[Exception]
) -> None:
    client = the_clients().of("s3", REGION)
    with Stubber(client) as stub:
        stub.add_client_error("get_object", "AccessDenied", "Access Denied", 403)
        stub.add_response("list_objects_v2", {"Contents": listed})
        with pytest.raises(expected):
            S3Store(client, "bucket", "p").get("key")


def test_access_denied_for_a_role_that_cannot_list_is_raised() -> None:
    client = the_clients().of("s3", REGION)
    with Stubber(client) as stub:
        stub.add_client_error("get_object", "AccessDenied", "Access Denied", 403)
        stub.add_client_error("list_objects_v2", "AccessDenied", "Access Denied", 403)
        with pytest.raises(AccessDenied):
            S3Store(client, "bucket", "p").get("key")
