"""Access points in commands: resolved with the deployment, and shown next to the path."""

from __future__ import annotations

import dataclasses

import pytest

from tests.aws.account import REGION
from tests.cli.conftest import OWN
from tests.index.building import FILE_SYSTEM, directory, index_rows, row
from tidemark.answers.restore_planning import Wish
from tidemark.errors import AccessPointNotFound, NotRestorable

OTHER = "fs-00000000000000099"  # no policy names it
ARN = f"arn:aws:backup:{REGION}:123456789012:recovery-point:00000001"
ROWS = [
    directory("/exports"),
    directory("/exports/team"),
    directory("/exports/team/sub"),
    row("/exports/team/sub/plan.txt", size=5),
    row("/exports/team/thesis.txt", size=7),
    directory("/pvc:shop"),
    row("/pvc:shop/thesis.txt", size=11),
]


def create(deployment, name=None, path="/exports/team", file_system=FILE_SYSTEM, **tags):
    if name is not None:
        tags["Name"] = name
    made = deployment.clients.of("efs").create_access_point(
        ClientToken=f"{name}{path}{file_system}{tags}"[:64],
        FileSystemId=file_system,
        RootDirectory={"Path": path},
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    return made["AccessPointId"]


def claim(deployment, namespace, name, **fields):
    tags = {
        "kubernetes.io/created-for/pvc/namespace": namespace,
        "kubernetes.io/created-for/pvc/name": name,
    }
    return create(deployment, **fields, **tags)


@pytest.fixture
def points(deployment):
    """Two access points of the indexed file system, and one of a file system that no policy names."""
    team = create(deployment, "team")
    uploads = claim(deployment, "shop", "uploads", path="/exports/team/sub")
    return {"team": team, "uploads": uploads, "other": create(deployment, "foreign", file_system=OTHER)}


@pytest.fixture
def indexes(deployment, tmp_path):
    old = index_rows(deployment.store, tmp_path, ROWS[:4] + ROWS[5:], number=1).index_id
    return old, index_rows(deployment.store, tmp_path, ROWS, number=2).index_id


def test_the_access_points_of_the_policies_file_systems_are_listed(tidemark, deployment, points):
    document = tidemark("access-points", "--json").document
    assert [each["access_point_id"] for each in document["access_points"]] == [
        points["team"],
        points["uploads"],
    ]
    assert document["access_points"][1] == {
        "access_point_id": points["uploads"],
        "file_system": FILE_SYSTEM,
        "name": None,
        "root_directory": "/exports/team/sub",
        "pvc_namespace": "shop",
        "pvc_name": "uploads",
    }
    out = tidemark("access-points").out
    assert "accesspoint:team\n" in out
    assert "pvc:shop/uploads\n" in out
    assert tidemark("access-points", "--file-system", OTHER).out.count("fsap-") == 1
    assert "no access points" in tidemark("access-points", "--file-system", OWN).err


@pytest.mark.parametrize("name", ["a b", "exports/team", "http://x:80/y", ":/", "/", "Zürich", "fsap-x"])
def test_each_listed_name_can_be_given_to_a_command(tidemark, deployment, indexes, name):
    create(deployment, name)
    (shown,) = (
        line.strip() for line in tidemark("access-points").out.splitlines() if line.startswith("    ")
    )
    result = tidemark("ls", f"{shown}:/sub", "--json")
    assert result.code == 0, result.err
    assert [each["path"] for each in result.document["entries"]] == ["/exports/team/sub/plan.txt"]
    assert result.document["access_point"]["name"] == name


def test_a_list_of_a_directory(tidemark, points, indexes):
    both = ["/exports/team/sub", "/exports/team/thesis.txt"]
    handle = f"{FILE_SYSTEM}::{points['team']}"
    wheres = [
        "accesspoint:team",
        "accesspoint:team:/",
        f"accesspoint:{points['team']}",
        f"accesspoint:{handle}",
    ]
    wheres += [f"{FILE_SYSTEM}:accesspoint:team", f"{indexes[1]}:accesspoint:team"]
    for where in wheres:
        result = tidemark("ls", where, "--json")
        assert result.code == 0, result.err
        assert [each["path"] for each in result.document["entries"]] == both
        assert result.document["path"] == "/exports/team"
        assert result.document["access_point"]["access_point_id"] == points["team"]
    assert len(tidemark("ls", f"{indexes[0]}:accesspoint:team", "--json").document["entries"]) == 1
    result = tidemark("ls", "accesspoint:team")
    assert f"accesspoint:team = {FILE_SYSTEM}:/exports/team\n" in result.err
    assert "/exports" not in result.out


@pytest.mark.parametrize("path", ["accesspoint:team:/sub", "pvc:uploads", "/exports"])
def test_the_arn_ends_where_the_name_begins(tidemark, points, indexes, path):
    result = tidemark("ls", f"{ARN}:{path}")
    assert result.code == 19
    assert f"no index describes {ARN};" in result.err


def test_a_directory_that_looks_like_a_name_is_reached_by_its_path(tidemark, points, indexes):
    result = tidemark("ls", f"{FILE_SYSTEM}:/pvc:shop", "--json")
    assert [each["path"] for each in result.document["entries"]] == ["/pvc:shop/thesis.txt"]
    assert result.document["access_point"] is None
    found = tidemark("search", "thesis", "--under", "/pvc:shop", "--json").lines
    assert [each["path"] for each in found] == ["/pvc:shop/thesis.txt"]


@pytest.mark.parametrize("where", [(), ("--file-system", FILE_SYSTEM), ("--index", FILE_SYSTEM), ("--all",)])
def test_a_search_below_an_access_point(tidemark, points, indexes, where):
    result = tidemark("search", "thesis", "--under", "accesspoint:team", *where)
    assert result.code == 0, result.err
    assert "/exports/team/thesis.txt" in result.out
    assert "pvc:shop" not in result.out
    assert f"accesspoint:team = {FILE_SYSTEM}:/exports/team\n" in result.err
    document = tidemark(
        "search", "--type", "f", "--under", "pvc:uploads", *where, "--count", "--json"
    ).document
    assert (document["count"], document["access_point"]["pvc_name"]) == (1, "uploads")
    bare = tidemark("search", "plan", "--under", "pvc:shop/uploads", *where, "--print0")
    assert (bare.out, bare.err) == ("/exports/team/sub/plan.txt\0", "")


def test_a_search_is_limited_to_the_file_system_of_the_access_point(tidemark, deployment, indexes):
    create(deployment, "mine", file_system=OWN)
    result = tidemark("search", "thesis", "--under", "accesspoint:mine")
    assert result.code == 17  # that file system has no index; the other one is not searched
    assert OWN in result.err


def test_the_history_of_a_file(tidemark, points, indexes):
    document = tidemark("history", "accesspoint:team:/thesis.txt", "--json").document
    assert document["path"] == "/exports/team/thesis.txt"
    assert document["access_point"]["name"] == "team"
    assert [each["what"] for each in document["versions"]] == ["appeared"]
    assert "accesspoint:team = " in tidemark("history", "accesspoint:team:/thesis.txt").err


def test_usage_and_diff(tidemark, points, indexes):
    usage = tidemark("usage", FILE_SYSTEM, "--under", "accesspoint:team", "--json").document
    assert (usage["under"], usage["bytes"], usage["access_point"]["name"]) == ("/exports/team", 12, "team")
    differences = tidemark("diff", *indexes, "--under", "accesspoint:team", "--json").document
    assert differences["under"] == "/exports/team"
    assert [each["path"] for each in differences["changes"]] == ["/exports/team/thesis.txt"]
    assert differences["access_point"]["access_point_id"] == points["team"]
    assert "No differences" in tidemark("diff", *indexes, "--under", "pvc:uploads").err


def test_a_restore_of_access_points(tidemark, points, monkeypatch):
    wishes = []

    def plan(_connection, _file_system, _held, wish: Wish, _now):
        wishes.append(wish)
        raise NotRestorable("enough for this test")

    monkeypatch.setattr("tidemark.cli.commands.restore.held_points", lambda *_: None)
    monkeypatch.setattr("tidemark.cli.commands.restore.plan_restore", plan)
    paths = ("accesspoint:team:/thesis.txt", "pvc:shop/uploads", "/pvc:shop")
    result = tidemark(
        "restore", *paths, "--to", "accesspoint:team:/back", "--file-system", FILE_SYSTEM, "--dry-run"
    )
    assert result.code == NotRestorable.exit_code, result.err
    (wish,) = wishes
    assert wish.paths == ["/exports/team/thesis.txt", "/exports/team/sub", "/pvc:shop"]
    assert wish.destination.directory == "/exports/team/back"
    assert f"pvc:shop/uploads = {FILE_SYSTEM}:/exports/team/sub\n" in result.err
    result = tidemark("restore", "accesspoint:team:/../x", "--file-system", FILE_SYSTEM, "--dry-run")
    assert (result.code, len(wishes)) == (2, 1)  # it would leave the access point


COMMANDS = [
    ("ls", "accesspoint:gone"),
    ("history", "accesspoint:gone:/x"),
    ("search", "x", "--under", "accesspoint:gone"),
    ("usage", FILE_SYSTEM, "--under", "accesspoint:gone"),
    ("restore", "accesspoint:gone", "--file-system", FILE_SYSTEM, "--dry-run"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each[0])
def test_an_unknown_name_lists_the_others_and_the_way_to_a_deleted_one(tidemark, points, indexes, command):
    result = tidemark(*command)
    assert result.code == AccessPointNotFound.exit_code
    assert f"accesspoint:{points['team']} (accesspoint:team, " in result.err
    assert "tidemark ls " in result.err
    assert points["other"] not in result.err


@pytest.mark.parametrize("command", COMMANDS[:4], ids=lambda each: each[0])
def test_a_repository_alone_knows_no_names(tidemark, deployment, repository, tmp_path, command):
    index_rows(repository, tmp_path, ROWS)
    result = tidemark(*command, "--repository", repository.url)
    assert result.code == 2
    assert "only through a deployment" in result.err


def test_an_access_point_of_another_file_system(tidemark, points, indexes):
    result = tidemark("usage", FILE_SYSTEM, "--under", f"accesspoint:{points['other']}")
    assert result.code == AccessPointNotFound.exit_code
    assert f"is an access point of {OTHER}, not of {FILE_SYSTEM}" in result.err
    result = tidemark("ls", f"accesspoint:{OWN}::{points['team']}")
    assert result.code == AccessPointNotFound.exit_code


def test_indexes_of_two_file_systems_have_no_common_access_point(
    tidemark, deployment, points, indexes, tmp_path
):
    made = index_rows(deployment.store, tmp_path, ROWS, number=5)
    theirs = dataclasses.replace(
        made.identity, file_system_id=OWN, index_id=made.index_id.replace(FILE_SYSTEM, OWN)
    )
    for file in (*made.parts, *made.side_files):
        deployment.store.put(
            theirs.prefix + file.file, deployment.store.get(made.identity.prefix + file.file)
        )
    other = dataclasses.replace(made, identity=theirs)
    deployment.store.put(other.key, other.to_json())
    result = tidemark("diff", indexes[0], other.index_id, "--under", "accesspoint:team")
    assert result.code == 2
    assert f"A and B are of {FILE_SYSTEM} and {OWN}" in result.err
    assert tidemark("diff", indexes[0], other.index_id, "--under", "/exports").code == 0


def test_a_deleted_access_point_is_no_name_any_more(tidemark, deployment, points, indexes):
    deployment.clients.of("efs").delete_access_point(AccessPointId=points["team"])
    for name in ("team", points["team"]):
        assert tidemark("ls", f"accesspoint:{name}").code == AccessPointNotFound.exit_code
    assert tidemark("ls", f"{FILE_SYSTEM}:/exports/team").code == 0
