"""EFS access points: what CreateAccessPoint accepts, and what DescribeAccessPoints returns."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud
from tests.localcloud.test_permissions import client_as, role, statement

pytestmark = pytest.mark.cloud


@pytest.fixture
def efs(cloud):
    client = cloud.client("efs")
    yield client
    for page in client.get_paginator("describe_access_points").paginate():
        for each in page["AccessPoints"]:
            client.delete_access_point(AccessPointId=each["AccessPointId"])


def code(call, **params):
    with pytest.raises(ClientError) as refused:
        call(**params)
    return refused.value.response["Error"]["Code"]


def test_an_access_point_is_described_as_it_was_created(cloud: LocalCloud, efs) -> None:
    directory = {
        "Path": "/exports/team a",
        "CreationInfo": {"OwnerUid": 1, "OwnerGid": 2, "Permissions": "0750"},
    }
    user = {"Uid": 1000, "Gid": 100, "SecondaryGids": [7]}
    tags = [
        {"Key": "Name", "Value": "team: a/b"},
        {"Key": "kubernetes.io/created-for/pvc/name", "Value": "x"},
    ]
    made = efs.create_access_point(
        ClientToken="one",
        FileSystemId=cloud.file_systems["home"].id,
        RootDirectory=directory,
        PosixUser=user,
        Tags=tags,
    )
    (found,) = efs.describe_access_points(AccessPointId=made["AccessPointId"])["AccessPoints"]
    assert (found["RootDirectory"], found["PosixUser"], found["Tags"]) == (directory, user, tags)
    assert (found["Name"], found["LifeCycleState"]) == ("team: a/b", "available")
    efs.tag_resource(ResourceId=made["AccessPointId"], Tags=[{"Key": "Name", "Value": "renamed"}])
    (found,) = efs.describe_access_points(AccessPointId=made["AccessPointArn"])["AccessPoints"]
    assert found["Name"] == "renamed"


def test_without_a_directory_and_a_user_it_is_the_root_and_has_no_user(cloud: LocalCloud, efs) -> None:
    made = efs.create_access_point(ClientToken="bare", FileSystemId=cloud.file_systems["home"].id)
    assert made["RootDirectory"] == {"Path": "/"}
    assert not {"PosixUser", "Name"} & set(made)


@pytest.mark.parametrize(
    "path", ["relative", "/a/", "/a//b", "/.hidden", "/1/2/3/4/5", "/a*", "/" + "x" * 100]
)
def test_a_path_that_the_model_forbids_is_refused(cloud: LocalCloud, efs, path) -> None:
    root = {"Path": path}
    whose = cloud.file_systems["home"].id
    assert (
        code(efs.create_access_point, ClientToken="x", FileSystemId=whose, RootDirectory=root) == "BadRequest"
    )


def test_a_client_token_is_used_once(cloud: LocalCloud, efs) -> None:
    whose = cloud.file_systems["home"].id
    made = efs.create_access_point(ClientToken="same", FileSystemId=whose)
    with pytest.raises(ClientError) as refused:
        efs.create_access_point(ClientToken="same", FileSystemId=whose)
    assert refused.value.response["Error"]["Code"] == "AccessPointAlreadyExists"
    assert refused.value.response["AccessPointId"] == made["AccessPointId"]


def test_a_list_has_pages_of_the_requested_length(cloud: LocalCloud, efs) -> None:
    whose = cloud.file_systems["home"].id
    made = {
        efs.create_access_point(ClientToken=f"page {number}", FileSystemId=whose)["AccessPointId"]
        for number in range(103)
    }
    first = efs.describe_access_points(FileSystemId=whose)
    assert len(first["AccessPoints"]) == 100  # documented default
    pages = efs.get_paginator("describe_access_points").paginate(
        FileSystemId=whose, PaginationConfig={"PageSize": 25}
    )
    lengths, seen = [], []
    for page in pages:
        lengths.append(len(page["AccessPoints"]))
        seen += [each["AccessPointId"] for each in page["AccessPoints"]]
    assert lengths == [25, 25, 25, 25, 3]
    assert len(seen) == 103
    assert set(seen) == made


def test_what_does_not_exist_is_refused(cloud: LocalCloud, efs) -> None:
    missing, nowhere = "fsap-0123456789abcdef0", "fs-00000000000000099"
    assert code(efs.describe_access_points, AccessPointId=missing) == "AccessPointNotFound"
    assert code(efs.delete_access_point, AccessPointId=missing) == "AccessPointNotFound"
    assert code(efs.describe_access_points, FileSystemId=nowhere) == "FileSystemNotFound"
    assert code(efs.create_access_point, ClientToken="x", FileSystemId=nowhere) == "FileSystemNotFound"
    home = cloud.file_systems["home"].id
    both = code(efs.describe_access_points, AccessPointId=missing, FileSystemId=home)
    assert both == "BadRequest"


def test_tags_at_creation_need_the_permission_to_tag(cloud: LocalCloud, efs) -> None:
    client = client_as(cloud, "efs", role(cloud, statement("elasticfilesystem:CreateAccessPoint")))
    whose = cloud.file_systems["home"].id
    client.create_access_point(ClientToken="untagged", FileSystemId=whose)
    tags = [{"Key": "Name", "Value": "x"}]
    refused = code(client.create_access_point, ClientToken="tagged", FileSystemId=whose, Tags=tags)
    assert refused == "AccessDeniedException"
