"""Predicates on Python's syntax for the operators."""

from __future__ import annotations

import ast

_LOGGERS = {"logger", "_LOG"}
# Calls without side effects, whose order does not matter, like calls of classes.
_PURE = {
    *("asdict", "bool", "bytes", "cast", "dict", "frozenset", "int", "isinstance", "len", "list", "replace"),
    *("set", "sorted", "str", "timedelta", "tuple", "utc_now"),
    *("get", "of", "isoformat", "fromisoformat", "partition", "rpartition", "split", "strip", "to_item"),
}


def is_none(node: ast.expr) -> bool:
    """Return whether it is a literal None."""
    return isinstance(node, ast.Constant) and node.value is None


def is_false(node: ast.expr) -> bool:
    """Return whether it is a literal False."""
    return isinstance(node, ast.Constant) and node.value is False


def is_text(node: ast.expr) -> bool:
    """Return whether it is a string literal."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_left_alone(statement: ast.stmt) -> bool:
    """Return whether a statement is never mutated."""
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
            return name in _LOGGERS
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Attribute(attr="__doc__")]):
            return True
        case ast.Assign(value=ast.Call(func=ast.Name(id="TypedDict" | "TypeVar"))):
            return True
    return False


def bound(statement: ast.stmt) -> frozenset[str]:
    """Return the names that a statement binds."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return frozenset({statement.name})
    return frozenset(_names(statement, ast.Store))


def can_swap(first: ast.stmt, second: ast.stmt) -> bool:
    """Return whether two statements have effects and do not depend on each other."""
    for statement in (first, second):
        if isinstance(statement, ast.Return | ast.Raise | ast.Continue | ast.Break | ast.FunctionDef):
            return False
        if not any(_does_something(node) for node in ast.walk(statement)):
            return False
    stored = _names(first, ast.Store), _names(second, ast.Store)
    loaded = _names(first, ast.Load), _names(second, ast.Load)
    return not (stored[0] & (stored[1] | loaded[1]) or stored[1] & loaded[0])


def _does_something(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name not in _PURE and not name.lstrip("_")[:1].isupper()
        case ast.Yield() | ast.Return() | ast.Raise():
            return True
    return False


def _names(node: ast.AST, context: type[ast.expr_context]) -> set[str]:
    return {
        part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, context)
    }
