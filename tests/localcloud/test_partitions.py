"""The local cloud's account is in one partition, and so is everything in it."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session

from localcloud import LocalCloud
from localcloud.backup.arns import parse_vault_arn
from localcloud.backup.errors import InvalidParameterValue
from localcloud.core.partitions import partition_of, url_suffix

PARTITIONS = get_session().get_component("data_loader").load_data("partitions")["partitions"]
REGIONS = [(region, partition["id"]) for partition in PARTITIONS for region in partition["regions"]]


@pytest.mark.parametrize(("region", "partition"), REGIONS)
def test_every_region_is_in_the_partition_that_lists_it(region: str, partition: str) -> None:
    assert partition_of(region) == partition


def test_the_suffix_is_that_of_the_partition() -> None:
    regions = ("eu-central-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1")
    suffixes = ["amazonaws.com", "amazonaws.com", "amazonaws.com.cn", "amazonaws.eu"]
    assert [url_suffix(region) for region in regions] == suffixes


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1"])
def test_credentials_are_invalid_in_another_partition(cloud: LocalCloud, region: str) -> None:
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        cloud.client("backup", region).list_backup_vaults()


def test_an_arn_of_another_partition_than_its_region_is_invalid() -> None:
    vault = ":backup:eu-west-1:123456789012:backup-vault:copies"
    assert str(parse_vault_arn(f"arn:aws{vault}")) == f"arn:aws{vault}"
    with pytest.raises(InvalidParameterValue, match="Invalid ARN"):
        parse_vault_arn(f"arn:aws-cn{vault}")
