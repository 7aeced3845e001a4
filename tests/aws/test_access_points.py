"""The access points of a file system, and the claims that their tags name."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from tests.aws.account import FS, REGION
from tidemark.aws.access_points import access_point_if_any, access_points_of, all_access_points
from tidemark.errors import FileSystemNotFound

ID = FS.file_system_id


def described(number: int, path: str = "/", state: str = "available", **tags: str) -> dict:
    return {
        "AccessPointId": f"fsap-{number:017x}",
        "FileSystemId": ID,
        "RootDirectory": {"Path": path},
        "LifeCycleState": state,
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


def test_all_pages_are_read(clients):
    efs = clients.of("efs", REGION)
    pages = [[described(3, "/c"), described(1, "/a")], [], [described(2, "/b")]]
    with Stubber(efs) as stub:
        for number, page in enumerate(pages):
            token = {"NextToken": str(number)} if number else {}
            following = {"NextToken": str(number + 1)} if number + 1 < len(pages) else {}
            stub.add_response(
                "describe_access_points", {"AccessPoints": page, **following}, {"FileSystemId": ID, **token}
            )
        found = access_points_of(efs, ID)
    assert [each.root_directory for each in found] == ["/a", "/b", "/c"]


@pytest.mark.parametrize("state", ["deleting", "deleted"])
def test_a_deleted_access_point_is_no_name(clients, state):
    efs = clients.of("efs", REGION)
    with Stubber(efs) as stub:
        points = [described(1, "/a", state, Name="team"), described(2, "/b", Name="team")]
        stub.add_response("describe_access_points", {"AccessPoints": points}, {})
        stub.add_response(
            "describe_access_points", {"AccessPoints": points[:1]}, {"AccessPointId": "fsap-00000001"}
        )
        assert [each.root_directory for each in all_access_points(efs)] == ["/b"]
        assert access_point_if_any(efs, "fsap-00000001") is None


def test_a_claim_is_in_the_tags(clients):
    efs = clients.of("efs", REGION)
    tags = {
        "kubernetes.io/created-for/pvc/namespace": "shop",
        "kubernetes.io/created-for/pvc/name": "uploads",
        "efs.csi.aws.com/cluster": "true",
    }
    efs.create_access_point(
        FileSystemId=ID,
        ClientToken="pvc",
        RootDirectory={"Path": "/dynamic/one"},
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    (found,) = access_points_of(efs, ID)
    assert (found.pvc_namespace, found.pvc_name, found.name) == ("shop", "uploads", None)
    assert (found.root_directory, found.file_system_id) == ("/dynamic/one", ID)


def test_one_that_does_not_exist(clients):
    efs = clients.of("efs", REGION)
    assert access_point_if_any(efs, "fsap-0123456789abcdef0") is None
    with Stubber(efs) as stub:
        stub.add_client_error("describe_access_points", "FileSystemNotFound")
        with pytest.raises(FileSystemNotFound):
            access_points_of(efs, ID)
