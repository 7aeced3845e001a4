"""Words that the project's English avoids, with their replacements (CONTRIBUTING.md, Language).

The list holds phrases that are wrong in nearly every sentence, so that it needs no exceptions.
It does not check grammar.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tidemark.cli import reference

ROOT = Path(__file__).resolve().parents[1]

# Add an area when its prose has been revised. `test_the_area_has_text` fails for an area that is renamed.
AREAS = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "tidemark.yaml",
    "docs",
    "help",
    "tidemark",
    "lambdas",
    "infra",
    "worker_image",
    "localcloud",
    "bench",
    "tests/answers",
    "tests/aws",
    "tests/bench",
    "tests/cli",
    "tests/crawl",
    "tests/damage",
    "tests/index",
    "tests/lambdas",
    "tests/policy",
    "tests/sessions",
    "tests/e2e",
    "tests/infra",
    "tests/localcloud",
    "tests/restore",
    "tests/tags",
    "tests/web",
    "tests/worker_image",
    "tests/workflows",
)

# Pattern -> what to write instead. Case does not matter; a space matches any white space, also a line break.
REPLACEMENTS = {
    r"anew": "again, or name the new thing",
    r"for ever": "forever",
    r"so many": "N, or the number",
    r"so often": "repeatedly, or the number of times",
    r"again and again": "repeatedly",
    r"mend(s|ed|ing)?": "fix",
    r"whoever|whosoever": "name the actor",
    r"nobody|somebody": "name the actor",
    r"beside": "alongside, next to, or in addition to",
    r"pass(es|ed|ing)? over (an?|the|it|them|what|which)|passed over": "skip",
    r"written down": "recorded",
    r"(goes|go|went|going) on": "continue",
    r"(tells?|told) (of|about|by|how|that|what|which|where|why|whether|it|them|its)": "report, record",
    r"(is|are|was|were|be|been) told": "is given, or is reported",
    r"(is|are|was|were) said to be": "is shown as, or is",
    r"sa(y|ys|id) so": "report, or quote the message",
    r"know(s|n)? (nothing|how|of)": "does not depend on, contains, records",
    r"as (it|they) (stands?|is|are|was|were)(?=[.,;:)])": "unchanged, or delete it",
    r"way out": "fix, next step, or route to the internet",
    r"of (its|their|your) own accord": "delete it",
    r"(?-i:Of) (these|those|them|an|a|the)": "put the subject first",
}
_FLAGS = re.IGNORECASE | re.MULTILINE
_PATTERNS = tuple(
    (re.compile(rf"\b(?:{pattern})(?!\w)".replace(" ", r"\s+"), _FLAGS), instead)
    for pattern, instead in REPLACEMENTS.items()
)
_TEXT_FILES = {".yaml", ".json", ".in", ".c", ".js", ".mjs"}
_CODE_SPAN = re.compile(r"(?<!`)`[^`\n]+`(?!`)")  # names of the code, and examples of what not to write


class Text(NamedTuple):
    """A text for people, the file that contains it, and the line where it starts."""

    place: str
    line: int
    text: str


def findings(text: Text) -> list[str]:
    """Return a message for each avoided phrase: file, line, phrase, replacement."""
    return [
        f"{text.place}:{text.line + text.text.count(chr(10), 0, match.start())}: "
        f"{' '.join(match[0].split())!r}; write instead: {instead}"
        for pattern, instead in _PATTERNS
        for match in pattern.finditer(text.text)
    ]


def texts_of(area: str) -> Iterator[Text]:
    """Yield the texts of a file, of all files below a directory, or of the commands ("help")."""
    if area == "help":
        for path, command in reference.commands():
            for parameter in command.params:
                yield Text(" ".join(path), 1, getattr(parameter, "help", None) or "")
            yield Text(" ".join(path), 1, command.help or "")
        return
    path = ROOT / area
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        place = str(file.relative_to(ROOT))
        if "__pycache__" in place:
            continue
        if file.suffix == ".py":
            # Other strings of tests are input and expected output, which may be any text.
            read = names_and_docstrings if place.startswith("tests/") else strings
            yield from read(place, file.read_text())
            yield from comments(place, file.read_text())
        elif file.suffix == ".md":
            yield Text(place, 1, _CODE_SPAN.sub("", file.read_text()))
        elif file.suffix in _TEXT_FILES or file.name in {"Dockerfile", "Makefile"}:
            yield Text(place, 1, file.read_text())


def names_and_docstrings(place: str, source: str) -> Iterator[Text]:
    """Yield the docstrings of a module, and the names of its functions and classes as sentences."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield Text(place, node.lineno, node.name.strip("_").replace("_", " "))
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node):
            yield Text(place, node.body[0].lineno, ast.get_docstring(node, clean=False) or "")


def strings(place: str, source: str) -> Iterator[Text]:
    """Yield docstrings and other string literals, f-strings without their values."""
    inside: set[int] = set()  # the constants of f-strings, which are read with them
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            inside.update(id(part) for part in node.values)
            literals = [part.value if isinstance(part, ast.Constant) else "..." for part in node.values]
            yield Text(place, node.lineno, "".join(map(str, literals)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield Text(place, node.lineno, node.value)


def comments(place: str, source: str) -> Iterator[Text]:
    """Yield blocks of comments."""
    start, lines = 0, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if lines and token.start[0] != start + len(lines):
            yield Text(place, start, "\n".join(lines))
            lines = []
        if not lines:
            start = token.start[0]
        lines.append(token.string.lstrip("#"))
    if lines:
        yield Text(place, start, "\n".join(lines))


@pytest.mark.parametrize("area", AREAS)
def test_the_area_uses_no_avoided_phrase(area):
    found = [message for text in texts_of(area) for message in findings(text)]
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize("area", AREAS)
def test_the_area_has_text(area):
    assert any(text.text for text in texts_of(area))


@pytest.mark.parametrize(
    ("sentence", "phrase"),
    [
        ("It is made anew.", "anew"),
        ("It waits\nfor  ever.", "for ever"),
        ("Whoever reads it", "Whoever"),
        ("An end. Of these two, one stays.", "Of these"),
        ("the reason is told", "is told"),
    ],
)
def test_an_avoided_phrase_is_found_in_any_case_and_across_lines(sentence, phrase):
    (message, *_) = findings(Text("page.md", 7, sentence))
    assert message.startswith("page.md:")
    assert repr(phrase) in message


@pytest.mark.parametrize(
    "sentence", ["amended", "besides", "It renews", "none of these", "ongoing", "The newest"]
)
def test_a_similar_word_is_not_found(sentence):
    assert findings(Text("page.md", 1, sentence)) == []


def test_strings_and_comments_of_a_module_are_read_with_their_lines():
    source = (
        '"""A docstring."""\nx = f"one {1} two"\n# a comment of\n# two lines\n\ny = ("a" "b")  # another\n'
    )
    assert set(strings("m.py", source)) == {
        Text("m.py", 1, "A docstring."),
        Text("m.py", 2, "one ... two"),
        Text("m.py", 6, "ab"),
    }
    assert set(comments("m.py", source)) == {
        Text("m.py", 3, " a comment of\n two lines"),
        Text("m.py", 6, " another"),
    }


def test_names_and_docstrings_of_tests_are_read_without_other_strings():
    source = '"""A docstring."""\n\n\ndef test_a_name():\n    """Another."""\n    assert "input"\n'
    assert set(names_and_docstrings("m.py", source)) == {
        Text("m.py", 1, "A docstring."),
        Text("m.py", 4, "test a name"),
        Text("m.py", 5, "Another."),
    }
