"""What Step Functions refuses in a definition besides variables; a refusal names the state or field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.core.cloud import ApiCall
from localcloud.stepfunctions.definition import BadDefinition, parse_definition

END = {"Type": "Pass", "End": True}
TASK = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"FunctionName": "f"},
    "End": True,
}
WAIT = {"Type": "Wait", "Seconds": 1, "End": True}
MAP = {"Type": "Map", "Items": [1], "ItemProcessor": {"StartAt": "In", "States": {"In": END}}, "End": True}
RULE = {"Condition": "{% true %}", "Next": "End"}


def text(*, top: dict[str, Any] | None = None, **states: Any) -> str:
    return json.dumps(
        {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **(top or {})}
    )


def retry(**fields: Any) -> str:
    return text(A=TASK | {"Retry": [{"ErrorEquals": ["E"], **fields}]})


def catch(*rules: dict[str, Any]) -> str:
    return text(A=TASK | {"Catch": list(rules)}, End=END)


def branches(*names: str) -> dict[str, Any]:
    return {"Type": "Parallel", "End": True, "Branches": [{"StartAt": n, "States": {n: END}} for n in names]}


ALL, ONE = {"ErrorEquals": ["States.ALL"], "Next": "End"}, {"ErrorEquals": ["E"], "Next": "End"}
REFUSED = {
    "no JSON": ("{", "INVALID_JSON_DESCRIPTION"),
    "a state twice": (
        '{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": 1, "A": 2}}',
        "duplicate member",
    ),
    "more than 1 MiB": (text(A=END | {"Comment": "x" * 1_048_576}), "more than 1048576 bytes"),
    "JSONPath": (json.dumps({"StartAt": "A", "States": {"A": END}}), "supports only JSONata"),
    "StartAt names no state": (text(top={"StartAt": "B"}, A=END), "StartAt"),
    "a field that no definition has": (text(top={"Start": "A"}, A=END), "Field Start is not supported"),
    "an unknown type": (text(A={"Type": "Sleep", "End": True}), "A has no Type"),
    "Next names no state": (text(A={"Type": "Pass", "Next": "B"}), "goes to 'B'"),
    "Default names no state": (
        text(A={"Type": "Choice", "Choices": [RULE], "Default": "B"}, End=END),
        "goes to 'B'",
    ),
    "Catch names no state": (catch(ONE | {"Next": "B"}), "goes to 'B'"),
    "a branch goes to a state outside": (
        text(
            P=branches("A") | {"Branches": [{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "P"}}}]}
        ),
        "goes to 'P'",
    ),
    "neither Next nor End": (text(A={"Type": "Pass"}), "either Next or End"),
    "Next and End": (text(A=END | {"Next": "A"}), "either Next or End"),
    "End is false": (text(A={"Type": "Pass", "End": False, "Next": "B"}, B=END), "End is not true"),
    "a state that no path reaches": (text(A=END, B=END), "B is not reachable"),
    "no end": (text(A={"Type": "Pass", "Next": "B"}, B={"Type": "Pass", "Next": "A"}), "MISSING_END_STATE"),
    "a name in two branches": (text(P=branches("A", "A")), "'A' occurs more than once"),
    "a name in and around a branch": (text(A=branches("A")), "'A' occurs more than once"),
    "a long name": (text(**{"a" * 81: END}), "1 to 80 characters"),
    "a field of JSONPath": (text(A=END | {"ResultPath": "$.a"}), "ResultPath is not supported in a Pass"),
    "Result": (text(A=END | {"Result": 1}), "Result is not supported in a Pass"),
    "Parameters": (text(A=TASK | {"Parameters": {}}), "Parameters is not supported in a Task"),
    "Assign in Succeed": (
        text(A={"Type": "Succeed", "Assign": {"a": 1}}),
        "Assign is not supported in a Succeed",
    ),
    "Retry in Pass": (text(A=END | {"Retry": []}), "Retry is not supported in a Pass"),
    "Next in Fail": (text(A={"Type": "Fail", "Next": "A"}), "Next is not supported in a Fail"),
    "a misspelt field of a rule": (retry(MaxAttempt=1), r"Retry\[0\]: field MaxAttempt is not supported"),
    "no Resource": (text(A={"Type": "Task", "End": True}), "needs Resource"),
    "no syntax": (text(A=END | {"Output": "{% 1 + %}"}), "A: {% 1"),
    "no Branches": (text(P=branches()), "Branches is empty"),
    "no Choices": (text(A={"Type": "Choice", "Choices": [], "Default": "End"}, End=END), "Choices is empty"),
    "no Condition": (text(A={"Type": "Choice", "Choices": [{"Next": "End"}]}, End=END), "needs Condition"),
    "Seconds and Timestamp": (
        text(A=WAIT | {"Timestamp": "2026-01-01T00:00:00Z"}),
        "either Seconds or Timestamp",
    ),
    "neither Seconds nor Timestamp": (text(A={"Type": "Wait", "End": True}), "either Seconds or Timestamp"),
    "negative Seconds": (text(A=WAIT | {"Seconds": -1}), "Seconds -1"),
    "Seconds too long": (text(A=WAIT | {"Seconds": 100_000_000}), "Seconds 100000000"),
    "a heartbeat as long as the timeout": (
        text(A=TASK | {"TimeoutSeconds": 60, "HeartbeatSeconds": 60}),
        "HeartbeatSeconds 60 is not smaller",
    ),
    "no timeout at all": (text(A=TASK | {"TimeoutSeconds": 0}), "TimeoutSeconds 0"),
    "a timeout in words": (text(A=TASK | {"TimeoutSeconds": "60"}), "TimeoutSeconds is not an integer"),
    "States.ALL in company": (catch(ALL | {"ErrorEquals": ["States.ALL", "E"]}), "must appear alone"),
    "States.ALL before others": (catch(ALL, ONE), "must be in the last entry"),
    "no error names": (catch(ONE | {"ErrorEquals": []}), "non-empty array"),
    "no interval": (retry(IntervalSeconds=0), "IntervalSeconds 0"),
    "negative attempts": (retry(MaxAttempts=-1), "MaxAttempts -1"),
    "attempts beyond the limit": (retry(MaxAttempts=100_000_000), "MaxAttempts 100000000"),
    "a rate below one": (retry(BackoffRate=0.5), "BackoffRate 0.5"),
    "a delay beyond a year": (retry(MaxDelaySeconds=31_622_400), "MaxDelaySeconds 31622400"),
    "a delay as short as the interval": (
        retry(IntervalSeconds=5, MaxDelaySeconds=5),
        "not greater than Interval",
    ),
    "an unknown jitter": (retry(JitterStrategy="HALF"), "neither FULL nor NONE"),
    "an expression in Retry": (retry(MaxAttempts="{% 1 %}"), "MaxAttempts is not an integer"),
    "tolerance above 100": (
        text(M=MAP | {"ToleratedFailurePercentage": 101}),
        "ToleratedFailurePercentage 101",
    ),
    "negative concurrency": (text(M=MAP | {"MaxConcurrency": -1}), "MaxConcurrency -1"),
    "a Map without a processor": (text(M={"Type": "Map", "End": True}), "needs ItemProcessor"),
    "a reader, which the interpreter lacks": (
        text(M=MAP | {"ItemReader": {}}),
        "the local cloud does not support ItemReader",
    ),
    "a resource of another partition": (
        text(A=TASK | {"Resource": "arn:aws-cn:states:::lambda:invoke"}),
        "not in the partition aws",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_definition_is_refused(name: str) -> None:
    refused, reason = REFUSED[name]
    with pytest.raises(BadDefinition, match=reason):
        parse_definition(refused)


@pytest.mark.parametrize(
    "accepted",
    [
        retry(
            IntervalSeconds=1, MaxAttempts=0, BackoffRate=1, MaxDelaySeconds=31_622_399, JitterStrategy="NONE"
        ),
        catch(ONE, ALL),
        text(A=TASK | {"TimeoutSeconds": 60, "HeartbeatSeconds": 59}),
        text(A=TASK | {"HeartbeatSeconds": "{% 5 %}", "TimeoutSeconds": "{% 3 %}"}),
        text(top={"Version": "1.0", "TimeoutSeconds": 5, "Comment": "c"}, **{"a" * 80: END}),
        text(M=MAP | {"ToleratedFailurePercentage": 50.5, "MaxConcurrency": 0}),
        text(A=TASK | {"Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Arguments": 1}),
    ],
)
def test_the_definition_at_the_limit_is_accepted(accepted: str) -> None:
    assert parse_definition(accepted)


@pytest.mark.parametrize(
    ("region", "partition"), [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_a_machine_and_its_resources_are_in_the_partition_of_its_region(
    machines: Any, region: str, partition: str
) -> None:
    def create(resource_partition: str) -> Any:
        resource = f"arn:{resource_partition}:states:::lambda:invoke"
        params = {
            "name": f"in-{resource_partition}",
            "definition": text(A=TASK | {"Resource": resource}),
            "roleArn": f"arn:{partition}:iam::123456789012:role/r",
        }
        call = ApiCall(params=params, account_id="123456789012", region=region, principal="p")
        return machines.operations["CreateStateMachine"](call)

    assert create(partition)["stateMachineArn"].startswith(f"arn:{partition}:states:{region}:")
    for other in {"aws", "aws-cn", "aws-us-gov"} - {partition}:
        with pytest.raises(Exception, match=f"not in the partition {partition}"):
            create(other)
