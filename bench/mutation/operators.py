"""The mutation operators.

    drop        a statement is missing that is a call, a raise, a yield, a continue or break, or that sets an
                item or an attribute
    swap        two consecutive statements that have an effect and do not depend on each other
    condition   the condition of an if, a conditional expression or a comprehension is True, and is False;
                that of a while is False
    operand     one operand of `and` or `or` is missing
    comparison  `<` is `<=` and the like; outside of conditions `==`, `is` and `in` are their opposites
    not         outside of conditions, `not` is missing
    constant    a number is one more, True is False, a string that looks like an identifier is another,
                if it is no key
    element     an element of a tuple, list, set or dictionary display is missing
    keyword     a keyword argument is missing
    return      a function returns None
    arithmetic  `+` is `-`, `*` is `/`, and the other way round
    function    `min` is `max`, `any` is `all`, and the other way round; `sorted` is `list`
    handler     what `except` or `suppress` caught is raised

Not mutated: annotations, decorators, docstrings, imports, f-strings, log calls and error messages, because
tests need not repeat sentences.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.mutation.syntax import bound, can_swap, is_false, is_left_alone, is_none, is_text

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.#-]*")
_BOUNDARIES: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
}
_OPPOSITES: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
}
_FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}

Located = ast.stmt | ast.expr | ast.keyword | ast.ExceptHandler


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a source, made by an operator."""

    nodes: Sequence[Located]
    start: int
    end: int
    replacement: bytes
    operator: str
    within: str
    words: str
    names: frozenset[str]


class Changes:
    """Walks a module and tracks the current function or, outside of functions, the current statement."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._module = ast.parse(source).body
        self._within: list[str] = []
        self._in_function = False
        self._names: frozenset[str] = frozenset()

    def all(self) -> Iterator[Change]:
        """Return every change, including those without effect."""
        yield from self._block(self._module)

    def compiles(self, change: Change) -> bool:
        """Return whether a change has an effect on the source and leaves valid Python."""
        if self._source[change.start : change.end] == change.replacement:
            return False
        for statement in self._module:
            start, end = self._start(statement), self._end(statement)
            if start <= change.start and change.end <= end:
                before, after = self._source[start : change.start], self._source[change.end : end]
                try:
                    ast.parse(before + change.replacement + after)
                except SyntaxError:
                    return False
        return True

    def _block(self, body: Sequence[ast.stmt]) -> Iterator[Change]:
        kept = [statement for statement in body if not is_left_alone(statement)]
        for statement in kept:
            if not self._in_function:
                self._names = bound(statement)
            yield from self._statement(statement)
        if self._in_function:
            for first, second in pairwise(body):
                if first in kept and second in kept and can_swap(first, second):
                    gap = self._source[self._end(first) : self._start(second)]
                    swapped = self._text(second) + gap + self._text(first)
                    yield self._change("swap", (first, second), swapped, words=self._swap(first, second))

    def _statement(self, statement: ast.stmt) -> Iterator[Change]:
        match statement:
            case ast.FunctionDef():
                yield from self._function(statement)
                return
            case ast.ClassDef():
                self._within.append(statement.name)
                yield from self._block(statement.body)
                self._within.pop()
                return
            case ast.Raise():
                yield self._change("drop", (statement,), b"pass")
                return
            case ast.Continue() | ast.Break() | ast.AugAssign() | ast.Delete():
                yield self._change("drop", (statement,), b"pass")
            case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()):
                yield self._change("drop", (statement,), b"pass")
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) if self._in_function:
                yield self._change("drop", (statement,), b"pass")
            case ast.Return(value=ast.expr() as value) if not (is_none(value) or is_false(value)):
                yield self._change("return", (statement,), b"return None")
            case ast.If() | ast.While():
                yield from self._condition(statement.test, loop=isinstance(statement, ast.While))
        yield from self._parts(statement)

    def _function(self, function: ast.FunctionDef) -> Iterator[Change]:
        arguments = function.args
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                yield from self._expression(default)
        outside, self._in_function = self._in_function, True
        self._within.append(function.name)
        yield from self._block(function.body)
        self._within.pop()
        self._in_function = outside

    def _parts(self, node: ast.AST) -> Iterator[Change]:
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "decorator_list", "returns", "ctx", "targets", "target"}:
                continue
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                yield from self._block(value)
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, ast.expr):
                    yield from self._expression(part, condition=name == "test", parent=node)
                elif isinstance(part, ast.ExceptHandler):
                    yield from self._handler(part)
                elif isinstance(part, ast.AST):
                    yield from self._parts(part)

    def _expression(
        self, node: ast.expr, *, condition: bool = False, parent: ast.AST | None = None
    ) -> Iterator[Change]:
        match node:
            case ast.JoinedStr():
                return
            case ast.Subscript():
                yield from self._expression(node.value, parent=node)
                if isinstance(node.slice, ast.Slice):
                    yield from self._parts(node.slice)
                elif isinstance(node.slice, ast.Constant) and not is_text(node.slice):
                    yield from self._constant(node.slice)
                return
            case ast.Constant():
                yield from self._constant(node)
            case ast.IfExp():
                yield from self._condition(node.test)
            case ast.BoolOp():
                yield from self._operands(node)
                for value in node.values:
                    yield from self._expression(value, condition=True, parent=node)
                return
            case ast.Compare(ops=[operator], comparators=[right]):
                swaps = _BOUNDARIES if condition else {**_BOUNDARIES, **_OPPOSITES}
                yield from self._between("comparison", node, node.left, right, swaps.get(type(operator)))
            case ast.BinOp():
                if not any(
                    isinstance(side, ast.JoinedStr) or is_text(side) for side in (node.left, node.right)
                ):
                    change = _ARITHMETIC.get(type(node.op))
                    yield from self._between("arithmetic", node, node.left, node.right, change)
            case ast.UnaryOp(op=ast.Not()) if not condition:
                yield self._change("not", (node,), b"(" + self._text(node.operand) + b")")
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                for generator in node.generators:
                    for test in generator.ifs:
                        yield from self._condition(test)
            case ast.Dict():
                yield from self._elements(node)
                for value in node.values:
                    yield from self._expression(value, parent=node)
                return
            case ast.Tuple() | ast.List() | ast.Set():
                if not isinstance(parent, ast.Assign | ast.Return) or not isinstance(node, ast.Tuple):
                    yield from self._elements(node)
            case ast.Call():
                yield from self._call(node)
        yield from self._parts(node)

    def _condition(self, test: ast.expr, *, loop: bool = False) -> Iterator[Change]:
        for value in (b"False",) if loop else (b"True", b"False"):
            yield self._change("condition", (test,), value)

    def _constant(self, node: ast.Constant) -> Iterator[Change]:
        match node.value:
            case bool():
                yield self._change("constant", (node,), str(not node.value).encode())
            case int() | float():
                yield self._change("constant", (node,), str(node.value + 1).encode())
            case str() if _IDENTIFIER.fullmatch(node.value):
                yield self._change("constant", (node,), repr(f"not_{node.value}").encode())

    def _operands(self, node: ast.BoolOp) -> Iterator[Change]:
        joint = b" and " if isinstance(node.op, ast.And) else b" or "
        for missing in node.values:
            left = [b"(" + self._text(value) + b")" for value in node.values if value is not missing]
            words = f"{self._words(node)} without {self._words(missing)}"
            yield self._change("operand", (node,), joint.join(left), words=words)

    def _between(
        self, name: str, node: ast.expr, left: ast.expr, right: ast.expr, change: tuple[str, str] | None
    ) -> Iterator[Change]:
        if change is None:
            return
        gap = self._source[self._end(left) : self._start(right)]
        changed = gap.replace(change[0].encode(), change[1].encode(), 1)
        yield self._change(name, (node,), self._text(left, node) + changed + self._text_to(right, node))

    def _elements(self, node: ast.Tuple | ast.List | ast.Set | ast.Dict) -> Iterator[Change]:
        if isinstance(node, ast.Dict):
            parts = [
                (b"**" if key is None else self._text(key) + b": ") + self._text(value)
                for key, value in zip(node.keys, node.values, strict=True)
            ]
            opening, closing = b"{", b"}"
        else:
            parts = [self._text(element) for element in node.elts]
            opening, closing = {ast.List: (b"[", b"]"), ast.Set: (b"{*(), ", b"}")}.get(
                type(node), (b"(", b")")
            )
        for number, missing in enumerate(parts):
            left = parts[:number] + parts[number + 1 :]
            comma = b"," if isinstance(node, ast.Tuple) and len(left) == 1 else b""
            replacement = opening + b", ".join(left) + comma + closing
            yield self._change("element", (node,), replacement, words=f"without {_one_line(missing)}")

    def _call(self, node: ast.Call) -> Iterator[Change]:
        if isinstance(node.func, ast.Name) and not node.keywords and node.func.id in _FUNCTIONS:
            yield self._change("function", (node.func,), _FUNCTIONS[node.func.id].encode())
        if isinstance(node.func, ast.Name) and node.func.id == "suppress":
            yield self._change("handler", (node,), b"suppress()")
        if not self._in_function:
            return
        plain = [self._text(argument) for argument in node.args]
        named = [self._text(keyword) for keyword in node.keywords]
        for number, missing in enumerate(named):
            left = plain + named[:number] + named[number + 1 :]
            replacement = self._text(node.func) + b"(" + b", ".join(left) + b")"
            words = f"{self._words(node.func)} without {_one_line(missing)}"
            yield self._change("keyword", (node,), replacement, words=words)

    def _handler(self, handler: ast.ExceptHandler) -> Iterator[Change]:
        body = handler.body
        if not (len(body) == 1 and isinstance(body[0], ast.Raise) and body[0].exc is None):
            start, end = self._start(body[0]), self._end(body[-1])
            words = f"{self._words(handler.type) if handler.type else ''} is raised"
            yield self._change("handler", (handler,), b"raise", words=words, span=(start, end))
        yield from self._block(body)

    def _change(
        self,
        operator: str,
        nodes: Sequence[Located],
        replacement: bytes,
        *,
        words: str | None = None,
        span: tuple[int, int] | None = None,
    ) -> Change:
        start, end = span or (self._start(nodes[0]), self._end(nodes[-1]))
        return Change(
            nodes=nodes,
            start=start,
            end=end,
            replacement=replacement,
            operator=operator,
            within=".".join(self._within),
            words=words or f"{_one_line(self._source[start:end])} -> {_one_line(replacement)}",
            names=frozenset() if self._in_function else self._names,
        )

    def _swap(self, first: ast.stmt, second: ast.stmt) -> str:
        begins = [_one_line(self._source[self._start(one) : self._end(one)], 40) for one in (first, second)]
        return " <-> ".join(begins)

    def _start(self, node: Located) -> int:
        return self._lines[node.lineno - 1] + node.col_offset

    def _end(self, node: Located) -> int:
        return self._lines[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or node.col_offset)

    def _text(self, node: Located, whole: Located | None = None) -> bytes:
        """Return the node's source; of the left side of `whole`, with the parentheses before it."""
        return self._source[self._start(whole or node) : self._end(node)]

    def _text_to(self, node: Located, whole: Located) -> bytes:
        return self._source[self._start(node) : self._end(whole)]

    def _words(self, node: Located) -> str:
        return _one_line(self._text(node))


def _one_line(text: bytes, longest: int = 90) -> str:
    line = " ".join(text.decode().split())
    return line if len(line) <= longest else f"{line[:longest]}..."
