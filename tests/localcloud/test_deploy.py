"""A hand-made assembly with two stacks in two Regions, as `cdk synth` writes them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from localcloud import LocalCloud, NotDeployed

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
DEFINITION = {
    "QueryLanguage": "JSONata",
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": "${AskFunction}", "Payload": "{% $states.input %}"},
            "Output": "{% $states.result.Payload %}",
            "End": True,
        }
    },
}


def assembly(directory: Path, stacks: dict[str, tuple[str, dict[str, Any], list[str]]]) -> Path:
    """Write an assembly: {stack: (environment, template, stacks it depends on)}, each with all assets."""
    directory.mkdir(parents=True, exist_ok=True)
    code = directory / "asset.code"
    code.mkdir(exist_ok=True)
    (code / "ask.py").write_text("def handler(event, context):\n    return {**event, 'asked': True}\n")
    image = directory / "asset.image"
    image.mkdir(exist_ok=True)
    (image / "Dockerfile").write_text("FROM python:3.13\nENTRYPOINT ['python']\n")
    artifacts: dict[str, Any] = {}
    for name, (environment, template, needed) in stacks.items():
        (directory / f"{name}.template.json").write_text(json.dumps(template))
        file = {
            "source": {"path": "asset.code", "packaging": "zip"},
            "destinations": {
                "current": {
                    "bucketName": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}",
                    "objectKey": "code.zip",
                }
            },
        }
        docker = {
            "source": {"directory": "asset.image"},
            "destinations": {
                "current": {
                    "repositoryName": "cdk-hnb659fds-container-assets-${AWS::AccountId}-${AWS::Region}",
                    "imageTag": "abc",
                }
            },
        }
        manifest = {"files": {"code": file}, "dockerImages": {"image": docker}}
        (directory / f"{name}.assets.json").write_text(json.dumps(manifest))
        artifacts[f"{name}.assets"] = {
            "type": "cdk:asset-manifest",
            "properties": {"file": f"{name}.assets.json"},
        }
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "environment": environment,
            "properties": {"templateFile": f"{name}.template.json"},
            "dependencies": [*needed, f"{name}.assets"],
        }
    (directory / "manifest.json").write_text(json.dumps({"version": "1", "artifacts": artifacts}))
    return directory


def main_template() -> dict[str, Any]:
    return {
        "Parameters": {
            "BootstrapVersion": {
                "Type": "AWS::SSM::Parameter::Value<String>",
                "Default": "/cdk-bootstrap/hnb659fds/version",
            }
        },
        "Conditions": {"Never": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-gov-west-1"]}},
        "Resources": {
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "StateMachineName": "asker",
                    "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                    "DefinitionString": json.dumps(DEFINITION),
                    "DefinitionSubstitutions": {"AskFunction": {"Fn::GetAtt": ["Ask", "Arn"]}},
                },
            },
            "Ask": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Code": {
                        "S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"},
                        "S3Key": "code.zip",
                    },
                    "Handler": "ask.handler",
                    "Runtime": "python3.13",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                },
            },
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
            "Nowhere": {"Type": "AWS::SNS::Topic", "Condition": "Never"},
        },
        "Outputs": {
            "Machine": {"Value": {"Ref": "Machine"}},
            "Function": {"Value": {"Ref": "Ask"}},
        },
    }


def bucket_template() -> dict[str, Any]:
    return {
        "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
        "Outputs": {"Bucket": {"Value": {"Ref": "Bucket"}}},
    }


def test_an_assembly_is_deployed_into_its_regions_and_runs(cloud: LocalCloud, tmp_path: Path) -> None:
    outputs = cloud.deploy(
        assembly(
            tmp_path,
            {
                "main": ("aws://unknown-account/unknown-region", main_template(), ["copies"]),
                "copies": ("aws://unknown-account/eu-west-1", bucket_template(), []),
            },
        )
    )
    assert list(outputs) == ["copies", "main"]
    where = cloud.client("s3").get_bucket_location(Bucket=outputs["copies"]["Bucket"])
    assert where["LocationConstraint"] == "eu-west-1"
    machine = outputs["main"]["Machine"]
    assert machine == "arn:aws:states:eu-central-1:123456789012:stateMachine:asker"
    states = cloud.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=machine, input='{"a": 1}')["executionArn"]
    while (described := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        pass
    assert json.loads(described["output"]) == {"a": 1, "asked": True}


def test_deploying_again_changes_only_what_differs(cloud: LocalCloud, tmp_path: Path) -> None:
    def deploy(**changes: Any) -> list[str]:
        template = main_template()
        template["Resources"]["Machine"]["Properties"]["StateMachineName"] = "again"
        template["Resources"]["Ask"]["Properties"] |= changes
        environment = "aws://unknown-account/unknown-region"
        cloud.deploy(assembly(tmp_path, {"again": (environment, template, [])}))
        events = cloud.client("cloudformation").describe_stack_events(StackName="again")["StackEvents"]
        return [
            event["LogicalResourceId"] for event in events if event["ResourceStatus"] == "UPDATE_COMPLETE"
        ]

    assert deploy() == []
    assert deploy() == []
    assert deploy(Timeout=77, Environment={"Variables": {"A": "1"}}) == ["again", "Ask"]
    name = cloud.client("cloudformation").describe_stacks(StackName="again")["Stacks"][0]["Outputs"][1]
    function = cloud.client("lambda").get_function_configuration(FunctionName=name["OutputValue"])
    assert (function["Timeout"], function["Environment"]["Variables"]) == (77, {"A": "1"})


def test_a_resource_that_fails_is_named_and_nothing_is_left(cloud: LocalCloud, tmp_path: Path) -> None:
    template = bucket_template()
    template["Resources"]["Strange"] = {"Type": "AWS::Strange::Thing", "DependsOn": "Bucket"}
    template["Resources"]["Bucket"]["Properties"] = {"BucketName": "left-behind"}
    stacks = {"failing": ("aws://unknown-account/unknown-region", template, [])}
    with pytest.raises(NotDeployed, match=r"Strange \(AWS::Strange::Thing\): .* does not support"):
        cloud.deploy(assembly(tmp_path, stacks))
    names = [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
    assert "left-behind" not in names


def test_a_state_machine_that_step_functions_refuses_is_not_deployed(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    sets = {"Type": "Pass", "Assign": {"failure": 1}, "End": True}
    branch = {"StartAt": "Inner", "States": {"Inner": sets}}
    outer = {"Type": "Parallel", "Branches": [branch], "Assign": {"failure": 2}, "End": True}
    definition = {"QueryLanguage": "JSONata", "StartAt": "Outer", "States": {"Outer": outer}}
    template = bucket_template()
    template["Resources"]["Machine"] = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": "arn:aws:iam::123456789012:role/machine",
            "DefinitionString": json.dumps(definition),
        },
    }
    stacks = {"refused": ("aws://unknown-account/unknown-region", template, [])}
    with pytest.raises(NotDeployed, match=r"Machine .*cannot have the same name as one assigned in an outer"):
        cloud.deploy(assembly(tmp_path, stacks))


def test_a_stack_is_deleted_with_its_resources(cloud: LocalCloud, tmp_path: Path) -> None:
    template = bucket_template()
    template["Resources"]["Kept"] = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"}
    template["Outputs"]["Kept"] = {"Value": {"Ref": "Kept"}}
    environment = "aws://unknown-account/unknown-region"
    outputs = cloud.deploy(assembly(tmp_path, {"short": (environment, template, [])}))["short"]
    stacks = cloud.client("cloudformation")
    stacks.delete_stack(StackName="short")
    stacks.get_waiter("stack_delete_complete").wait(StackName="short", WaiterConfig={"Delay": 0.1})
    names = [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
    assert outputs["Bucket"] not in names
    assert outputs["Kept"] in names


def test_a_change_set_creates_and_then_finds_nothing_to_do(cloud: LocalCloud) -> None:
    stacks = cloud.client("cloudformation")

    def change(kind: str, name: str) -> dict[str, Any]:
        stacks.create_change_set(
            StackName="by-change-set",
            ChangeSetName=name,
            ChangeSetType=kind,
            TemplateBody=json.dumps(bucket_template()),
        )
        return stacks.describe_change_set(StackName="by-change-set", ChangeSetName=name)

    assert change("CREATE", "first")["Status"] == "CREATE_COMPLETE"
    stacks.execute_change_set(StackName="by-change-set", ChangeSetName="first")
    stacks.get_waiter("stack_create_complete").wait(StackName="by-change-set", WaiterConfig={"Delay": 0.1})
    second = change("UPDATE", "second")
    assert second["Status"] == "FAILED"
    assert "didn't contain changes" in second["StatusReason"]


def test_an_assembly_for_another_account_is_refused_in_words(cloud: LocalCloud, tmp_path: Path) -> None:
    with pytest.raises(NotDeployed, match="999999999999"):
        cloud.deploy(
            assembly(tmp_path, {"other": ("aws://999999999999/eu-central-1", bucket_template(), [])})
        )


def test_a_directory_without_an_assembly_is_refused_in_words(cloud: LocalCloud, tmp_path: Path) -> None:
    with pytest.raises(NotDeployed, match=r"cdk synth"):
        cloud.deploy(tmp_path)


def test_an_asset_is_uploaded_once(cloud: LocalCloud, tmp_path: Path) -> None:
    """Its key contains the digest of its content; the CDK CLI does the same."""
    made = assembly(tmp_path, {"once": ("aws://unknown-account/eu-north-1", bucket_template(), [])})
    uploads = []
    for _ in range(2):
        before = len(cloud.calls())
        cloud.deploy(made)
        calls = cloud.calls()[before:]
        assert calls
        uploads += [
            call["resource"]
            for call in calls
            if call["operation"] == "PutObject" and call["resource"].endswith("/code.zip")
        ]
    assert len(uploads) == 1
    key = {"Bucket": uploads[0].split(":::")[1].partition("/")[0], "Key": "code.zip"}
    stored = cloud.client("s3", "eu-north-1").get_object(**key)["Body"].read()
    with zipfile.ZipFile(io.BytesIO(stored)) as archive:
        assert archive.read("ask.py") == (tmp_path / "asset.code" / "ask.py").read_bytes()
