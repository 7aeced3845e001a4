"""docs/cli.md matches the help of the commands."""

from __future__ import annotations

import re
from pathlib import Path

from tidemark.cli import reference


def test_the_reference_matches_the_help_of_the_commands():
    written = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    assert written == reference.reference(), "generate it again with: make docs"


def test_every_command_and_option_has_a_help_text():
    for path, command in reference.commands():
        assert command.help, path
        for parameter in command.params:
            assert getattr(parameter, "help", None), (path, parameter.name)


def test_every_command_is_in_the_reference():
    text = reference.reference()
    paths = [" ".join(path) for path, _ in reference.commands()]
    assert len(paths) == 37
    for path in paths:
        assert f"## {path}\n" in text


def test_every_reading_command_prints_json():
    for path, command in reference.commands():
        if path[1] != "local":
            assert "--json" in [option for each in command.params for option in each.opts], path


def test_help_fits_80_columns():
    for block in reference.reference().split("```text\n")[1:]:
        for line in block.split("```")[0].splitlines():
            assert len(line) <= 80, line


def test_every_command_that_a_message_names_exists():
    known = {path[1] for path, _ in reference.commands()}
    sources = "".join(file.read_text() for file in (Path(__file__).parents[2] / "tidemark").rglob("*.py"))
    named = set(re.findall(r": tidemark ([a-z-]+)", sources))
    assert named
    assert named <= known
