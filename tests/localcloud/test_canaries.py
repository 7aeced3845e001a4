"""Fail when moto or botocore has fixed what is patched here, or has moved the seam that a patch uses.

moto runs plain in this process: the patches are installed in the server's.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator

import boto3
import botocore.loaders
import pytest
from moto import mock_aws

REGION = "eu-central-1"


@pytest.fixture
def plain_moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "moto")
    with mock_aws():
        yield


def test_moto_still_loads_the_offerings_of_instance_types_at_import() -> None:
    from moto.ec2.models import instance_types

    source = inspect.getsource(instance_types)
    assert 'offerings_path = "resources/instance_type_offerings"' in source
    assert "res = load_resource(full_path)" in source


def test_botocore_still_reads_models_in_load_file() -> None:
    parameters = inspect.signature(botocore.loaders.JSONFileLoader._load_file).parameters
    assert list(parameters) == ["self", "full_path", "open_method"]


def test_moto_still_creates_a_loader_for_each_model() -> None:
    from moto.core import utils

    assert "loader = create_loader()" in inspect.getsource(utils._load_service_model)


def test_moto_still_generates_a_key_pair_for_a_symmetric_key() -> None:
    from moto.kms import models

    assert "self.private_key = generate_private_key(self.key_spec)" in inspect.getsource(models.Key.__init__)
    assert models.generate_private_key("SYMMETRIC_DEFAULT") is not None


@pytest.mark.usefixtures("plain_moto")
def test_moto_still_gives_mount_targets_no_security_group() -> None:
    efs, ec2 = boto3.client("efs", REGION), boto3.client("ec2", REGION)
    file_system = efs.create_file_system(CreationToken="x")["FileSystemId"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    target = efs.create_mount_target(FileSystemId=file_system, SubnetId=subnet)["MountTargetId"]
    groups = efs.describe_mount_target_security_groups(MountTargetId=target)
    assert not groups.get("SecurityGroups")


@pytest.mark.usefixtures("plain_moto")
def test_moto_still_gives_the_default_vpc_no_route_to_the_internet_and_routes_no_state() -> None:
    ec2 = boto3.client("ec2", REGION)
    assert ec2.describe_internet_gateways()["InternetGateways"] == []
    default = ec2.describe_subnets()["Subnets"][0]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=default["SubnetId"], AllocationId=address)["NatGateway"]
    table = ec2.create_route_table(VpcId=default["VpcId"])["RouteTable"]["RouteTableId"]
    nat = made["NatGatewayId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    (found,) = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    assert {route["State"] for route in found["Routes"]} == {"active"}


@pytest.mark.usefixtures("plain_moto")
def test_moto_still_ignores_the_conditions_of_bucket_policies() -> None:
    s3 = boto3.client("s3", REGION)
    s3.create_bucket(Bucket="canary", CreateBucketConfiguration={"LocationConstraint": REGION})
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "arn:aws:s3:::canary/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket="canary", Policy=json.dumps(policy))
    with pytest.raises(s3.exceptions.ClientError, match="403"):
        s3.put_object(Bucket="canary", Key="x", Body=b"")


def test_moto_still_reads_an_asset_for_each_function() -> None:
    from moto.awslambda import models

    assert list(inspect.signature(models._s3_content).parameters) == ["key"]
    assert inspect.getsource(models).count("= _s3_content(key)") >= 2
    assert "cache" not in inspect.getsource(models._s3_content)


def test_the_parts_of_moto_that_are_kept_between_runs_are_where_they_were() -> None:
    from moto.dynamodb.models import dynamodb_backends
    from moto.kms.models import kms_backends
    from moto.s3.models import FakeKey, s3_backends

    assert {"_value_buffer", "lock"} <= set(vars(FakeKey("k", b"v", "123456789012", "aws")))
    assert hasattr(s3_backends, "bucket_accounts")
    assert {"buckets", "tagger"} <= set(vars(s3_backends["123456789012"]["aws"]))
    assert "tables" in vars(dynamodb_backends["123456789012"][REGION])
    assert {"keys", "tagger"} <= set(vars(kms_backends["123456789012"][REGION]))
