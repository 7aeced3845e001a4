"""A whole session, judged by the policies that were deployed: every call was allowed to whoever made it.

The local cloud enforces no policy, so that a missing grant would show in a real account only. Conditions of
statements are not judged, for the record of calls does not hold what they look at.
"""

from __future__ import annotations

import fnmatch
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from localcloud import LocalCloud
from tests.infra.template import as_list

SOURCES = Path(__file__).parents[2]
CONFIGURATION = """\
region: eu-central-1
vaults: {{eu-central-1: tidemark, eu-west-1: copies}}
policies:
  nightly:
    file_systems: [{file_system}]
    keep: 5 days
    copies: [{{region: eu-west-1, keep: 5 days}}]
"""
# Lambda's runtime would make the log group if the stack had not: refused, and of no consequence.
OF_NO_CONSEQUENCE = {"logs:CreateLogGroup"}

Statements = dict[str, list[dict[str, Any]]]


@pytest.mark.cloud
def test_every_call_of_a_session_was_granted(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "below" / "file").write_text("content")
    with LocalCloud.start(file_systems={"home": tree}, time_scale=0.01, region="eu-central-1") as cloud:
        _deploy(cloud, tmp_path)
        _run_policy(cloud)
        cloud.client("lambda").invoke(FunctionName="tidemark-sweep", Payload=b"{}")
        policies = _statements(cloud)
        calls = [call for call in cloud.calls() if call["principal"] in policies]
    refused = {
        (call["principal"].rpartition("/")[2], call["action"], call["resource"])
        for call in calls
        if call["action"] not in OF_NO_CONSEQUENCE
        and not _allows(policies[call["principal"]], call["action"], call["resource"])
    }
    assert refused == set()
    callers = {call["principal"].rpartition("/")[2].split("-")[2][:14] for call in calls}
    assert len(callers) > 8, "the session's functions, machines and worker all call something"


def test_the_judge_refuses_what_is_not_granted() -> None:
    granted = [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::b/tag-keys/*"]}]
    assert _allows(granted, "s3:GetObject", "arn:aws:s3:::b/tag-keys/1.json")
    assert _allows(granted, "s3:GetObject", "*"), "the record could not tell the resource"
    assert not _allows(granted, "s3:GetObject", "arn:aws:s3:::b/indexes/1")
    assert not _allows(granted, "s3:PutObject", "arn:aws:s3:::b/tag-keys/1.json")


def _deploy(cloud: LocalCloud, folder: Path) -> None:
    configuration = folder / "tidemark.yaml"
    configuration.write_text(CONFIGURATION.format(file_system=cloud.file_systems["home"].id))
    command = [sys.executable, "app.py", "--config", str(configuration), "--output", str(folder / "cdk.out")]
    subprocess.run(command, cwd=SOURCES, check=True)
    cloud.deploy(folder / "cdk.out")


def _run_policy(cloud: LocalCloud) -> None:
    states = cloud.client("stepfunctions")
    machine = next(
        found["stateMachineArn"]
        for found in states.list_state_machines()["stateMachines"]
        if found["name"] == "tidemark-policy-run"
    )
    execution = states.start_execution(stateMachineArn=machine, input='{"policy": "nightly"}')["executionArn"]
    deadline = time.monotonic() + 120
    while (state := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "the session does not end"
        time.sleep(0.5)
    assert state["status"] == "SUCCEEDED", state.get("cause")


def _statements(cloud: LocalCloud) -> Statements:
    """Return what each deployed role may do, as IAM holds it."""
    iam = cloud.client("iam")
    found: Statements = {}
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            names = iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
            documents = [
                iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
                for name in names
            ]
            found[role["Arn"]] = [
                statement
                for document in documents
                for statement in (json.loads(document) if isinstance(document, str) else document)[
                    "Statement"
                ]
            ]
    return found


def _allows(statements: list[dict[str, Any]], action: str, resource: str) -> bool:
    return any(
        action in as_list(statement["Action"])
        and (
            resource == "*"
            or any(fnmatch.fnmatchcase(resource, pattern) for pattern in as_list(statement["Resource"]))
        )
        for statement in statements
        if statement["Effect"] == "Allow"
    )
