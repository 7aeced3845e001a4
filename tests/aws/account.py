"""An account on moto: clients that need no environment, and the deployment's tables."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from botocore.session import get_session

from tidemark.aws.clients import Clients
from tidemark.aws.deployment import Resources
from tidemark.aws.records import Records
from tidemark.policy.policy import CopyTarget, Policy
from tidemark.sessions.schema import TABLES
from tidemark.sessions.session import FileSystem
from tidemark.settings import LambdaSettings

REGION, COPY_REGION, ACCOUNT = "eu-central-1", "eu-west-1", "123456789012"
FS = FileSystem(ACCOUNT, REGION, "fs-0123456789abcdef0")
MACHINES = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:tidemark"
NIGHTLY = Policy(
    name="nightly",
    region=REGION,
    file_systems=(FS.file_system_id,),
    vault="tidemark",
    keep_days=35,
    copies=(CopyTarget(region=COPY_REGION, vault="copies", keep_days=None),),
)
SETTINGS = LambdaSettings(
    deployment="tidemark",
    account=ACCOUNT,
    region=REGION,
    sessions_table="tidemark-sessions",
    indexes_table="tidemark-indexes",
    repository="s3://repository/below",
    tag_key=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/none",
    backup_role=f"arn:aws:iam::{ACCOUNT}:role/backup",
    topic=f"arn:aws:sns:{REGION}:{ACCOUNT}:sessions",
    indexing_session=f"{MACHINES}-indexing-session",
    cluster=f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/tidemark",
    worker_image=f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/worker:1",
    worker_task_role=f"arn:aws:iam::{ACCOUNT}:role/task",
    worker_execution_role=f"arn:aws:iam::{ACCOUNT}:role/execution",
    worker_instance_profile=f"arn:aws:iam::{ACCOUNT}:instance-profile/worker",
    worker_log_group="/tidemark/worker",
    restores_table="tidemark-restores",
    restore_session=f"{MACHINES}-restore-session",
    restore_test=f"{MACHINES}-restore-test",
    restore_role=f"arn:aws:iam::{ACCOUNT}:role/restore",
    restore_task_role=f"arn:aws:iam::{ACCOUNT}:role/restore-task",
    restore_instance_profile=f"arn:aws:iam::{ACCOUNT}:instance-profile/restore-worker",
    restore_new_task_role=f"arn:aws:iam::{ACCOUNT}:role/restore-new-task",
    verification_task_role=f"arn:aws:iam::{ACCOUNT}:role/verification-task",
)
RESOURCES = Resources(
    account=ACCOUNT,
    region=REGION,
    sessions_table=SETTINGS.sessions_table,
    indexes_table=SETTINGS.indexes_table,
    repository=SETTINGS.repository,
    tag_key=SETTINGS.tag_key,
    policy_run=f"{MACHINES}-policy-run",
    backup_session=f"{MACHINES}-backup-session",
    indexing_session=f"{MACHINES}-indexing-session",
    vaults={REGION: "tidemark", COPY_REGION: "copies"},
    restores_table=SETTINGS.restores_table,
    restore_session=SETTINGS.restore_session,
)
IMAGE = "ami-12345678"  # moto does not verify it


@cache
def the_clients() -> Clients:
    """Return clients with invalid credentials; one set serves all tests, because their creation is slow."""
    session = get_session()
    session.set_credentials("testing", "testing")
    session.set_config_variable("region", REGION)
    # moto does not have the operation; a Stubber still comes first.
    session.register("before-call.backup.DescribeRegionSettings", _opted_in)
    return Clients(session)


def _opted_in(**_: Any) -> tuple[Any, dict[str, Any]]:
    """Answer DescribeRegionSettings as for an account that AWS Backup may protect EFS of."""
    return SimpleNamespace(status_code=200), {"ResourceTypeOptInPreference": {"EFS": True}}


def route_out(clients: Clients, vpc: str) -> None:
    """Route the VPC's main route table through a NAT gateway."""
    ec2 = clients.of("ec2", REGION)
    subnet = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"][0]["SubnetId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
    main = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    table = ec2.describe_route_tables(Filters=main)["RouteTables"][0]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway)


def create_tables(clients: Clients) -> None:
    """Create the deployment's tables as the schema declares them."""
    for schema in TABLES:
        keys = {schema.partition_key: "HASH"} | ({schema.sort_key: "RANGE"} if schema.sort_key else {})
        secondary: list[Any] = [
            {
                "IndexName": index.name,
                "KeySchema": _key_schema({index.partition_key: "HASH", index.sort_key: "RANGE"}),
                "Projection": {"ProjectionType": "ALL"},
            }
            for index in schema.secondary_indexes
        ]
        names = set(keys) | {key["AttributeName"] for index in secondary for key in index["KeySchema"]}
        clients.of("dynamodb", REGION).create_table(
            TableName=schema.table_name("tidemark"),
            BillingMode="PAY_PER_REQUEST",
            KeySchema=_key_schema(keys),
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in sorted(names)],
            GlobalSecondaryIndexes=secondary,
        )


def records_of(clients: Clients) -> Records:
    """Return the store of the deployment's tables."""
    return Records(clients.of("dynamodb", REGION), lambda table: table.table_name("tidemark"))


def _key_schema(keys: dict[str, str]) -> list[Any]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()]
