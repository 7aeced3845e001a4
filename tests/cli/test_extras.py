"""Commands that need an extra of the package, where it is not installed."""

from __future__ import annotations

from importlib import metadata

import pytest

from tests.index.building import FILE_SYSTEM
from tidemark.cli.support.extras import missing_distributions
from tidemark.errors import ExtraNotInstalled


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch):
    """Return a function that hides a distribution, as if it were not installed."""
    found = metadata.distribution

    def hide(*hidden: str) -> None:
        def distribution(name: str) -> metadata.Distribution:
            if name in hidden:
                raise metadata.PackageNotFoundError(name)
            return found(name)

        monkeypatch.setattr(metadata, "distribution", distribution)

    return hide


def test_all_extras_are_installed_here():
    assert missing_distributions("plot", "cdk", "local") == []


@pytest.mark.parametrize(
    ("hidden", "extra"), [("pillow", "plot"), ("aws-cdk-lib", "cdk"), ("moto", "local"), ("flask", "local")]
)
def test_a_missing_package_is_attributed_to_the_extra_that_requires_it(without, hidden, extra):
    without(hidden)
    assert missing_distributions(extra) == [hidden]
    assert missing_distributions(*{"plot", "cdk", "local"} - {extra}) == []


def test_a_dependency_of_every_command_belongs_to_no_extra(without):
    without("pyarrow")
    assert missing_distributions("plot", "cdk", "local") == []


@pytest.mark.parametrize(
    "arguments", [["demo"], ["demo", "--json"], ["local", "up", "--file-system", "home=."]]
)
def test_without_the_local_cloud_the_command_names_the_extra_to_install(
    tidemark, without, monkeypatch, arguments
):
    monkeypatch.setattr("localcloud.client.local_cloud.LocalCloud.start", None)
    without("moto", "aws-cdk-lib")
    result = tidemark(*arguments)
    assert result.code == ExtraNotInstalled.exit_code, result
    assert "cannot run without aws-cdk-lib, moto;" in result.err
    assert "pip install --editable '.[cdk,local]'" in result.err
    assert result.out == ""


def test_without_pillow_a_plot_is_refused_before_anything_is_read(tidemark, without, tmp_path):
    without("pillow")
    result = tidemark("usage", FILE_SYSTEM, "--plot", str(tmp_path / "picture.png"))
    assert result.code == ExtraNotInstalled.exit_code, result
    assert result.err == (
        "tidemark: usage --plot cannot run without pillow; install the extra: pip install 'tidemark[plot]'\n"
    )
