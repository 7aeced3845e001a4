"""An independent check of CloudFormation and Step Functions: ministack deploys the stacks and runs the
machines.

It does not check scopes of variables, permissions, quotas, or whether the target of a `Ref` exists. All
errors of its functions are named Runtime.HandlerError, and its context object has no RedriveCount.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud, NotDeployed
from localcloud.client.assembly import MakeClient
from tests.infra import ministack
from tests.infra.assemblies import without_code
from tests.infra.ministack import Ministack
from tests.infra.stub_functions import BROKEN, DRILLED, GOOD, LOST, NAMES, NEW, SHARED, UNREADABLE
from tests.infra.template import Template, resources

pytestmark = pytest.mark.cloud

HOME = ("Tidemark-cellar", "Tidemark-cellar-restore")  # the stacks in the home Region
# Resources that CloudFormation or the service names.
CHANCE = {"AWS::IAM::Role", "AWS::IAM::InstanceProfile", "AWS::KMS::Key"}


@dataclass(frozen=True, slots=True)
class Deployed:
    """The deployment in ministack."""

    cloud: Ministack
    assembly: Path
    outputs: dict[str, dict[str, str]]

    def arn(self, machine: str) -> str:
        return f"arn:aws:states:{ministack.REGION}:{ministack.ACCOUNT}:stateMachine:cellar-{machine}"

    def execution(self, machine: str, name: str) -> str:
        return f"{self.arn(machine).replace(':stateMachine:', ':execution:')}:{name}"

    def definition(self, machine: str) -> str:
        states = self.cloud.client("stepfunctions")
        found: str = states.describe_state_machine(stateMachineArn=self.arn(machine))["definition"]
        return found

    def create(self, machine: dict[str, Any]) -> str:
        created = self.cloud.client("stepfunctions").create_state_machine(
            name=f"careless-{uuid.uuid4()}", definition=json.dumps(machine), roleArn="arn:aws:iam::1:role/any"
        )
        arn: str = created["stateMachineArn"]
        return arn

    def restore(self, name: str, system: str) -> dict[str, Any]:
        given = {"plan": "plan", "sha256": "digest", "file_system": system, "policy": "nightly"}
        return self.cloud.run(self.arn("restore-session"), name, given)

    def session(self, name: str, system: str) -> dict[str, Any]:
        given = {"policy": "nightly", "file_system": system}
        return self.cloud.run(self.arn("backup-session"), name, given)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    with ministack.started(tmp_path_factory.mktemp("ministack")) as running:
        yield running


@pytest.fixture(scope="module")
def deployed(cloud: Ministack, assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    stubbed = ministack.with_stubs(assembly, tmp_path_factory.mktemp("stubbed"))
    return Deployed(cloud, stubbed, cloud.deploy(stubbed))


@pytest.fixture(scope="module")
def local(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with LocalCloud.start(region=ministack.REGION) as running:
        running.deploy(without_code(assembly, tmp_path_factory.mktemp("local")))
        yield running


def test_every_function_has_a_stub(main: Template) -> None:
    handlers = [one["Handler"].split(".")[1] for one in resources(main, "AWS::Lambda::Function").values()]
    assert sorted(handlers) == sorted(NAMES)


def test_every_resource_of_every_stack_is_created(deployed: Deployed, templates: dict[str, Template]) -> None:
    assert set(deployed.outputs) == set(templates)
    for name, template in templates.items():
        region = ministack.REGION if name in HOME else name.removeprefix("Tidemark-cellar-")
        pages = deployed.cloud.client("cloudformation", region).get_paginator("list_stack_resources")
        found = [one for page in pages.paginate(StackName=name) for one in page["StackResourceSummaries"]]
        states = {one["LogicalResourceId"]: one["ResourceStatus"] for one in found}
        assert states == dict.fromkeys(ministack.known(template["Resources"]), "CREATE_COMPLETE")


def test_it_is_deployed_again_without_a_change(deployed: Deployed) -> None:
    assert deployed.cloud.deploy(deployed.assembly) == deployed.outputs


def test_a_session_backs_up_copies_indexes_and_closes(deployed: Deployed) -> None:
    ended = deployed.session("whole", GOOD)
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"]) == {
        "session_id": "whole",
        "copies": [{"recovery_point_arn": "arn:copy"}] * 2,
        "index": {"status": "complete", "index_id": "index", "reason": None},
    }
    assert sorted(deployed.cloud.calls("whole")) == [
        "await_index", "check_backup", "check_copy", "check_copy", "claim_index", "close_session",
        "open_session", "start_backup", "start_copy", "start_copy",
    ]  # fmt: skip
    indexing = deployed.cloud.ended(deployed.execution("indexing-session", f"index-{GOOD}"))
    assert indexing["status"] == "SUCCEEDED", indexing
    assert deployed.cloud.calls(f"index-{GOOD}") == [
        "prepare_worker", "launch_worker", "complete_index", "remove_worker"
    ]  # fmt: skip


def test_a_session_that_shares_an_index_starts_no_indexing_session(deployed: Deployed) -> None:
    ended = deployed.session("sharing", SHARED)
    assert ended["status"] == "SUCCEEDED", ended
    assert "await_index" in deployed.cloud.calls("sharing")
    assert deployed.cloud.calls(f"index-{SHARED}") == []


def test_a_failed_backup_closes_the_session_and_fails_with_its_reason(deployed: Deployed) -> None:
    ended = deployed.session("broken", BROKEN)
    assert ended["status"] == "FAILED"
    assert "no such file system" in ended["cause"]
    assert deployed.cloud.calls("broken") == ["open_session", "start_backup", "close_session", "fail_session"]


def test_a_failed_indexing_session_fails_its_index_and_removes_the_worker(deployed: Deployed) -> None:
    given = {"index_id": "lost", "file_system": UNREADABLE, "policy": "nightly"}
    ended = deployed.cloud.run(deployed.arn("indexing-session"), "lost", given)
    assert ended["status"] == "FAILED"
    assert "cannot be mounted" in ended["cause"]
    assert deployed.cloud.calls("lost") == ["prepare_worker", "fail_index", "remove_worker"]


def test_a_policy_runs_all_its_sessions(deployed: Deployed) -> None:
    ended = deployed.cloud.run(deployed.arn("policy-run"), "all", {"policy": f"{SHARED}+{SHARED}x"})
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"]) == [
        {"session_id": f"session-{system}", "file_system": system, "failed": False}
        for system in (SHARED, f"{SHARED}x")
    ]


def test_a_failed_session_does_not_stop_the_others_and_is_named(deployed: Deployed) -> None:
    given = {"policy": f"{BROKEN}+{GOOD}y", "scheduled_time": "2026-11-29T02:00:00Z"}
    ended = deployed.cloud.run(deployed.arn("policy-run"), "some", given)
    assert ended["status"] == "FAILED"
    assert json.loads(ended["cause"])["errorMessage"] == f"session-{BROKEN}"
    other = deployed.cloud.ended(deployed.execution("backup-session", f"session-{GOOD}y"))
    assert other["status"] == "SUCCEEDED"


def test_a_restore_waits_for_its_turn_and_its_job_and_places_the_files(deployed: Deployed) -> None:
    ended = deployed.restore("restored", GOOD)
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"]) == {"status": "success", "reasons": [], "totals": {"placed": 3}}
    assert deployed.cloud.calls("restored") == [
        "open_restore", "take_restore_turn", "take_restore_turn", "start_restore_job", "check_restore_job",
        "check_restore_job", "start_restore_job", "launch_restore_worker", "close_restore",
    ]  # fmt: skip


def test_a_restore_to_a_new_file_system_configures_it_before_and_after_the_files(deployed: Deployed) -> None:
    ended = deployed.restore("renewed", NEW)
    assert ended["status"] == "SUCCEEDED", ended
    assert deployed.cloud.calls("renewed")[-5:] == [
        "configure_file_system",
        "configure_file_system",
        "launch_restore_worker",
        "finish_file_system",
        "close_restore",
    ]


@pytest.mark.parametrize(("system", "status"), [(DRILLED, "SUCCEEDED"), (LOST, "FAILED")])
def test_a_drill_is_removed_whether_it_succeeds_or_fails(
    deployed: Deployed, system: str, status: str
) -> None:
    ended = deployed.restore(f"drilled-{system}", system)
    assert ended["status"] == status, ended
    called = deployed.cloud.calls(f"drilled-{system}")
    ending = ["launch_restore_worker", "remove_file_system", "remove_file_system", "close_restore"]
    assert called[called.index("launch_restore_worker") :] == [
        *ending,
        *(["fail_restore"] if status == "FAILED" else []),
    ]
    if status == "FAILED":
        assert "cannot be mounted" in ended["cause"]


def test_a_policy_is_drilled_and_what_failed_is_named(deployed: Deployed) -> None:
    ended = deployed.cloud.run(
        deployed.arn("drill-run"), "drills", {"policy": f"{GOOD}+{BROKEN}+{UNREADABLE}"}
    )
    assert (ended["status"], ended["error"]) == ("FAILED", "DrillsFailed")
    assert ended["cause"].startswith(f"2 of 3 drills failed: {BROKEN}, {UNREADABLE}; ")
    again = deployed.cloud.run(deployed.arn("drill-run"), "again", {"policy": GOOD})
    assert again["status"] == "SUCCEEDED", again
    drills = [{"drill_id": f"drill-{GOOD}", "file_system": GOOD, "failed": False}]
    assert json.loads(again["output"]) == drills


def test_a_restore_without_a_completed_job_launches_no_worker_and_fails(deployed: Deployed) -> None:
    ended = deployed.restore("empty", BROKEN)
    assert ended["status"] == "FAILED"
    assert "nothing was restored" in ended["cause"]
    called = deployed.cloud.calls("empty")
    assert called[-2:] == ["close_restore", "fail_restore"]
    assert "launch_restore_worker" not in called


def test_a_restore_whose_worker_fails_is_closed_with_the_reason(deployed: Deployed) -> None:
    ended = deployed.restore("unplaced", UNREADABLE)
    assert ended["status"] == "FAILED"
    assert "cannot be mounted" in ended["cause"]
    assert deployed.cloud.calls("unplaced")[-3:] == [
        "launch_restore_worker",
        "close_restore",
        "fail_restore",
    ]


@pytest.mark.parametrize("name", ["tested", "unverified"])
def test_a_restore_test_removes_its_mount_targets_before_it_is_closed(deployed: Deployed, name: str) -> None:
    ended = deployed.cloud.run(deployed.arn("restore-test"), name, {"restore_job_id": name})
    assert ended["status"] == ("SUCCEEDED" if name == "tested" else "FAILED"), ended
    called = deployed.cloud.calls(name)
    assert called[: 7 if name == "tested" else 8] == [
        "open_restore_test", "configure_restore_test", "configure_restore_test", "launch_verification_worker",
        "remove_test_mount_targets", "remove_test_mount_targets", "close_restore_test",
        *(["fail_restore_test"] if name == "unverified" else []),
    ]  # fmt: skip
    if name == "tested":
        assert json.loads(ended["output"])["totals"] == {"compared": 3}


def test_a_second_event_of_a_restore_test_does_nothing(deployed: Deployed) -> None:
    event = {"detail": {"restoreJobId": "twice"}}
    ended = deployed.cloud.run(deployed.arn("restore-test"), "twice", event)
    assert ended["status"] == "SUCCEEDED", ended
    assert deployed.cloud.calls("twice") == ["open_restore_test"]


# --- What the templates resolve to -------------------------------------------------------------------------


def test_both_clouds_resolve_the_templates_equally(
    deployed: Deployed, local: LocalCloud, main: Template
) -> None:
    """Fn::Join, Fn::Sub, Fn::GetAtt and Ref, in two independent implementations."""
    theirs, ours = (resolved(cloud.client, main) for cloud in (deployed.cloud, local))
    assert len(theirs) > 50
    assert theirs == ours


def resolved(client: MakeClient, main: Template) -> dict[str, Any]:
    """Return the values of a template's expressions, by type and name of the resource."""
    found: dict[str, Any] = {}
    states, functions, iam, ssm = (client(name) for name in ("stepfunctions", "lambda", "iam", "ssm"))
    for one in resources(main, "AWS::StepFunctions::StateMachine").values():
        name = one["StateMachineName"]
        arn = f"arn:aws:states:{ministack.REGION}:{ministack.ACCOUNT}:stateMachine:{name}"
        machine = states.describe_state_machine(stateMachineArn=arn)
        found[f"machine {name}"] = [json.loads(machine["definition"]), machine["roleArn"]]
    for one in resources(main, "AWS::Lambda::Function").values():
        function = functions.get_function_configuration(FunctionName=one["FunctionName"])
        found[f"function {one['FunctionName']}"] = [function["Environment"]["Variables"], function["Role"]]
    for one in iam.list_roles()["Roles"]:
        for policy in iam.list_role_policies(RoleName=one["RoleName"])["PolicyNames"]:
            document = iam.get_role_policy(RoleName=one["RoleName"], PolicyName=policy)["PolicyDocument"]
            found[f"policy {one['RoleName']} {policy}"] = document
    for one in resources(main, "AWS::SSM::Parameter").values():
        found[f"parameter {one['Name']}"] = ssm.get_parameter(Name=one["Name"])["Parameter"]["Value"]
    found["bucket"] = json.loads(
        client("s3").get_bucket_policy(Bucket=f"cellar-repository-{ministack.ACCOUNT}-{ministack.REGION}")[
            "Policy"
        ]
    )
    return by_logical_ids(found, client("cloudformation"))


def by_logical_ids(found: dict[str, Any], cloudformation: Any) -> dict[str, Any]:  # a CloudFormation client
    """Return `found` with logical ids in place of generated names."""
    paginator, text = cloudformation.get_paginator("list_stack_resources"), json.dumps(found)
    pages = (page for stack in HOME for page in paginator.paginate(StackName=stack))
    for one in (one for page in pages for one in page["StackResourceSummaries"]):
        if one["ResourceType"] in CHANCE:
            name = one["PhysicalResourceId"].rpartition("/")[2]  # ministack gives profiles an ARN
            text = text.replace(name, one["LogicalResourceId"])
    plain: dict[str, Any] = json.loads(text)
    return plain


# --- It can say no -----------------------------------------------------------------------------------------


def test_a_transition_to_no_state_fails(deployed: Deployed) -> None:
    careless = json.loads(deployed.definition("policy-run"))
    careless["States"]["Resolve policy"]["Next"] = "Nowhere"
    ended = deployed.cloud.run(deployed.create(careless), "careless", {"policy": GOOD})
    assert ended["status"] == "FAILED"
    assert "Nowhere" in ended["cause"]


def test_an_invalid_expression_is_refused(deployed: Deployed) -> None:
    careless = json.loads(deployed.definition("policy-run"))
    careless["States"]["Done"]["Output"] = "{% $results[ %}"
    with pytest.raises(ClientError, match="InvalidDefinition"):
        deployed.create(careless)


def test_an_unknown_resource_type_is_refused(cloud: Ministack, assembly: Path, tmp_path: Path) -> None:
    stubbed = ministack.with_stubs(assembly, tmp_path)
    path = stubbed / "Tidemark-cellar-eu-west-1.template.json"
    path.write_text(path.read_text().replace("AWS::KMS::Key", "AWS::KMS::Lock"))
    with pytest.raises(NotDeployed, match="AWS::KMS::Lock"):
        cloud.deploy(stubbed)
