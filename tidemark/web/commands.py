"""The `tidemark` command that prints what a page shows."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from tidemark.answers.text import visible


def command_line(name: str, *arguments: str, repository_url: str | None, options: Iterable[str] = ()) -> str:
    """Return a command for a shell, which quotes what needs quotes. Names are as `visible` shows them."""
    words = ["tidemark", *name.split(" "), *(_safe(each) for each in arguments), *options]
    if repository_url is not None:
        words += ["--repository", repository_url]
    return " ".join(shlex.quote(visible(word)) for word in words)


def option(name: str, value: str | None) -> list[str]:
    """Return the words of an option; none without a value."""
    if not value:
        return []
    # A value that begins with a dash would be read as an option.
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


def _safe(argument: str) -> str:
    # An argument that begins with a dash would be read as an option. In a pattern, this is the same byte.
    return rf"\x2d{argument[1:]}" if argument.startswith("-") else argument
