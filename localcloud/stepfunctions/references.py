"""Finds the workflow variables and members of `$states` that JSONata expressions refer to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jsonata import Jsonata

from localcloud.stepfunctions.expressions import FUNCTIONS, expressions

# Links of the syntax tree that lead to ancestors or to non-expressions.
_NO_CHILDREN = frozenset({"_outer_instance", "ancestor", "seeking_parent", "slot", "signature"})
_BUILT_IN = frozenset(Jsonata.static_frame.bindings) | frozenset(FUNCTIONS) | {"", "$", "states"}


@dataclass(frozen=True, slots=True)
class References:
    """The names in a template, without those that an expression binds itself (`:=`, parameters, `@`, `#`)."""

    variables: frozenset[str]  # without the dollar
    states: frozenset[str]  # members of $states: input, result, errorOutput, context
    functions: frozenset[str]  # called by name: map, sum, eval


def references(template: Any) -> References:  # JSON
    """Return the references in the `{% %}` strings of a JSON value; raises ValueError for invalid JSONata."""
    found = [_of_expression(expression) for expression in expressions(template)]
    return References(
        frozenset().union(*(each.variables for each in found)),
        frozenset().union(*(each.states for each in found)),
        frozenset().union(*(each.functions for each in found)),
    )


def _of_expression(expression: str) -> References:
    try:
        nodes = list(_nodes(Jsonata(expression).ast, set()))
    except Exception as error:
        raise ValueError(f"{{%{expression}%}}: {error}") from error
    used = {node.value for node in nodes if node.type == "variable"}
    own = {name for node in nodes for name in _bound(node)}
    members = {
        second.value
        for node in nodes
        if node.type == "path"
        for first, second in zip(node.steps, node.steps[1:], strict=False)
        if first.type == "variable" and first.value == "states" and second.type == "name"
    }
    called = {node.procedure.value for node in nodes if node.type in ("function", "partial")}
    return References(
        frozenset(used - own - _BUILT_IN),
        frozenset(members),
        frozenset(name for name in called if isinstance(name, str)),
    )


def _bound(node: Any) -> Iterator[str]:  # a node of the syntax tree
    if node.type == "bind":
        yield node.lhs.value
    if node.type == "lambda":
        yield from (parameter.value for parameter in node.arguments)
    for name in (node.focus, node.index):
        if isinstance(name, str):
            yield name
        elif name is not None and hasattr(name, "value"):
            yield name.value


def _nodes(node: Any, seen: set[int]) -> Iterator[Any]:  # nodes of the syntax tree
    if isinstance(node, list | tuple):
        for child in node:
            yield from _nodes(child, seen)
    elif hasattr(node, "lbp") and id(node) not in seen:
        seen.add(id(node))
        yield node
        for name, child in vars(node).items():
            if name not in _NO_CHILDREN:
                yield from _nodes(child, seen)
