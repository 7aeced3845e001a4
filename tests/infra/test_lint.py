"""Second opinions on the templates: cfn-lint, and that cdk-nag was asked at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.infra.template import lint


def test_cfn_lint_has_nothing_to_say(assembly: Path, tmp_path: Path) -> None:
    templates = sorted(assembly.glob("*.template.json"))
    assert len(templates) == 3
    assert lint(templates, tmp_path) == ""


def test_cdk_nag_saw_the_deployment(assembly: Path) -> None:
    report = json.loads((assembly / "validation-report.json").read_text())
    assert [plugin for plugin in report["pluginReports"] if plugin.get("violations")] == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_cdk_nag_would_stop_the_synthesis_of_what_it_finds(tmp_path: Path) -> None:
    from aws_cdk import Stack, Validations
    from aws_cdk import aws_s3 as s3
    from cdk_nag import AwsSolutionsChecks

    from infra.synthesis import application

    app = application(outdir=tmp_path)
    s3.Bucket(Stack(app, "Careless"), "Bucket")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match=r"AwsSolutions-S10|[Vv]alidation"):
        app.synth()
