"""Second opinions on the templates: cfn-lint, and that cdk-nag was asked at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# One of each public partition: not all offer the same types of resources (E3006).
REGIONS = ("eu-central-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1")


def test_cfn_lint_has_nothing_to_say(assembly: Path, tmp_path: Path) -> None:
    templates = [_as_in_aws(path, tmp_path) for path in sorted(assembly.glob("*.template.json"))]
    assert len(templates) == 3
    # W3005 calls a dependency of the CDK's redundant where it is merely plain.
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W3005"]
    command += ["--regions", *REGIONS, "--"]
    result = subprocess.run([*command, *map(str, templates)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def _as_in_aws(template: Path, directory: Path) -> Path:
    """Return a copy whose state machines are those of the partition `aws`.

    cfn-lint reads definitions without their substitutions, and its pattern for a Resource (E3601) takes no
    other partition, nor a placeholder. So it still checks everything else in them.
    """
    copy = directory / template.name
    copy.write_text(template.read_text().replace("arn:${Partition}:states:::", "arn:aws:states:::"))
    return copy


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
