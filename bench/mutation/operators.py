"""The ways in which a file is changed.

    drop        a statement is missing that is a call, a raise, a yield, a continue or break, or that sets an
                item or an attribute
    swap        two statements that stand one after the other, do something, and need nothing of each other
    condition   the condition of an if, a conditional expression or a comprehension is True, and is False;
                that of a while is False
    operand     one operand of `and` or `or` is missing
    comparison  `<` is `<=` and the like; outside of conditions `==`, `is` and `in` are their opposites
    not         outside of conditions, `not` is missing
    constant    a number is one more, True is False, a string that looks like an identifier is another,
                if it is no key
    element     an element of a tuple, list, set or dictionary that is written out is missing
    keyword     a keyword argument is missing
    return      a function returns None
    arithmetic  `+` is `-`, `*` is `/`, and the other way round
    function    `min` is `max`, `any` is `all`, and the other way round; `sorted` is `list`
    handler     what `except` or `suppress` caught is raised

Not mutated: annotations, decorators, docstrings, imports, f-strings, log calls and the words of an error,
because no test has to repeat sentences.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_LOGGERS = {"logger", "_LOG"}
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
# Calls that read and change nothing outside, so that their order is no matter; so are those of classes.
_PURE = {
    *("asdict", "bool", "bytes", "cast", "dict", "frozenset", "int", "isinstance", "len", "list", "replace"),
    *("set", "sorted", "str", "timedelta", "tuple", "utc_now"),
    *("get", "isoformat", "fromisoformat", "partition", "rpartition", "split", "strip", "to_item"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one file."""

    file: str
    line: int
    last_line: int
    start: int  # bytes of the source
    end: int
    replacement: bytes
    operator: str
    within: str  # the function or class
    text: str  # the first line
    change: str  # in one line
    occurrence: int  # of the same change of the same line within the same function
    names: frozenset[str]  # what a statement of a module or class gives a name to

    @property
    def mutant_id(self) -> str:
        """An id that stays when other lines change."""
        parts = (self.file, self.within, self.text, self.operator, self.change, str(self.occurrence))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]

    @property
    def title(self) -> str:
        """Where it is and what it changes, in one line."""
        return f"{self.file}:{self.line} {self.operator}: {self.change}"

    def apply(self, source: bytes) -> bytes:
        """Return the file's source with the change."""
        return source[: self.start] + self.replacement + source[self.end :]

    def diff(self, source: bytes) -> str:
        """Return the change as a unified diff without context."""
        before, after = source.decode().splitlines(), self.apply(source).decode().splitlines()
        return "\n".join(list(difflib.unified_diff(before, after, lineterm="", n=0))[3:])


def mutants_of(file: str, source: bytes) -> list[Mutant]:
    """Return all mutants of a file that compile, in the order of its lines."""
    found: list[Mutant] = []
    seen: Counter[tuple[str, ...]] = Counter()
    original = ast.dump(ast.parse(source))
    for change in _Changes(source).all():
        first, last = change.nodes[0], change.nodes[-1]
        start, end = first.lineno, last.end_lineno or last.lineno
        text = source.splitlines()[start - 1].decode().strip()
        same = (change.within, text, change.operator, change.words)
        mutant = Mutant(
            file=file,
            line=start,
            last_line=end,
            start=change.start,
            end=change.end,
            replacement=change.replacement,
            operator=change.operator,
            within=change.within,
            text=text,
            change=change.words,
            occurrence=seen[same],
            names=change.names,
        )
        try:
            mutated = ast.dump(ast.parse(mutant.apply(source)))
        except SyntaxError:
            continue
        if mutated != original:
            seen[same] += 1
            found.append(mutant)
    return sorted(found, key=lambda mutant: (mutant.start, mutant.end, mutant.operator, mutant.replacement))


Located = ast.stmt | ast.expr | ast.keyword | ast.ExceptHandler


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    nodes: Sequence[Located]
    start: int
    end: int
    replacement: bytes
    operator: str
    within: str
    words: str
    names: frozenset[str]


class _Changes:
    """Walks a module; knows in what function and, outside of one, in what statement it is."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._within: list[str] = []
        self._in_function = False
        self._names: frozenset[str] = frozenset()

    def all(self) -> Iterator[_Change]:
        yield from self._block(ast.parse(self._source).body)

    def _block(self, body: Sequence[ast.stmt]) -> Iterator[_Change]:
        kept = [statement for statement in body if not _is_left_alone(statement)]
        for statement in kept:
            if not self._in_function:
                self._names = _bound(statement)
            yield from self._statement(statement)
        if self._in_function:
            for first, second in pairwise(body):
                if first in kept and second in kept and _can_swap(first, second):
                    gap = self._source[self._end(first) : self._start(second)]
                    swapped = self._text(second) + gap + self._text(first)
                    yield self._change("swap", (first, second), swapped, words=self._swap(first, second))

    def _statement(self, statement: ast.stmt) -> Iterator[_Change]:
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
            case ast.Return(value=ast.expr() as value) if not _is_none(value):
                yield self._change("return", (statement,), b"return None")
            case ast.If() | ast.While():
                yield from self._condition(statement.test, loop=isinstance(statement, ast.While))
        yield from self._parts(statement)

    def _function(self, function: ast.FunctionDef) -> Iterator[_Change]:
        arguments = function.args
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                yield from self._expression(default)
        outside, self._in_function = self._in_function, True
        self._within.append(function.name)
        yield from self._block(function.body)
        self._within.pop()
        self._in_function = outside

    def _parts(self, node: ast.AST) -> Iterator[_Change]:
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
    ) -> Iterator[_Change]:
        match node:
            case ast.JoinedStr():
                return
            case ast.Subscript():
                yield from self._expression(node.value, parent=node)
                if isinstance(node.slice, ast.Slice):
                    yield from self._parts(node.slice)
                elif isinstance(node.slice, ast.Constant) and not _is_text(node.slice):
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
                    isinstance(side, ast.JoinedStr) or _is_text(side) for side in (node.left, node.right)
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

    def _condition(self, test: ast.expr, *, loop: bool = False) -> Iterator[_Change]:
        for value in (b"False",) if loop else (b"True", b"False"):
            yield self._change("condition", (test,), value)

    def _constant(self, node: ast.Constant) -> Iterator[_Change]:
        match node.value:
            case bool():
                yield self._change("constant", (node,), str(not node.value).encode())
            case int() | float():
                yield self._change("constant", (node,), str(node.value + 1).encode())
            case str() if _IDENTIFIER.fullmatch(node.value):
                yield self._change("constant", (node,), repr(f"not_{node.value}").encode())

    def _operands(self, node: ast.BoolOp) -> Iterator[_Change]:
        joint = b" and " if isinstance(node.op, ast.And) else b" or "
        for missing in node.values:
            left = [b"(" + self._text(value) + b")" for value in node.values if value is not missing]
            words = f"{self._words(node)} without {self._words(missing)}"
            yield self._change("operand", (node,), joint.join(left), words=words)

    def _between(
        self, name: str, node: ast.expr, left: ast.expr, right: ast.expr, change: tuple[str, str] | None
    ) -> Iterator[_Change]:
        if change is None:
            return
        gap = self._source[self._end(left) : self._start(right)]
        changed = gap.replace(change[0].encode(), change[1].encode(), 1)
        yield self._change(name, (node,), self._text(left, node) + changed + self._text_to(right, node))

    def _elements(self, node: ast.Tuple | ast.List | ast.Set | ast.Dict) -> Iterator[_Change]:
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

    def _call(self, node: ast.Call) -> Iterator[_Change]:
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

    def _handler(self, handler: ast.ExceptHandler) -> Iterator[_Change]:
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
    ) -> _Change:
        start, end = span or (self._start(nodes[0]), self._end(nodes[-1]))
        return _Change(
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


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_left_alone(statement: ast.stmt) -> bool:
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


def _bound(statement: ast.stmt) -> frozenset[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return frozenset({statement.name})
    return frozenset(_names(statement, ast.Store))


def _can_swap(first: ast.stmt, second: ast.stmt) -> bool:
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
