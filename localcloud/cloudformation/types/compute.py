"""Lambda, Step Functions, ECS."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

from localcloud.cloudformation.resources import Request, Resource, ResourceType


def _create_function(request: Request) -> Resource:
    name = request.name("FunctionName")
    made = request.call(
        "lambda", "CreateFunction", FunctionName=name, Code=_code(request), Tags=request.tags()
    )
    return Resource(ref=name, attributes={"Arn": made["FunctionArn"]})


def _update_function(request: Request) -> Resource:
    assert request.before is not None  # noqa: S101  # an update has one
    name = request.before.ref
    request.client("lambda").update_function_code(FunctionName=name, **_code(request))
    request.call("lambda", "UpdateFunctionConfiguration", FunctionName=name)
    return request.before


def _code(request: Request) -> dict[str, Any]:
    code = request.properties["Code"]
    if "ZipFile" not in code:
        return {key: code[key] for key in ("S3Bucket", "S3Key", "S3ObjectVersion") if key in code}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:  # inline code is a module named index
        info = zipfile.ZipInfo("index.py")
        info.external_attr = 0o644 << 16
        zipped.writestr(info, code["ZipFile"])
    return {"ZipFile": archive.getvalue()}


def _permission(request: Request) -> Resource:
    statement = request.name("Id", 100)
    request.call("lambda", "AddPermission", StatementId=statement)
    return Resource(ref=statement, attributes={"Id": statement})


def _event_invoke_config(request: Request) -> Resource:
    request.call("lambda", "PutFunctionEventInvokeConfig")
    return Resource(ref=request.name("Id"))


def _version(request: Request) -> Resource:
    made = request.client("lambda").publish_version(FunctionName=request.properties["FunctionName"])
    arn = made["FunctionArn"]
    return Resource(ref=arn, attributes={"Version": made["Version"], "FunctionArn": arn})


def _state_machine(request: Request) -> Resource:
    stepfunctions = request.client("stepfunctions")
    settings = {"definition": _definition(request), "roleArn": request.properties["RoleArn"]}
    if request.before:
        arn = request.before.ref
        stepfunctions.update_state_machine(stateMachineArn=arn, **settings)
        return request.before
    name = request.properties.get("StateMachineName") or request.name("StateMachineName", 80)
    arn = stepfunctions.create_state_machine(
        name=name,
        type=request.properties.get("StateMachineType", "STANDARD"),
        tags=request.tag_list("key", "value") or [],
        **settings,
    )["stateMachineArn"]
    return Resource(ref=arn, attributes={"Arn": arn, "Name": name})


def _definition(request: Request) -> str:
    """Return the definition with DefinitionSubstitutions in place of ${Name}."""
    properties = request.properties
    if "DefinitionString" in properties:
        text = properties["DefinitionString"]
    elif "Definition" in properties:
        text = json.dumps(properties["Definition"])
    else:
        where = properties["DefinitionS3Location"]
        s3 = request.client("s3")
        text = s3.get_object(Bucket=where["Bucket"], Key=where["Key"])["Body"].read().decode()
    substitutions = properties.get("DefinitionSubstitutions", {})
    return re.sub(r"\$\{(\w+)\}", lambda found: str(substitutions.get(found[1], found[0])), text)


def _cluster(request: Request) -> Resource:
    name = request.name("ClusterName", 255)
    made = request.call("ecs", "CreateCluster", clusterName=name, tags=request.tag_list("key", "value"))
    return Resource(ref=name, attributes={"Arn": made["cluster"]["clusterArn"]})


def _task_definition(request: Request) -> Resource:
    family = request.properties.get("Family") or request.name("Family", 255)
    made = request.call("ecs", "RegisterTaskDefinition", family=family, tags=request.tag_list("key", "value"))
    arn = made["taskDefinition"]["taskDefinitionArn"]
    return Resource(ref=arn, attributes={"TaskDefinitionArn": arn})


def _ref(request: Request) -> str:
    assert request.before is not None  # noqa: S101  # a deletion has one
    return request.before.ref


COMPUTE = {
    "AWS::Lambda::Function": ResourceType(
        create=_create_function,
        update=_update_function,
        delete=lambda r: r.client("lambda").delete_function(FunctionName=_ref(r)),
        names=("FunctionName",),
    ),
    "AWS::Lambda::Permission": ResourceType(
        create=_permission, names=("FunctionName", "Action", "Principal")
    ),
    "AWS::Lambda::EventInvokeConfig": ResourceType(create=_event_invoke_config),
    "AWS::Lambda::Version": ResourceType(create=_version),
    "AWS::StepFunctions::StateMachine": ResourceType(
        create=_state_machine,
        delete=lambda r: r.client("stepfunctions").delete_state_machine(stateMachineArn=_ref(r)),
        names=("StateMachineName", "StateMachineType"),
    ),
    "AWS::ECS::Cluster": ResourceType(
        create=_cluster,
        delete=lambda r: r.client("ecs").delete_cluster(cluster=_ref(r)),
        names=("ClusterName",),
    ),
    "AWS::ECS::TaskDefinition": ResourceType(
        create=_task_definition,
        delete=lambda r: r.client("ecs").deregister_task_definition(taskDefinition=_ref(r)),
    ),
}
