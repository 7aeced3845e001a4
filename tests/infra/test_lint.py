"""Independent checks of the templates: cfn-lint, and that cdk-nag was applied."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# One Region of each public partition: resource types differ between partitions (E3006).
REGIONS = ("eu-central-1", "eusc-de-east-1")
# A configuration with restore testing is refused there: tests/policy/test_restore_testing_rules.py.
WITHOUT_RESTORE_TESTING = ("us-gov-west-1", "cn-north-1")


@pytest.mark.parametrize("regions", [REGIONS, WITHOUT_RESTORE_TESTING])
def test_cfn_lint_reports_no_problems(assembly: Path, tmp_path: Path, regions: tuple[str, ...]) -> None:
    templates = [_as_in_aws(path, tmp_path) for path in sorted(assembly.glob("*.template.json"))]
    assert len(templates) == 4
    if regions == WITHOUT_RESTORE_TESTING:
        for path in templates:
            path.write_text(json.dumps(_without_restore_testing(json.loads(path.read_text()))))
    # W3005 reports explicit dependencies of the CDK as redundant.
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W3005"]
    command += ["--regions", *regions, "--"]
    result = subprocess.run([*command, *map(str, templates)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def _as_in_aws(template: Path, directory: Path) -> Path:
    """Return a copy with the state machines of the partition `aws`.

    cfn-lint reads definitions without their substitutions, and its pattern for a Resource (E3601) accepts
    neither other partitions nor placeholders. With this copy it still checks the rest.
    """
    copy = directory / template.name
    copy.write_text(template.read_text().replace("arn:${Partition}:states:::", "arn:aws:states:::"))
    return copy


def _without_restore_testing(template: dict[str, Any]) -> dict[str, Any]:
    kept = {
        name: resource
        for name, resource in template["Resources"].items()
        if not resource["Type"].startswith("AWS::Backup::RestoreTesting")
    }
    return {**template, "Resources": kept}


def test_cdk_nag_saw_the_deployment(assembly: Path) -> None:
    report = json.loads((assembly / "validation-report.json").read_text())
    assert [plugin for plugin in report["pluginReports"] if plugin.get("violations")] == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_cdk_nag_finding_stops_the_synthesis(tmp_path: Path) -> None:
    from aws_cdk import Stack, Validations
    from aws_cdk import aws_s3 as s3
    from cdk_nag import AwsSolutionsChecks

    from infra.synthesis import application

    app = application(outdir=tmp_path)
    s3.Bucket(Stack(app, "Careless"), "Bucket")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match=r"AwsSolutions-S10|[Vv]alidation"):
        app.synth()
