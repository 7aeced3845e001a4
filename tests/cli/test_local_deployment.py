"""The code that `demo` and `local up` share, as far as it runs without the local cloud."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from tidemark.aws.regions import sdk_regions
from tidemark.cli.support import local_deployment
from tidemark.errors import ConfigurationError, LocalCloudError
from tidemark.policy.configuration import load

IDS = {"home": "fs-0123456789abcdef0", "0": "fs-0123456789abcdef1", "true": "fs-0123456789abcdef2"}


def test_the_written_configuration_is_a_valid_one(tmp_path):
    path = tmp_path / "tidemark.yaml"
    path.write_text(local_deployment.configuration(IDS))
    loaded = load(path, sdk_regions())
    assert {policy.name: policy.file_systems for policy in loaded.policies} == {
        name: (file_system,) for name, file_system in IDS.items()
    }
    for policy in loaded.policies:
        assert policy.index
        assert policy.schedule is None
        assert [copy.region for copy in policy.copies] == [local_deployment.COPY_REGION]
    assert set(loaded.vaults) == {local_deployment.REGION, local_deployment.COPY_REGION}


def test_a_configuration_of_an_organization_is_a_valid_one(tmp_path):
    named = {
        "home": "fs-0123456789abcdef0",
        "eu-west-1/near": "fs-0123456789abcdef1",
        "production/us-east-1/far": "fs-0123456789abcdef2",
        "research/eu-central-1/lab": "fs-0123456789abcdef3",
    }
    path = tmp_path / "tidemark.yaml"
    path.write_text(local_deployment.configuration(named, account="123456789012"))
    loaded = load(path, sdk_regions())
    ids = {site.name: site.account for site in loaded.sites}
    assert {policy.name: policy.file_systems for policy in loaded.policies} == {
        "home": ("fs-0123456789abcdef0",),
        "near": ("eu-west-1/fs-0123456789abcdef1",),
        "far": (f"{ids['production']}/us-east-1/fs-0123456789abcdef2",),
        "lab": (f"{ids['research']}/eu-central-1/fs-0123456789abcdef3",),
    }
    copies = {policy.name: (policy.copies[0].account, policy.copies[0].region) for policy in loaded.policies}
    assert copies.pop("home") == (None, "eu-west-1")
    assert set(copies.values()) == {("123456789012", "eu-central-1")}


@pytest.mark.parametrize("names", [("a/b/c/d",), ("Production/eu-west-1/a",), ("eu-west-1/a", "a")])
def test_invalid_places_start_nothing(names, tmp_path, monkeypatch):
    monkeypatch.setattr("localcloud.client.local_cloud.LocalCloud.start", None)
    directories = dict.fromkeys(names, tmp_path)
    with pytest.raises(ConfigurationError), local_deployment.deploy_locally(directories, time_scale=1):
        pass


def test_the_state_of_an_organization_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("localcloud.client.local_cloud.LocalCloud.start", None)
    named = {"production/eu-west-1/a": tmp_path}
    with (
        pytest.raises(ConfigurationError, match="--state"),
        local_deployment.deploy_locally(named, time_scale=1, state=tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    "text", ["home", "home=", "=x", "home=/nowhere/at/all", "Home=.", "a b=.", "a/../b=."]
)
def test_an_invalid_file_system_starts_nothing(tidemark, text, monkeypatch):
    monkeypatch.setattr("localcloud.client.local_cloud.LocalCloud.start", None)
    result = tidemark("local", "up", "--file-system", text)
    assert result.code == ConfigurationError.exit_code, result
    assert "Traceback" not in result.err


def test_two_file_systems_of_one_name(tidemark):
    result = tidemark("local", "up", "--file-system", "a=.", "--file-system", "a=/")
    assert result.code == ConfigurationError.exit_code
    assert "a different name" in result.err


def test_the_demo_of_a_directory_that_is_not_there(tidemark):
    result = tidemark("demo", "/nowhere/at/all")
    assert result.code == ConfigurationError.exit_code
    assert "/nowhere/at/all is not a directory" in result.err
    assert result.out == ""


@pytest.mark.parametrize(
    ("state", "words"), [(None, "removing its copies"), ("here", "keeping what is in here")]
)
def test_the_last_message_reports_whether_copies_are_kept(monkeypatch, state, words):
    monkeypatch.setattr(
        "localcloud.client.local_cloud.LocalCloud.start",
        lambda **_: nullcontext(SimpleNamespace(file_systems={})),
    )
    monkeypatch.setattr(local_deployment, "SOURCES", Path("nowhere"))  # so that it ends immediately
    said = []

    def say(what):
        said.append(what)
        return nullcontext()

    kept = None if state is None else Path(state)
    with (
        pytest.raises(LocalCloudError),
        local_deployment.deploy_locally({}, time_scale=1, state=kept, say=say),
    ):
        pass
    assert said[-1] == f"Stopping the local cloud, {words}"


def test_without_the_sources_the_message_gives_the_place_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr(local_deployment, "SOURCES", tmp_path)
    with pytest.raises(LocalCloudError, match="clone"):
        local_deployment.synthesize(tmp_path / "tidemark.yaml", tmp_path / "out")


def test_a_failed_synthesis_shows_its_last_words(tmp_path, monkeypatch):
    (tmp_path / "app.py").write_text("raise SystemExit('no node here')")
    monkeypatch.setattr(local_deployment, "SOURCES", tmp_path)
    with pytest.raises(LocalCloudError, match="no node here"):
        local_deployment.synthesize(tmp_path / "tidemark.yaml", tmp_path / "out")
