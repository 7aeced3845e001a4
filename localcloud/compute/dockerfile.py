"""Reads from a Dockerfile what a container of the image runs.

Supports the subset that images of Python programs need: FROM with stages, ENV, WORKDIR, ENTRYPOINT, CMD. RUN
and COPY are ignored: the build context and this machine's Python replace the image's file system.
Source: the Dockerfile reference.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

VARIABLE = re.compile(r"\\\$|\$(?:\{(?P<braced>\w+)(?::-(?P<default>[^}]*))?\}|(?P<plain>\w+))")


class NoSuchImage(Exception):
    """The image cannot be run; the message gives the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """An image's configuration."""

    environment: dict[str, str] = field(default_factory=dict)
    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_directory: str = "/"


def find_dockerfile(context: Path) -> Path:
    """Return the Dockerfile of a build context: the top one, else the only one; raises NoSuchImage."""
    top = context / "Dockerfile"
    if top.is_file():
        return top
    found = sorted(context.rglob("Dockerfile"))
    if len(found) != 1:
        raise NoSuchImage(
            f"{context} has {len(found)} Dockerfiles; the local cloud needs one, or one at the top"
        )
    return found[0]


def read_dockerfile(text: str) -> ImageConfig:
    """Return the configuration of the last stage, including inherited settings."""
    stages: dict[str, ImageConfig] = {}
    name, config = "", ImageConfig()
    for instruction, arguments in _instructions(text):
        match instruction:
            case "FROM":
                stages[name] = config
                words = [word for word in arguments.split() if not word.startswith("--")]
                config = stages.get(words[0].lower(), ImageConfig())
                name = words[2].lower() if len(words) > 2 else str(len(stages))  # FROM x AS y
            case "ENV":
                config = replace(config, environment={**config.environment, **_variables(arguments, config)})
            case "WORKDIR":
                directory = _expand(arguments, config.environment)
                whole = directory if directory.startswith("/") else f"{config.working_directory}/{directory}"
                config = replace(config, working_directory=whole.replace("//", "/"))
            case "ENTRYPOINT":
                # A new entry point drops the command of the base stage.
                config = replace(config, entry_point=_words(arguments), command=())
            case "CMD":
                config = replace(config, command=_words(arguments))
            case _:
                pass
    return config


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    pending = ""
    for line in lines:
        if line.rstrip().endswith("\\"):
            pending += line.rstrip()[:-1] + " "
            continue
        instruction, _, arguments = (pending + line).strip().partition(" ")
        pending = ""
        if instruction:
            yield instruction.upper(), arguments.strip()


def _words(arguments: str) -> tuple[str, ...]:
    """Return the words of the exec form; for the shell form, a shell command line."""
    if arguments.startswith("["):
        return tuple(str(word) for word in json.loads(arguments))
    return ("/bin/sh", "-c", arguments)


def _variables(arguments: str, config: ImageConfig) -> dict[str, str]:
    first = arguments.split(maxsplit=1)[0]
    if "=" not in first:  # ENV NAME the whole rest
        return {first: _expand(arguments[len(first) :].strip(), config.environment)}
    escaped = arguments.replace("\\$", "\\\\$")  # kept for `_expand`, which handles it
    pairs = (word.partition("=") for word in shlex.split(escaped))
    return {name: _expand(value, config.environment) for name, _, value in pairs}


def _expand(text: str, environment: dict[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[0] == "\\$":
            return "$"
        return environment.get(found["braced"] or found["plain"]) or found["default"] or ""

    return VARIABLE.sub(value, text)
