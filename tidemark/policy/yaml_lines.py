"""Reads YAML with line numbers, and reports problems by line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tidemark.errors import ConfigurationError

DEEPEST = 20  # levels; the file needs 6, and an alias to its own parent would never end

KeyPath = tuple[str | int, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One problem to fix."""

    line: int  # from 1
    where: str  # policies.nightly.keep; empty for the whole file
    message: str  # ends with the fix


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """The values of a YAML file and the line of each."""

    path: Path
    values: Any
    _lines: Mapping[KeyPath, int]

    def problem(self, where: KeyPath, message: str) -> Problem:
        """Return a problem at the line of `where`, or of the nearest parent that has one."""
        known = where
        while known and known not in self._lines:
            known = known[:-1]
        return Problem(line=self._lines.get(known, 1), where=_dotted(where), message=message)


def read(path: Path) -> Document:
    """Return the file's values as plain dicts, lists and scalars.

    Raises ConfigurationError if the file does not exist or is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path} does not exist; create it (the tidemark.yaml in the sources is a commented example), "
            f"or name another with TIDEMARK_CONFIG or -c config=FILE"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except OSError as error:
        raise ConfigurationError(
            f"cannot read {path}: {error.strerror}; name another with -c config=FILE"
        ) from error
    try:
        loaded = YAML(typ="rt").load(StringIO(text))
    except MarkedYAMLError as error:
        raise failure(path, [_syntax_problem(error)]) from error
    # ruamel.yaml lets built-in errors escape: IndexError for `+_`, which looks like a number but is not one.
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        fact = " ".join(str(error).split())
        raise failure(
            path, [Problem(line=1, where="", message=f"this is not YAML: {fact}; fix that")]
        ) from error
    lines: dict[KeyPath, int] = {}
    return Document(path, _plain(path, loaded, (), lines), lines)


def failure(path: Path, problems: Sequence[Problem]) -> ConfigurationError:
    """Return an error that reports all `problems`, by line."""
    texts = [
        f"{path}:{problem.line}: {problem.where + ': ' if problem.where else ''}{problem.message}"
        for problem in sorted(set(problems))
    ]
    if len(texts) == 1:
        return ConfigurationError(texts[0])
    return ConfigurationError(
        f"{path} has {len(texts)} problems:\n" + "\n".join(f"  {text}" for text in texts)
    )


def _syntax_problem(error: MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    fact = " ".join(str(error.problem or error.context).split())
    way_out = "check indentation and quotes (a value that begins with * & ! % @ ` { [ needs them)"
    if "duplicate key" in fact:
        fact, way_out = fact.partition(" with value")[0], "write it once"
    return Problem(
        line=mark.line + 1 if mark else 1, where="", message=f"this is not YAML: {fact}; {way_out}"
    )


def _plain(path: Path, value: Any, where: KeyPath, lines: dict[KeyPath, int]) -> Any:
    """Return `value` without ruamel's types, and add the line of each key below it to `lines`."""
    if len(where) > DEEPEST:
        raise failure(
            path, [Problem(line=1, where="", message="nested too deep; remove the alias to its own parent")]
        )
    if isinstance(value, dict):
        plain: dict[Any, Any] = {}
        for key, child in value.items():
            below = (*where, key if isinstance(key, str | int) else str(key))
            _note_line(lines, below, value, key)
            plain[below[-1]] = _plain(path, child, below, lines)
        return plain
    if isinstance(value, list):
        for number in range(len(value)):
            _note_line(lines, (*where, number), value, number)
        return [_plain(path, child, (*where, number), lines) for number, child in enumerate(value)]
    if isinstance(value, str):
        return str(value)
    return value


def _note_line(lines: dict[KeyPath, int], where: KeyPath, parent: Any, key: Any) -> None:
    """Add the line of `key`; ruamel has none for a key from a merge (`<<`)."""
    positions = parent.lc.data if isinstance(parent, CommentedMap | CommentedSeq) else None
    if positions and key in positions:
        lines[where] = positions[key][0] + 1


def _dotted(where: KeyPath) -> str:
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
