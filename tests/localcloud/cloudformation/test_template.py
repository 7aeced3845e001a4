from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from localcloud.cloudformation.template import NO_VALUE, TemplateError, Values, creation_order


@dataclass
class Made:
    ref: str
    attributes: dict[str, Any] = field(default_factory=dict)


def values() -> Values:
    return Values(
        template={
            "Conditions": {
                "Here": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-central-1"]},
                "There": {"Fn::Not": [{"Condition": "Here"}]},
                "Both": {"Fn::And": [{"Condition": "Here"}, {"Condition": "There"}]},
            },
            "Mappings": {"Sizes": {"eu-central-1": {"small": 1}}},
        },
        pseudo={"AWS::Region": "eu-central-1", "AWS::AccountId": "1"},
        parameters={"P": "parameter"},
        export=lambda name: f"export of {name}",
        ssm=lambda name: f"value of {name}",
        made={"Bucket": Made("bucket-1", {"Arn": "arn:bucket-1"})},
    )


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"Ref": "P"}, "parameter"),
        ({"Ref": "Bucket"}, "bucket-1"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:bucket-1"),
        ({"Fn::GetAtt": "Bucket.Arn"}, "arn:bucket-1"),
        ({"Fn::Sub": "${Bucket}/${Bucket.Arn}/${AWS::Region}/${!Literal}"},
         "bucket-1/arn:bucket-1/eu-central-1/${Literal}"),
        ({"Fn::Sub": ["${Own}-${P}", {"Own": {"Ref": "Bucket"}}]}, "bucket-1-parameter"),
        ({"Fn::Join": ["-", ["a", {"Ref": "P"}, 3]]}, "a-parameter-3"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b,c"]}]}, "b"),
        ({"Fn::If": ["Here", "yes", "no"]}, "yes"),
        ({"Fn::If": ["There", "yes", "no"]}, "no"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "small"]}, 1),
        ({"Fn::ImportValue": "x"}, "export of x"),
        ({"Fn::Base64": "a"}, "YQ=="),
        ({"Fn::GetAZs": ""}, ["eu-central-1a", "eu-central-1b", "eu-central-1c"]),
        ("{{resolve:ssm:/a/b}}-x", "value of /a/b-x"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}, {"b": [1]}),
        ({"Ref": "AWS::NoValue"}, NO_VALUE),
    ],
)  # fmt: skip
def test_functions_have_their_values(node: Any, expected: Any) -> None:
    assert values().value(node) == expected


def test_conditions_refer_to_each_other() -> None:
    assert values().wanted({"Condition": "Here"})
    assert not values().wanted({"Condition": "Both"})


@pytest.mark.parametrize(
    ("node", "says"),
    [({"Ref": "Nobody"}, "Nobody"), ({"Fn::GetAtt": ["Bucket", "Size"]}, "no attribute Size")],
)
def test_what_does_not_exist_is_named(node: Any, says: str) -> None:
    with pytest.raises(TemplateError, match=says):
        values().value(node)


def test_resources_come_after_what_they_need() -> None:
    resources = {
        "A": {"Properties": {"x": {"Fn::Sub": "${B.Arn} ${AWS::Region}"}}},
        "B": {"DependsOn": "C"},
        "C": {"Properties": {"y": [{"Ref": "D"}]}},
        "D": {},
    }
    assert creation_order(resources) == ["D", "C", "B", "A"]


def test_a_circle_is_refused() -> None:
    with pytest.raises(TemplateError, match="Circular"):
        creation_order({"A": {"DependsOn": ["B"]}, "B": {"Properties": {"x": {"Ref": "A"}}}})
