"""A session in another AWS partition, deployed as in any Region."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Deployed, start_cloud
from tests.infra.assemblies import assembly
from tidemark.cli.support.local_deployment import COPY_REGION, REGION, configuration

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def _no_faults() -> None:
    """These tests start their own local clouds instead of the shared one."""


@pytest.mark.parametrize(
    ("region", "copies", "partition"),
    [("us-gov-west-1", "us-gov-east-1", "aws-us-gov"), ("cn-north-1", "cn-northwest-1", "aws-cn")],
)
def test_a_session_succeeds_and_its_points_are_in_the_partition(
    region: str, copies: str, partition: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp(region)
    home, files = root / "nobody", root / "files"
    for directory in (home, files):
        directory.mkdir()
    (files / "readme.txt").write_text("")
    with start_cloud({"files": files}, region=region) as cloud:
        text = configuration({"files": cloud.file_systems["files"].id})
        outputs = cloud.deploy(assembly(text.replace(REGION, region).replace(COPY_REGION, copies)))
        deployed = Deployed(cloud=cloud, outputs=outputs, directories={"files": files}, home=home)

        session = deployed.run("files")
        assert (session["status"], session["reasons"]) == ("success", [])
        assert deployed.tidemark("search", "readme", "--json").json["path"] == "/readme.txt"
        for point in session["points"]:
            backup = cloud.client("backup", point["region"])
            arn = f"arn:{partition}:backup:{point['region']}:{cloud.account_id}:recovery-point:"
            (listed,) = backup.list_recovery_points_by_backup_vault(BackupVaultName=point["vault"])[
                "RecoveryPoints"
            ]
            assert listed["RecoveryPointArn"] == point["recovery_point_arn"]
            assert listed["RecoveryPointArn"].startswith(arn)
            assert listed["ResourceArn"].startswith(f"arn:{partition}:elasticfilesystem:{region}:")
        assert {point["region"] for point in session["points"]} == {region, copies}
