"""Opting in and out of services, as boto3 sees it."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.backup.conftest import THERE, Backups

pytestmark = pytest.mark.cloud


def test_a_region_that_is_opted_out_of_efs_refuses_backups_of_it_until_it_is_opted_in(
    backups: Backups,
) -> None:
    client = backups.client()
    assert client.describe_region_settings()["ResourceTypeOptInPreference"]["EFS"] is True
    client.update_region_settings(ResourceTypeOptInPreference={"EFS": False})
    try:
        settings = client.describe_region_settings()["ResourceTypeOptInPreference"]
        assert (settings["EFS"], settings["EBS"]) == (False, True)
        there = backups.client(THERE).describe_region_settings()
        assert there["ResourceTypeOptInPreference"]["EFS"] is True, "each Region has its own"
        with pytest.raises(ClientError, match="InvalidRequestException"):
            backups.start("other")
    finally:
        client.update_region_settings(ResourceTypeOptInPreference={"EFS": True})
    backups.backed_up("other")


def test_an_update_names_services_that_there_are(backups: Backups) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        backups.client().update_region_settings(ResourceTypeOptInPreference={"NFS": True})
    with pytest.raises(ClientError, match="MissingParameterValueException"):
        backups.client().update_region_settings()
