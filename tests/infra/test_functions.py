"""Every file of `lambdas/` with a handler is a function with exactly the settings that it reads."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

from tests.infra.template import Template, resources, text_of
from tidemark.settings import LambdaSettings, variable_name

LAMBDAS = Path(__file__).parents[2] / "lambdas"


def test_files_with_a_handler_and_functions_are_the_same(main: Template) -> None:
    files = {path.stem for path in LAMBDAS.glob("*.py") if "handler" in _names(path)}
    functions = resources(main, "AWS::Lambda::Function").values()
    assert {function["Handler"] for function in functions} == {f"lambdas.{file}.handler" for file in files}
    assert {function["FunctionName"] for function in functions} == {
        f"cellar-{file.replace('_', '-')}" for file in files
    }


def test_functions_share_one_asset_for_arm64_except_those_that_read_indexes(main: Template) -> None:
    functions = resources(main, "AWS::Lambda::Function").values()
    handlers: dict[str, set[str]] = {}
    for function in functions:
        handlers.setdefault(text_of(function["Code"]["S3Key"]), set()).add(function["Handler"])
    assert sorted(handlers.values(), key=len)[0] == {"lambdas.plan_drill.handler"}
    assert len(handlers) == 2
    assert {(function["Runtime"], *function["Architectures"]) for function in functions} == {
        ("python3.13", "arm64")
    }


def test_the_environment_is_exactly_the_settings(main: Template) -> None:
    wanted = {variable_name(field.name) for field in dataclasses.fields(LambdaSettings)} - {"TIDEMARK_SITES"}
    for function in resources(main, "AWS::Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        assert set(variables) == wanted
        settings = LambdaSettings.from_environment(
            {name: text_of(value) for name, value in variables.items()}
        )
        assert settings.deployment == "cellar"
        assert settings.repository.endswith("/some/where")
        assert settings.indexing_session.endswith(":stateMachine:cellar-indexing-session")


def test_functions_trace_and_log_to_their_own_group(main: Template) -> None:
    groups = resources(main, "AWS::Logs::LogGroup")
    for function in resources(main, "AWS::Lambda::Function").values():
        assert function["TracingConfig"] == {"Mode": "Active"}
        group = groups[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"


def test_no_two_functions_share_a_role(main: Template) -> None:
    roles = [text_of(function["Role"]) for function in resources(main, "AWS::Lambda::Function").values()]
    assert len(set(roles)) == len(roles)


def _names(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
