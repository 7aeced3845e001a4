"""Restore testing plans: what they accept, which recovery points they restore, and what becomes of it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.backup.conftest import HERE, ROLE, Backups

pytestmark = pytest.mark.cloud
EVERY_MINUTE = "cron(* * * * ? *)"  # 60 ms at the time scale of these tests


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("not within 30 s")


@pytest.fixture
def plan(backups: Backups) -> Iterator[str]:
    """Return the name of a plan that is due once a year, and remove it after the test."""
    client, name = backups.client(), f"plan_{uuid.uuid4().hex[:8]}"
    client.create_restore_testing_plan(RestoreTestingPlan=members(RestoreTestingPlanName=name))
    yield name
    for one in client.list_restore_testing_selections(RestoreTestingPlanName=name)[
        "RestoreTestingSelections"
    ]:
        client.delete_restore_testing_selection(
            RestoreTestingPlanName=name, RestoreTestingSelectionName=one["RestoreTestingSelectionName"]
        )
    client.delete_restore_testing_plan(RestoreTestingPlanName=name)


def members(**changes: Any) -> dict[str, Any]:
    points = {
        "Algorithm": "LATEST_WITHIN_WINDOW",
        "IncludeVaults": ["*"],
        "RecoveryPointTypes": ["SNAPSHOT"],
        "SelectionWindowDays": 365,
    }
    return {"ScheduleExpression": "cron(0 5 1 1 ? *)", "RecoveryPointSelection": points, **changes}


def select(backups: Backups, plan: str, **changes: Any) -> None:
    selection = {
        "RestoreTestingSelectionName": "efs",
        "ProtectedResourceType": "EFS",
        "ProtectedResourceArns": [backups.arn("other")],
        "IamRoleArn": ROLE,
    }
    backups.client().create_restore_testing_selection(
        RestoreTestingPlanName=plan, RestoreTestingSelection={**selection, **changes}
    )


def run_once(backups: Backups, plan: str) -> list[dict[str, Any]]:
    """Make a plan due, and return its jobs once they have ended."""
    client = backups.client()
    arn = client.get_restore_testing_plan(RestoreTestingPlanName=plan)["RestoreTestingPlan"][
        "RestoreTestingPlanArn"
    ]

    def jobs() -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = client.list_restore_jobs(ByRestoreTestingPlanArn=arn)["RestoreJobs"]
        return listed

    def update(expression: str) -> None:
        client.update_restore_testing_plan(
            RestoreTestingPlanName=plan, RestoreTestingPlan={"ScheduleExpression": expression}
        )

    update(EVERY_MINUTE)
    wait_for(
        lambda: (
            "LastExecutionTime"
            in client.get_restore_testing_plan(RestoreTestingPlanName=plan)["RestoreTestingPlan"]
        )
    )
    update("cron(0 5 1 1 ? *)")
    wait_for(lambda: all(job["Status"] not in ("PENDING", "RUNNING") for job in jobs()))
    return jobs()


def test_a_test_restores_the_latest_point_into_a_new_file_system_and_deletes_it(
    backups: Backups, plan: str
) -> None:
    backups.backed_up("other")
    latest = backups.backed_up("other")
    select(backups, plan)
    job = run_once(backups, plan)[0]
    assert (job["Status"], job["RecoveryPointArn"]) == ("COMPLETED", latest)
    assert f":restore-testing-plan:{plan}-" in job["CreatedBy"]["RestoreTestingPlanArn"]
    made = job["CreatedResourceArn"].rsplit("/", 1)[1]
    metadata = backups.client().get_restore_job_metadata(RestoreJobId=job["RestoreJobId"])["Metadata"]
    assert (metadata["newFileSystem"], metadata["Encrypted"]) == ("true", "true")
    assert "ItemsToRestore" not in metadata
    ended = wait_for(lambda: deleted(backups, job["RestoreJobId"]))
    assert (ended["DeletionStatus"], ended.get("ValidationStatus")) == ("SUCCESSFUL", None)
    known = backups.cloud.client("efs").describe_file_systems()["FileSystems"]
    assert made not in {one["FileSystemId"] for one in known}


def deleted(backups: Backups, job_id: str) -> dict[str, Any] | None:
    job = backups.restore_job(job_id)
    return job if job.get("DeletionStatus") in ("SUCCESSFUL", "FAILED") else None


def test_a_verdict_ends_the_validation_and_cannot_be_changed(backups: Backups, plan: str) -> None:
    backups.backed_up("other")
    select(backups, plan, ValidationWindowHours=168)  # ten minutes here
    job = run_once(backups, plan)[0]["RestoreJobId"]
    waiting = wait_for(lambda: backups.restore_job(job).get("ValidationStatus"))
    assert waiting == "VALIDATING"
    made = backups.restore_job(job)["CreatedResourceArn"].rsplit("/", 1)[1]
    efs = backups.cloud.client("efs")
    tags = efs.list_tags_for_resource(ResourceId=made)["Tags"]
    assert "awsbackup-restore-test" in {tag["Key"] for tag in tags}
    verdict = {"RestoreJobId": job, "ValidationStatus": "FAILED", "ValidationStatusMessage": "three bytes"}
    backups.client().put_restore_validation_result(**verdict)
    with pytest.raises(ClientError, match="InvalidRequestException"):
        backups.client().put_restore_validation_result(RestoreJobId=job, ValidationStatus="SUCCESSFUL")
    ended = wait_for(lambda: deleted(backups, job))
    assert (ended["ValidationStatus"], ended["ValidationStatusMessage"]) == ("FAILED", "three bytes")
    assert ended["DeletionStatus"] == "SUCCESSFUL"


def test_without_a_verdict_the_window_times_out(backups: Backups, plan: str) -> None:
    backups.backed_up("other")
    select(backups, plan, ValidationWindowHours=1)  # 3.6 s here
    job = run_once(backups, plan)[0]["RestoreJobId"]
    ended = wait_for(lambda: deleted(backups, job))
    assert (ended["ValidationStatus"], ended["DeletionStatus"]) == ("TIMED_OUT", "SUCCESSFUL")


def test_a_file_system_without_its_tag_is_not_deleted(backups: Backups, plan: str) -> None:
    backups.backed_up("other")
    select(backups, plan, ValidationWindowHours=168)
    job = run_once(backups, plan)[0]
    made = job["CreatedResourceArn"].rsplit("/", 1)[1]
    efs = backups.cloud.client("efs")
    efs.untag_resource(ResourceId=made, TagKeys=["awsbackup-restore-test"])
    backups.client().put_restore_validation_result(
        RestoreJobId=job["RestoreJobId"], ValidationStatus="SUCCESSFUL"
    )
    ended = wait_for(lambda: deleted(backups, job["RestoreJobId"]))
    assert ended["DeletionStatus"] == "FAILED"
    assert "awsbackup-restore-test" in ended["DeletionStatusMessage"]
    efs.delete_file_system(FileSystemId=made)


def test_a_verdict_needs_a_job_of_a_plan(backups: Backups) -> None:
    job = backups.restored(backups.backed_up("other"))["RestoreJobId"]
    with pytest.raises(ClientError, match="InvalidRequestException"):
        backups.client().put_restore_validation_result(RestoreJobId=job, ValidationStatus="SUCCESSFUL")


@pytest.mark.parametrize(
    ("operator", "value", "tested"),
    [("StringEquals", "yes", True), ("StringEquals", "no", False), ("StringNotEquals", "yes", False)],
)
def test_conditions_select_resources_by_the_tags_of_their_latest_point(
    backups: Backups, plan: str, operator: str, value: str, tested: bool
) -> None:
    point = backups.backed_up("other", RecoveryPointTags={"tested": "yes"})
    backups.backed_up("home", RecoveryPointTags={"tested": "maybe"})
    condition = {operator: [{"Key": "aws:ResourceTag/tested", "Value": value}]}
    select(backups, plan, ProtectedResourceArns=["*"], ProtectedResourceConditions=condition)
    assert (point in {job["RecoveryPointArn"] for job in run_once(backups, plan)}) == tested


def test_only_points_of_included_vaults_are_tested(backups: Backups, plan: str) -> None:
    backups.backed_up("other")
    select(backups, plan)
    vault = f"arn:aws:backup:{HERE}:123456789012:backup-vault:other-*"
    backups.client().update_restore_testing_plan(
        RestoreTestingPlanName=plan, RestoreTestingPlan={"RecoveryPointSelection": {"IncludeVaults": [vault]}}
    )
    assert run_once(backups, plan) == []


def test_the_inferred_metadata_are_those_of_the_guide(backups: Backups) -> None:
    inferred = backups.client().get_restore_testing_inferred_metadata(
        BackupVaultName="main", RecoveryPointArn=backups.backed_up("other")
    )["InferredMetadata"]
    assert inferred == {
        "encrypted": "true",
        "file-system-id": backups.cloud.file_systems["other"].id,
        "kmsKeyId": "alias/aws/elasticfilesystem",
        "newFileSystem": "true",
        "performanceMode": "generalPurpose",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"RestoreTestingPlanName": "with-hyphen"},
        {"ScheduleExpression": "rate(1 day)"},
        {"ScheduleExpression": "cron(nonsense)"},
        {"ScheduleExpressionTimezone": "Nowhere/Else"},
        {"StartWindowHours": 169},
        {"RecoveryPointSelection": {"Algorithm": "LATEST_WITHIN_WINDOW"}},
        {"RecoveryPointSelection": {**members()["RecoveryPointSelection"], "SelectionWindowDays": 366}},
    ],
)
def test_a_wrong_plan_is_refused(backups: Backups, changes: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="ParameterValueException"):
        backups.client().create_restore_testing_plan(
            RestoreTestingPlan=members(**{"RestoreTestingPlanName": "wrong", **changes})
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"ProtectedResourceType": "EBS"},
        {"ProtectedResourceArns": []},
        {"ProtectedResourceArns": ["*", "arn:aws:elasticfilesystem:a:b:c"]},
        {"ProtectedResourceConditions": {"StringEquals": [{"Key": "k", "Value": "v"}]}},
        {"ValidationWindowHours": 169},
        {"RestoreMetadataOverrides": {"ItemsToRestore": "[]"}},
    ],
)
def test_a_wrong_selection_is_refused(backups: Backups, plan: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        select(backups, plan, **changes)


def test_names_are_unique_and_a_plan_is_deleted_after_its_selections(backups: Backups, plan: str) -> None:
    client = backups.client()
    with pytest.raises(client.exceptions.AlreadyExistsException):
        client.create_restore_testing_plan(RestoreTestingPlan=members(RestoreTestingPlanName=plan))
    select(backups, plan)
    with pytest.raises(client.exceptions.AlreadyExistsException):
        select(backups, plan)
    with pytest.raises(client.exceptions.InvalidRequestException):
        client.delete_restore_testing_plan(RestoreTestingPlanName=plan)
    listed = client.list_restore_testing_plans()["RestoreTestingPlans"]
    assert plan in {one["RestoreTestingPlanName"] for one in listed}
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_restore_testing_plan(RestoreTestingPlanName="no_plan")


def test_a_stack_creates_updates_and_deletes_a_plan_with_its_selection(backups: Backups) -> None:
    stacks, client = backups.cloud.client("cloudformation", HERE), backups.client()

    def template(hours: int) -> str:
        selection = {
            "RestoreTestingPlanName": {"Ref": "Plan"},
            "RestoreTestingSelectionName": "efs",
            "ProtectedResourceType": "EFS",
            "ProtectedResourceArns": ["*"],
            "IamRoleArn": ROLE,
            "ValidationWindowHours": hours,
        }
        plan = {"Type": "AWS::Backup::RestoreTestingPlan", "Properties": properties}
        chosen = {"Type": "AWS::Backup::RestoreTestingSelection", "Properties": selection}
        return json.dumps({"Resources": {"Plan": plan, "Selection": chosen}})

    properties = members(RestoreTestingPlanName="of_a_stack", Tags=[{"Key": "k", "Value": "v"}])
    stacks.create_stack(StackName="testing", TemplateBody=template(1))
    wait = {"Delay": 1, "MaxAttempts": 30}
    stacks.get_waiter("stack_create_complete").wait(StackName="testing", WaiterConfig=wait)
    made = client.get_restore_testing_plan(RestoreTestingPlanName="of_a_stack")["RestoreTestingPlan"]
    assert client.list_tags(ResourceArn=made["RestoreTestingPlanArn"])["Tags"] == {"k": "v"}
    stacks.update_stack(StackName="testing", TemplateBody=template(24))
    stacks.get_waiter("stack_update_complete").wait(StackName="testing", WaiterConfig=wait)
    selection = client.get_restore_testing_selection(
        RestoreTestingPlanName="of_a_stack", RestoreTestingSelectionName="efs"
    )["RestoreTestingSelection"]
    assert selection["ValidationWindowHours"] == 24
    stacks.delete_stack(StackName="testing")
    stacks.get_waiter("stack_delete_complete").wait(StackName="testing", WaiterConfig=wait)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_restore_testing_plan(RestoreTestingPlanName="of_a_stack")


def test_each_state_of_a_job_is_an_event(backups: Backups) -> None:
    events, sqs = backups.cloud.client("events"), backups.cloud.client("sqs")
    queue = sqs.create_queue(QueueName="restores")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.backup"], "detail-type": ["Restore Job State Change"]}
    events.put_rule(Name="restores", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="restores", Targets=[{"Id": "queue", "Arn": arn}])
    job = backups.restored(backups.backed_up("other"))
    received: dict[str, dict[str, Any]] = {}

    def complete() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            detail = json.loads(message["Body"])["detail"]
            if detail["restoreJobId"] == job["RestoreJobId"]:
                received[detail["status"]] = detail
        return set(received) == {"PENDING", "RUNNING", "COMPLETED"}

    wait_for(complete)
    events.remove_targets(Rule="restores", Ids=["queue"])
    events.delete_rule(Name="restores")
    assert received["COMPLETED"]["createdResourceArn"] == backups.arn("other")
    assert received["COMPLETED"]["sourceResourceArn"] == backups.arn("other")
    assert "createdResourceArn" not in received["RUNNING"]
