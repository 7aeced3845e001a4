"""Output to terminals, with rich, and to programs, as JSON.

File names and all other input from outside are data. Characters in them that could move the cursor, change
colours or reorder text, and characters that the output's encoding cannot represent, are shown as `\\xNN`, one
for each byte, as the index shows bytes that are not text. A path shown like this can be typed back into a
command unchanged.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console, RenderableType
from rich.status import Status
from rich.text import Text

from tidemark.answers.text import (
    clock,
    count,
    duration,
    json_time,
    kept,
    minute,
    moment,
    size,
    typed,
    visible,
)
from tidemark.aws.clock import utc_now
from tidemark.cli.output.encoding import limits, shows, sign

# The commands use these texts as a part of the output.
__all__ = ["clock", "count", "duration", "json_time", "kept", "minute", "moment", "size", "typed"]

GOOD, BAD, CAREFUL, QUIET, STRONG = "green", "red", "yellow", "dim", "bold"


class _Console(Console):
    """A console that interprets no markup, and leaves a broken pipe to `main`."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError

    def print(self, *objects: Any, **options: Any) -> None:
        """Print without wrapping text, so that columns, ids and commands to copy stay intact."""
        if all(isinstance(each, str | Text) for each in objects):
            options.setdefault("soft_wrap", True)
        super().print(*objects, **options)

    def status(self, status: RenderableType, **options: Any) -> Status:
        """Return a status with a spinner that the output can show."""
        return super().status(status, **{"spinner": spinner(), **options})


def console(*, stderr: bool = False) -> Console:
    """Return a console for people; pipes and files get unwrapped lines."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 10_000
    return _Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def line_printer() -> Callable[[Text], None]:
    """Return a function that prints lines to standard output; for pipes it bypasses rich, 10x faster."""
    out = console()
    if out.is_terminal:
        return lambda line: out.print(line, soft_wrap=True)
    return lambda line: print(line.plain)  # noqa: T201 - the only use of print


def printable(text: str) -> str:
    """Return the text with characters that a terminal may interpret, hide or not show as `\\xNN` bytes."""
    if text.isascii() and text.isprintable():
        return text
    encodings = limits()
    return visible(text, lambda character: shows(character, encodings))


def printable_lines(text: str) -> str:
    """Return a message of ours as `printable` does, and keep its line ends."""
    return "\n".join(printable(line) for line in text.split("\n"))


def quoted(text: str) -> str:
    """Return text from the user in quotes, as `printable` shows it."""
    return f"'{printable(text)}'"


def done() -> str:
    """Return the sign for a completed step."""
    return sign("✓", "+")


def spinner() -> str:
    """Return the name of a rich spinner that the output can show."""
    return "dots" if shows("⠋", limits()) else "line"


def print_json(value: object) -> None:
    """Print one JSON document in ASCII, so that it is safe on a terminal, too."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def working(to: Console) -> Callable[[str], AbstractContextManager[object]]:
    """Return a context manager factory that shows a status, and prints its duration at the end."""

    @contextmanager
    def say(what: str) -> Iterator[None]:
        begun = utc_now()
        with to.status(Text(what)):
            yield
        took = duration(utc_now() - begun)
        to.print(Text.assemble((f"{done()} ", GOOD), f"{what:<48}", (f"{took:>6}", QUIET)))

    return say


def print_facts(to: Console, facts: Mapping[str, str | Text | None]) -> None:
    """Print names and values, one per line, aligned. Values of None are omitted."""
    width = max((len(name) for name, value in facts.items() if value is not None), default=0)
    for name, value in facts.items():
        if value is not None:
            line = Text.assemble((f"{name:<{width}}", QUIET), "  ", value)
            to.print(line, soft_wrap=True)


def program() -> str:
    """Return the command that runs this program: `tidemark`, or its path if it is not on PATH."""
    here = Path(sys.argv[0])
    if shutil.which("tidemark") or here.name != "tidemark":
        return "tidemark"
    with contextlib.suppress(ValueError):
        return str(here.absolute().relative_to(Path.cwd()))
    return str(here.absolute())


def commands(*lines: tuple[str, str]) -> Text:
    """Return commands, one per line, each with its meaning in a second column."""
    width = max(len(command) for command, _ in lines)
    text = Text()
    for number, (command, meaning) in enumerate(lines):
        if number:
            text.append("\n")
        text.append("  ")
        text.append(command, style="cyan")
        if meaning:
            text.append(" " * (width - len(command) + 2) + meaning, style=QUIET)
    return text
