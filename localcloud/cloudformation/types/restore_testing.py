"""Restore testing plans of AWS Backup and their selections."""

from __future__ import annotations

from localcloud.cloudformation.resources import Request, Resource, ResourceType, fit


def _plan(request: Request) -> Resource:
    backup, name = request.client("backup"), str(request.properties["RestoreTestingPlanName"])
    members = _members(request, "CreateRestoreTestingPlan", "RestoreTestingPlan")
    if request.before:
        del members["RestoreTestingPlanName"]
        made = backup.update_restore_testing_plan(RestoreTestingPlanName=name, RestoreTestingPlan=members)
    else:
        tags = {"Tags": request.tags()} if request.tags() else {}
        made = backup.create_restore_testing_plan(RestoreTestingPlan=members, **tags)
    return Resource(ref=name, attributes={"RestoreTestingPlanArn": made["RestoreTestingPlanArn"]})


def _delete_plan(request: Request) -> None:
    request.client("backup").delete_restore_testing_plan(RestoreTestingPlanName=_ref(request))


def _selection(request: Request) -> Resource:
    backup, properties = request.client("backup"), request.properties
    plan, name = properties["RestoreTestingPlanName"], properties["RestoreTestingSelectionName"]
    members = _members(request, "CreateRestoreTestingSelection", "RestoreTestingSelection")
    if request.before:
        for fixed in ("RestoreTestingSelectionName", "ProtectedResourceType"):
            del members[fixed]
        backup.update_restore_testing_selection(
            RestoreTestingPlanName=plan, RestoreTestingSelectionName=name, RestoreTestingSelection=members
        )
    else:
        backup.create_restore_testing_selection(RestoreTestingPlanName=plan, RestoreTestingSelection=members)
    # Source: AWS CloudFormation's schema of the type, primary identifier
    return Resource(ref=f"{plan}|{name}")


def _delete_selection(request: Request) -> None:
    plan, name = _ref(request).split("|")
    request.client("backup").delete_restore_testing_selection(
        RestoreTestingPlanName=plan, RestoreTestingSelectionName=name
    )


def _members(request: Request, operation: str, parameter: str) -> dict[str, object]:
    """Return the resource's properties that a structure of the API has."""
    model = request.client("backup").meta.service_model.operation_model(operation)
    members: dict[str, object] = fit(request.properties, model.input_shape.members[parameter])
    return members


def _ref(request: Request) -> str:
    assert request.before is not None  # noqa: S101  # a deletion has one
    return request.before.ref


RESTORE_TESTING = {
    "AWS::Backup::RestoreTestingPlan": ResourceType(
        create=_plan, delete=_delete_plan, names=("RestoreTestingPlanName",)
    ),
    "AWS::Backup::RestoreTestingSelection": ResourceType(
        create=_selection,
        delete=_delete_selection,
        names=("RestoreTestingPlanName", "RestoreTestingSelectionName", "ProtectedResourceType"),
    ),
}
