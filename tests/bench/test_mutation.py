"""The mutator makes the changes that it describes, and tests that run the mutated code judge a mutant."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.mutation import copies
from bench.mutation.copies import Copy
from bench.mutation.equivalents import read_equivalents, stale
from bench.mutation.mutants import Mutant, mutants_of
from bench.mutation.selection import Selection
from bench.mutation.targets import target_files

ROOT = Path(__file__).parents[2]

CHANGES = [
    ("drop", "store.put(x)", {"pass"}),
    ("drop", "raise ValueError('no such file')", {"pass"}),
    ("drop", "found[x] = y", {"pass"}),
    ("drop", "found = y", set()),
    ("swap", "store.put(x)\n    store.get_back(y)", {"store.get_back(y)\n    store.put(x)"}),
    ("swap", "a = store.read(x)\n    store.write(a)", set()),
    ("swap", "store.write(a)\n    a = store.read(x)", set()),
    ("swap", "if x: store.put(x)\n    store.end()", {"store.end()\n    if x: store.put(x)"}),
    ("swap", "a = int(x)\n    store.write(y)", set()),
    ("swap", "store.write(x)\n    return y", set()),
    ("condition", "if x < y: f()", {"if True: f()", "if False: f()"}),
    ("condition", "while x: f()", {"while False: f()"}),
    ("condition", "a = x if y else x", {"a = x if True else x", "a = x if False else x"}),
    ("condition", "a = [z for z in x if z]", {"a = [z for z in x if True]", "a = [z for z in x if False]"}),
    ("operand", "return x and y", {"return (x)", "return (y)"}),
    ("comparison", "if x < y: f()", {"if x <= y: f()"}),
    ("comparison", "if x == y: f()", set()),
    ("comparison", "return x == y", {"return x != y"}),
    ("comparison", "return (x or y) is not x", {"return (x or y) is x"}),
    ("not", "return not x", {"return (x)"}),
    ("not", "if not x: f()", set()),
    ("constant", "f(3)", {"f(4)"}),
    ("constant", "f(True)", {"f(False)"}),
    ("constant", "f('held')", {"f('not_held')"}),
    ("constant", "f('a sentence of words')", set()),
    ("constant", "f(x['key'])", set()),
    ("constant", "f(f'{x} of {3}')", set()),
    ("element", "f([x, *y])", {"f([*y])", "f([x])"}),
    ("element", "f((x, y))", {"f((x,))", "f((y,))"}),
    ("element", "f({'a': x, **y})", {"f({**y})", "f({'a': x})"}),
    ("element", "a, b = x, y", set()),
    ("keyword", "f(x, a=y, **x)", {"f(x, **x)", "f(x, a=y)"}),
    ("return", "return x", {"return None"}),
    ("return", "return None", set()),
    ("arithmetic", "return x + 1", {"return x - 1"}),
    ("arithmetic", "return x + 'some words'", set()),
    ("function", "return min(x, y)", {"return max(x, y)"}),
    ("handler", "with suppress(KeyError): f()", {"with suppress(): f()"}),
    ("handler", "try: f()\n    except KeyError: g()", {"try: f()\n    except KeyError: raise"}),
]


def changed(body: str, operator: str) -> set[str]:
    head = "def function(x, y):\n    "
    source = f"{head}{body}\n".encode()
    mutants = [one for one in mutants_of("file.py", source) if one.operator == operator]
    return {one.apply(source).decode().removeprefix(head).rstrip() for one in mutants}


@pytest.mark.parametrize(("operator", "body", "expected"), CHANGES)
def test_an_operator_makes_the_change_that_it_describes(operator: str, body: str, expected: set[str]) -> None:
    assert changed(body, operator) == expected


@pytest.mark.parametrize(
    "left_alone",
    ["logger.info('x', extra=x)", "import os", "'words'", "a: Literal['x']", "raise_later: int"],
)
def test_code_without_behaviour_is_not_mutated(left_alone: str) -> None:
    assert mutants_of("file.py", f"def function(x):\n    {left_alone}\n".encode()) == []


def test_a_mutant_keeps_its_id_when_other_lines_change() -> None:
    function = b"def function(x):\n    if x:\n        return 1\n    return 1\n"
    before = {one.mutant_id for one in mutants_of("file.py", function)}
    after = {one.mutant_id for one in mutants_of("file.py", b"import os\n\nUNRELATED = None\n" + function)}
    assert before <= after
    assert len(before) == len(mutants_of("file.py", function))


def test_each_mutant_has_an_id_and_each_equivalent_is_one_of_them() -> None:
    mutants = [one for file in target_files(ROOT) for one in mutants_of(file, (ROOT / file).read_bytes())]
    assert len({one.mutant_id for one in mutants}) == len(mutants)
    assert stale(read_equivalents(), mutants) == []


PRODUCT = """
LIMIT = 3


def is_low(number):
    return number < LIMIT


def count(numbers):
    while numbers:
        numbers.pop()
    return 0
"""
TESTS = """
import subprocess, sys
from lambdas import product


def test_low():
    assert product.is_low(1)


def test_not_low_in_a_process_of_its_own():
    code = "import sys; from lambdas.product import is_low; sys.exit(is_low(4))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_count():
    assert product.count([1]) == 0
"""


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Copy]:
    monkeypatch.setattr(copies, "TREE", ("bench", "lambdas", "tests"))
    monkeypatch.setattr(copies, "_FILES", ())
    source = tmp_path / "source"
    for directory in ("lambdas", "tests"):
        (source / directory).mkdir(parents=True)
    shutil.copytree(ROOT / "bench", source / "bench")
    (source / "lambdas/product.py").write_text(PRODUCT)
    (source / "tests/test_product.py").write_text(TESTS)
    with Copy(source, tmp_path / "copy") as made:
        yield made


def mutant(operator: str, change: str) -> Mutant:
    (found,) = [
        one
        for one in mutants_of("lambdas/product.py", PRODUCT.encode())
        if (one.operator, one.change) == (operator, change)
    ]
    return found


LOW = "tests/test_product.py::test_low"
NOT_LOW = "tests/test_product.py::test_not_low_in_a_process_of_its_own"
COUNT = "tests/test_product.py::test_count"


def test_a_mutant_is_judged_by_the_chosen_tests_here_and_in_processes_that_they_start(copy: Copy) -> None:
    never_low = mutant("return", "return number < LIMIT -> return None")
    assert copy.run([LOW, NOT_LOW, COUNT], 60)["code"] == 0
    assert copy.judge(never_low, [NOT_LOW, LOW], 60)["failed"] == LOW
    assert copy.judge(never_low, [NOT_LOW], 60)["code"] == 0
    higher = mutant("constant", "3 -> 4")
    assert copy.judge(higher, [LOW, NOT_LOW], 60)["code"] == 0, "no test is at the boundary"
    boundary = mutant("comparison", "number < LIMIT -> number <= LIMIT")
    assert copy.judge(boundary, [LOW, NOT_LOW], 60)["code"] == 0
    assert copy.run([LOW, NOT_LOW, COUNT], 60)["code"] == 0, "the file is as it was"


def test_a_mutant_that_does_not_end_is_detected(copy: Copy) -> None:
    assert copy.judge(mutant("drop", "numbers.pop() -> pass"), [COUNT], 5)["code"] is None
    assert copy.run([LOW, NOT_LOW, COUNT], 60)["code"] == 0


def test_the_tests_of_a_constant_are_those_of_the_lines_that_mention_it(tmp_path: Path) -> None:
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas/product.py").write_text(PRODUCT)
    lines = {6: {LOW, NOT_LOW}, 10: {COUNT}, 11: {COUNT}, 12: {COUNT}}
    selection = Selection(
        tmp_path, seconds={LOW: 2.0, NOT_LOW: 1.0, COUNT: 0.5}, runs={"lambdas/product.py": lines}
    )
    assert selection.tests_for(mutant("constant", "3 -> 4")) == [NOT_LOW, LOW]
    assert selection.tests_for(mutant("drop", "numbers.pop() -> pass")) == [COUNT]
