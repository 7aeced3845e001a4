"""Checks roles against the API references: permissions that an operation requires beyond its own action.

The Service Authorization Reference, and the simulators built on it, omit such permissions.
"""

from __future__ import annotations

import fnmatch

import pytest

from localcloud.iam.actions import TRANSACTION_PARTS, actions_of
from localcloud.iam.documented_permissions import demands_of
from tests.infra.operations import called_operations
from tests.infra.recording import Recording
from tests.infra.template import Template, as_list, statements

DEPLOYED = ("lambdas", "tidemark/aws", "worker_image")
# Demands that do not apply, by operation and action, and why.
NOT_FOR_US = {
    ("s3 GetObject", "s3:GetObjectVersion"): "for a request with a versionId; the product sends none",
    ("s3 DeleteObject", "s3:DeleteObjectVersion"): "for a request with a versionId; the product sends none",
    ("s3 PutObject", "s3:PutObjectAcl"): "for a request with an ACL; the bucket has ACLs switched off",
    ("s3 PutObject", "s3:PutObjectTagging"): "for a request with tags; the product sends none",
}
# Operations that only the CLI calls, with the permissions of its user.
OF_THE_COMMAND_LINE = {
    "backup DeleteRecoveryPoint",
    "backup ListLegalHolds",
    "backup ListRecoveryPointsByLegalHold",
    "backup ListRecoveryPointsByBackupVault",
    "efs DescribeAccessPoints",
    "efs DescribeFileSystemPolicy",
    "efs DescribeLifecycleConfiguration",
    "ssm DeleteParameter",
    "ssm PutParameter",
}
# Operations that tests/infra/recording.py calls only sometimes, or never.
NOT_RECORDED = {
    "stepfunctions SendTaskFailure": "a worker that fails sends it; granted with SendTaskSuccess",
    "ecs DescribeTasks": "only a task that its session has left running: see service_requests.py",
    "ecs StopTask": "as DescribeTasks",
    "stepfunctions StartExecution": "a restore test whose event did not arrive: tests/lambdas/test_sweep.py",
    "s3 DeleteObject": "only what a lost worker left: tests/e2e/test_session.py",
}


def deployed_operations() -> set[tuple[str, str]]:
    return {
        (service, operation)
        for service, operation in called_operations(DEPLOYED)
        if f"{service} {operation}" not in OF_THE_COMMAND_LINE
    }


def own_actions(service: str, operation: str) -> set[str]:
    """Return the actions named after an operation; for a transaction, those of its parts."""
    if operation == "TransactWriteItems":
        return set(TRANSACTION_PARTS.values()) - {"dynamodb:GetItem", "dynamodb:ConditionCheckItem"}
    return set(actions_of(service, operation))


def granted_to_roles(template: Template) -> dict[str, set[str]]:
    granted: dict[str, set[str]] = {}
    for role, statement in statements(template):
        granted.setdefault(role, set()).update(as_list(statement["Action"]))
    return granted


def test_a_role_has_what_the_documentation_of_its_operations_demands(main: Template) -> None:
    missing, used = [], set()
    operations = [(*one, own_actions(*one), list(demands_of(*one))) for one in deployed_operations()]
    for role, granted in granted_to_roles(main).items():
        for service, operation, own, demands in operations:
            if not own <= granted:
                continue
            for demand in demands:
                for action in demand.actions:
                    if any(fnmatch.fnmatchcase(one, action) for one in granted):
                        continue
                    reason = (f"{service} {operation}", action)
                    used.add(reason)
                    if reason not in NOT_FOR_US:
                        missing.append(f"{role}: {operation} demands {action}: {demand.sentence}")
    assert sorted(missing) == []
    assert set(NOT_FOR_US) == used, "a reason that nothing needs has no place in the list"


def test_every_operation_of_the_deployed_code_is_granted_to_a_role(main: Template) -> None:
    roles = granted_to_roles(main).values()
    ungranted = [
        f"{service} {operation}"
        for service, operation in deployed_operations()
        if not any(own_actions(service, operation) <= granted for granted in roles)
    ]
    assert ungranted == []


@pytest.mark.cloud
def test_every_operation_of_the_deployed_code_was_recorded(recording: Recording) -> None:
    recorded = {one.operation for one in recording.asked}
    missing = {f"{service} {operation}" for service, operation in deployed_operations()} - recorded
    assert missing <= set(NOT_RECORDED)


def test_the_code_is_read_for_operations() -> None:
    found = called_operations(DEPLOYED)
    assert "tidemark/aws/network.py" in found["efs", "DescribeMountTargetSecurityGroups"]
    assert "tidemark/aws/records.py" in found["dynamodb", "Query"], "by the name of a paginator"
    assert ("backup", "TagResource") in found
    assert ("ecs", "TagResource") not in found
