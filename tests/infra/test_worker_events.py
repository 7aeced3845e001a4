"""The events that reach the function; EventBridge may invoke it only for these rules."""

from __future__ import annotations

import json

from tests.infra.template import Template, resources, text_of


def test_the_rules_match_this_deployments_stopped_tasks_and_every_ending_instance(main: Template) -> None:
    patterns = {rule["Name"]: rule["EventPattern"] for rule in resources(main, "AWS::Events::Rule").values()}
    assert set(patterns) == {"cellar-worker-tasks", "cellar-worker-instances", "cellar-restore-tests"}
    tasks = patterns["cellar-worker-tasks"]
    (cluster,) = resources(main, "AWS::ECS::Cluster")
    assert tasks["detail"].pop("clusterArn") == [{"Fn::GetAtt": [cluster, "Arn"]}]
    assert tasks == {
        "source": ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        "detail": {"lastStatus": ["STOPPED"]},
    }
    instances = patterns["cellar-worker-instances"]
    assert instances["source"] == ["aws.ec2"]
    assert instances["detail-type"] == ["EC2 Instance State-change Notification"]
    assert {"shutting-down", "terminated"} <= set(instances["detail"]["state"])


def test_eventbridge_may_invoke_the_function_only_for_its_rules(main: Template) -> None:
    rules = {
        name: rule
        for name, rule in resources(main, "AWS::Events::Rule").items()
        if rule["Name"].startswith("cellar-worker-")
    }
    permissions = resources(main, "AWS::Lambda::Permission").values()
    functions = resources(main, "AWS::Lambda::Function")
    ours = [one for one in permissions if one["Principal"] == "events.amazonaws.com"]
    assert {json.dumps(one["SourceArn"]) for one in ours} == {
        json.dumps({"Fn::GetAtt": [rule, "Arn"]}) for rule in rules
    }
    named = {functions[one["FunctionName"]["Fn::GetAtt"][0]]["FunctionName"] for one in ours}
    assert named == {"cellar-worker-stopped"}
    targets = [text_of(target["Arn"]) for rule in rules.values() for target in rule["Targets"]]
    assert len(targets) == len(rules)
