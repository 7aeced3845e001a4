"""A profile for each account, as AWS's own clients read it."""

from __future__ import annotations

import stat
from pathlib import Path

import boto3
import botocore.session
import pytest

from localcloud import LocalCloud
from localcloud.client.profile import profile
from tests.localcloud.accounts.conftest import BACKUP, MANAGEMENT, PRODUCTION, role, trusting, unique

pytestmark = pytest.mark.cloud


def test_each_profile_calls_in_its_account(
    organization: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaced = organization.create_account(f"{unique('with')} space")
    with profile(organization, tmp_path / "profiles", "local", organization.accounts().values()) as written:
        for name, value in written.environment.items():
            monkeypatch.setenv(name, value)
        wanted = {
            "local": MANAGEMENT,
            "local-default": MANAGEMENT,
            "local-production": PRODUCTION,
            "local-backup": BACKUP,
            f"local-{spaced.id}": spaced.id,
        }
        for name, account in wanted.items():
            session = boto3.Session(profile_name=name)
            assert session.client("sts").get_caller_identity()["Account"] == account
            assert session.region_name == organization.region
        for path in (written.config, written.credentials):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not (tmp_path / "profiles").exists()


def test_an_account_is_selected_by_environment_variables(
    organization: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with profile(organization, tmp_path / "profiles", "local", organization.accounts().values()) as written:
        for name, value in written.environment_of(BACKUP).items():
            monkeypatch.setenv(name, value)
        assert boto3.Session().client("sts").get_caller_identity()["Account"] == BACKUP
        with pytest.raises(KeyError):
            written.environment_of("333333333333")


def test_a_profile_that_names_a_role_assumes_it(
    organization: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Source: AWS SDKs and Tools reference guide, "Assume role credential provider"."""
    condition = {"StringEquals": {"sts:ExternalId": "external"}}
    target = role(
        organization, "backup", trust=trusting(f"arn:aws:iam::{PRODUCTION}:root", Condition=condition)
    )
    with profile(organization, tmp_path / "profiles", "local", organization.accounts().values()) as written:
        with written.config.open("a") as config:
            config.write(
                f"[profile role]\nrole_arn = {target.arn}\nsource_profile = local-production\n"
                f"external_id = external\nregion = {organization.region}\n"
                f"endpoint_url = {organization.endpoint_url}\n"
            )
        for name, value in written.environment.items():
            monkeypatch.setenv(name, value)
        session = botocore.session.Session(profile="role")
        arn = session.create_client("sts").get_caller_identity()["Arn"]
        assert arn.startswith(f"arn:aws:sts::{BACKUP}:assumed-role/{target.name}/botocore-session-")
