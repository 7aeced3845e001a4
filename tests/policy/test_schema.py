"""The committed JSON Schema is the one that the models give, and agrees with them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from tidemark.policy.schema import schema_text

SOURCES = Path(__file__).parents[2]
COMMITTED = SOURCES / "docs" / "tidemark.schema.json"


def test_the_committed_schema_is_current() -> None:
    assert COMMITTED.read_text() == schema_text(), (
        "run: python -m tidemark.policy.schema > docs/tidemark.schema.json"
    )


def test_the_example_satisfies_the_schema_and_names_it() -> None:
    example = SOURCES / "tidemark.yaml"
    jsonschema.validate(YAML(typ="safe").load(example), json.loads(COMMITTED.read_text()))
    assert example.read_text().startswith("# yaml-language-server: $schema=docs/tidemark.schema.json\n")


@pytest.mark.parametrize(
    "change",
    [
        {"vaults": {}},
        {"policies": {}},
        {"regoin": "eu-west-1"},
        {"region": 7},
        {"policies": {"n": {"keep": 35}}},
        {"policies": {"n": {"keep": "1 day", "file_systems": ["fs-01234567"], "index": None}}},
        {"policies": {"n": {"keep": "1 day", "file_systems": ["fs-01234567"], "index": {"exclude": ["!a"]}}}},
    ],
)
def test_the_schema_refuses_what_the_models_refuse(change: dict[str, object]) -> None:
    values = YAML(typ="safe").load(SOURCES / "tidemark.yaml") | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, json.loads(COMMITTED.read_text()))
