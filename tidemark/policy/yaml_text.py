"""Writes values as YAML for people: blocks above, short values in one line.

The command line is installed without a YAML library. Texts that YAML could read as anything else are in
quotes, with JSON's escapes. Source: YAML 1.2.2, "5.7. Escaped Characters", "7.3.1. Double-Quoted Style" and
"10.3. Core Schema".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_WIDEST = 100  # characters of a mapping or a list in one line
# Letters, digits and what YAML gives no meaning within a text, neither at its start nor at its end.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*|[0-9]+ [A-Za-z]+")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # also those of YAML 1.1


def yaml_text(value: dict[str, Any]) -> str:
    """Return a mapping as YAML; its values are text, numbers, switches, lists and mappings."""
    return "".join(f"{line}\n" for line in _block(value, ""))


def _block(value: dict[str, Any], indent: str) -> Iterator[str]:
    for key, child in value.items():
        name = f"{indent}{_key(key)}:"
        short = f"{name} {_flow(child)}"
        if isinstance(child, dict) and child and (not indent or len(short) > _WIDEST or _nests(child)):
            yield name
            yield from _block(child, indent + "  ")
        elif isinstance(child, list) and child and (len(short) > _WIDEST or _nests(child)):
            yield name
            for item in child:
                yield f"{indent}  - {_flow(item)}"
        else:
            yield short


def _nests(value: Any) -> bool:
    """Return whether a value has mappings or lists of mappings below, which blocks show better."""
    children = value.values() if isinstance(value, dict) else value
    return any(isinstance(child, dict) and child for child in children)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)}: {_flow(child)}" for key, child in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(value)


def _key(key: str) -> str:
    return key if key == "on" else _scalar(key)  # a switch in YAML 1.1 only, and a key of tidemark.yaml


def _scalar(value: Any) -> str:
    plain = isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    if plain:
        return str(value)
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    """Return a text in quotes, in ASCII. JSON's pairs of surrogates are two characters in YAML."""
    characters = (f"\\U{ord(each):08x}" if ord(each) > 0xFFFF else json.dumps(each)[1:-1] for each in text)
    return f'"{"".join(characters)}"'
