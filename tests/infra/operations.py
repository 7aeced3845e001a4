"""Finds the AWS operations that the product calls, in its source code."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from botocore import xform_name
from botocore.session import get_session

ROOT = Path(__file__).parents[2]
SERVICES = ("backup", "dynamodb", "ec2", "ecs", "efs", "kms", "s3", "sns", "ssm", "stepfunctions")
# Methods of more than one service's client: the service that the product calls.
MEANT = {"tag_resource": "backup", "list_tags": "backup"}
# Methods of other objects with the name of a client's method: (file, method).
NO_CLIENTS = {
    ("tidemark/aws/recorded_repository.py", "list_keys"),
    ("tidemark/tags.py", "encrypt"),
    ("tidemark/tags.py", "decrypt"),
}


@functools.cache
def called_operations(directories: tuple[str, ...]) -> dict[tuple[str, str], set[str]]:
    """Return (service, operation) by botocore's names, each with the files that call it.

    A call is a method of a client's name on any object, or a paginator's or waiter's name.
    """
    operations = _operations_by_method()
    found: dict[tuple[str, str], set[str]] = {}
    for directory in directories:
        for path in sorted((ROOT / directory).rglob("*.py")):
            file = str(path.relative_to(ROOT))
            for method in _methods(ast.parse(path.read_text())):
                if (file, method) not in NO_CLIENTS and method in operations:
                    found.setdefault(operations[method], set()).add(file)
    return found


def _methods(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found.add(node.func.attr)
            if node.func.attr in {"get_paginator", "get_waiter"} and isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
    return found


def _operations_by_method() -> dict[str, tuple[str, str]]:
    session, found = get_session(), dict[str, tuple[str, str]]()
    for service in SERVICES:
        for operation in session.get_service_model(service).operation_names:
            method = xform_name(operation)
            if MEANT.get(method, service) == service:
                found[method] = (service, operation)
    return found
