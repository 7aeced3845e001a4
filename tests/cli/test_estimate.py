"""tidemark estimate"""

from __future__ import annotations

import csv
import dataclasses
import io
from decimal import Decimal

import pytest

from tests.aws.account import COPY_REGION, NIGHTLY, REGION, route_out
from tests.index.building import FILE_SYSTEM, index_rows, row
from tidemark.errors import FileSystemNotFound, PolicyNotFound
from tidemark.policy.policy import CopyTarget, Schedule, policy_parameter

GB = 1024**3
COPY = CopyTarget(region=COPY_REGION, vault="copies", keep_days=90)


@pytest.fixture
def made(deployment) -> str:
    """A file system with a mount target in a subnet with a NAT gateway."""
    clients = deployment.clients
    efs, ec2 = clients.of("efs", REGION), clients.of("ec2", REGION)
    subnet = ec2.describe_subnets()["Subnets"][0]
    route_out(clients, subnet["VpcId"])
    group = ec2.describe_security_groups(
        Filters=[
            {"Name": "vpc-id", "Values": [subnet["VpcId"]]},
            {"Name": "group-name", "Values": ["default"]},
        ]
    )["SecurityGroups"][0]["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 2049,
                "ToPort": 2049,
                "UserIdGroupPairs": [{"GroupId": group}],
            }
        ],
    )
    file_system = efs.create_file_system(CreationToken="t", ThroughputMode="elastic")["FileSystemId"]
    efs.create_mount_target(FileSystemId=file_system, SubnetId=subnet["SubnetId"], SecurityGroups=[group])
    return file_system


def deploy(deployment, *file_systems: str, **fields) -> None:
    nightly = {"schedule": Schedule(expression="cron(0 2 * * ? *)"), "copies": (COPY,), **fields}
    policy = dataclasses.replace(NIGHTLY, file_systems=file_systems, **nightly)
    deployment.clients.of("ssm", REGION).put_parameter(
        Name=policy_parameter("tidemark", "nightly"), Value=policy.to_json(), Type="String", Overwrite=True
    )


def test_a_file_system_without_indexes_is_estimated_from_its_size_and_assumptions(tidemark, deployment, made):
    deploy(deployment, made)
    result = tidemark("estimate", "nightly", "--json")
    assert result.code == 0, result.err
    document = result.document
    assert document["policy"] == "nightly"
    assert document["steady_from_month"] == 4, "copies of 90 days end in the third month"
    assert len(document["months"]) == 12
    own = sum(Decimal(part["usd"]) for part in document["parts"] if not part["shared"])
    assert own == Decimal(document["monthly_usd"])
    shared = sum(Decimal(part["usd"]) for part in document["parts"] if part["shared"])
    assert shared == Decimal(document["shared_monthly_usd"])
    assert sum(Decimal(month["usd"]) for month in document["months"]) == Decimal(document["first_year_usd"])
    names = {part["name"] for part in document["parts"]}
    assert {"worker through the NAT gateway", "NAT gateways", "worker, Fargate"} <= names
    text = " ".join(document["assumptions"])
    assert f"{made}: it has no index yet" in text
    assert "2% of" in text
    assert "those of us-east-1, because those of eu-central-1 are not recorded" in text


def test_sizes_and_changes_come_from_the_indexes(tidemark, deployment, tmp_path):
    """A GiB in ten files, one of which is written every day."""
    efs = deployment.clients.of("efs", REGION)
    other = efs.create_file_system(CreationToken="t")["FileSystemId"]
    deploy(deployment, other, copies=(), index=False)
    for day in range(3):
        rows = [
            row(f"/{number}", size=GB // 10, mtime_us=10**6 * (day + 1 if number == day else 0))
            for number in range(10)
        ]
        index_rows(deployment.store, tmp_path, rows, number=day)
    from tidemark.answers.connection import connect
    from tidemark.answers.cost_facts import file_system_use

    connection = connect()
    with pytest.raises(FileSystemNotFound):
        file_system_use(connection, FILE_SYSTEM, lambda _: None, daily_percent=None)
    # moto chooses the ids of file systems, so the one of the indexes is given the answer of another.
    client = deployment.clients.of("efs", REGION)
    answer = client.describe_file_systems(FileSystemId=other)
    client.meta.events.register(
        "before-call.efs.DescribeFileSystems", lambda **_: _stubbed(answer), unique_id="stub"
    )
    try:
        use = file_system_use(connection, FILE_SYSTEM, lambda _: None, daily_percent=None)
        fixed = file_system_use(connection, FILE_SYSTEM, lambda _: None, daily_percent=50)
    finally:
        client.meta.events.unregister("before-call.efs.DescribeFileSystems", unique_id="stub")
    assert use.size == 10 * (GB // 10)
    assert (use.files, use.entries) == (10, 10)
    # From the first day to the third, the files 0, 1 and 2 were written: 0 again, because its time went back.
    assert use.changes.measured == ((1.0, 2 * (GB // 10)), (2.0, 3 * (GB // 10)))
    assert "changes are those between its newest 3 indexes" in " ".join(use.assumptions)
    assert fixed.changes.over(1) == use.size // 2


def _stubbed(answer):
    from types import SimpleNamespace

    return SimpleNamespace(status_code=200), answer


def test_csv_has_the_parts_with_their_sum(tidemark, deployment, made):
    deploy(deployment, made)
    document = tidemark("estimate", "nightly", "--json").document
    rows = list(csv.DictReader(io.StringIO(tidemark("estimate", "nightly", "--csv").out)))
    assert [(each["part"], each["usd_per_month"]) for each in rows] == [
        (part["name"], part["usd"]) for part in document["parts"]
    ]
    assert {each["policy"] for each in rows} == {"nightly"}
    assert {each["shared"] for each in rows} == {"true", "false"}


def test_people_see_parts_totals_windows_and_assumptions(tidemark, deployment, made):
    deploy(deployment, made)
    lines = tidemark("estimate", "nightly", "--months", "2").out.splitlines()
    assert lines[0] == "Policy nightly: 30.4 runs a month, 1 file system"
    text = "\n".join(lines)
    for words in ("a month, from month 4 on", "in the first year", "month 2", "Shared by all policies"):
        assert words in text
    assert f"  {made}  first backup " in text
    assert "AWS documents 2,000 files" in text


def test_a_network_in_which_no_worker_can_run_is_named(tidemark, deployment):
    made = deployment.clients.of("efs", REGION).create_file_system(CreationToken="t")["FileSystemId"]
    deploy(deployment, made)
    result = tidemark("estimate", "nightly", "--json")
    assert result.code == 0, result.err
    fact = f"{made}: no worker can run for it, see: tidemark check nightly"
    assert f"{fact}; the cost of the network is not included." in result.document["assumptions"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nightly", "--csv", "--json"], 2),
        (["nightly", "--months", "0"], 2),
        (["nightly", "--daily-change", "101"], 2),
        (["nothing"], PolicyNotFound.exit_code),
        (["nightly"], FileSystemNotFound.exit_code),  # the file systems of the fixture do not exist
    ],
)
def test_wrong_input_is_answered(tidemark, deployment, arguments, code):
    assert tidemark("estimate", *arguments).code == code
