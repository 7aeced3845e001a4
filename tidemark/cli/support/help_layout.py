"""The layout of a command's help: as in Unix manuals, without types and braces."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand

from tidemark.answers.requests import InvalidRequest

# Typer's notation of the range of a number, "; x>=0" or "; 0<=x<=65535". Error messages show it.
_RANGE = re.compile(r"; [0-9.<=]*x[0-9.<>=]*(?=[;\]])|  \[[0-9.<=]*x[0-9.<>=]*\]$")


class Command(TyperCommand):
    """A command whose usage line shows only the names of arguments: `tidemark run [OPTIONS] POLICY`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words after the command's name in its usage line."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]

    def invoke(self, ctx: Any) -> Any:
        """Run the command; report a malformed value as wrong usage."""
        try:
            return super().invoke(ctx)
        except InvalidRequest as error:
            raise typer.BadParameter(str(error), ctx=ctx, param_hint=error.option) from error

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options."""
        parameters = self.get_params(ctx)
        arguments = [
            (each.human_readable_name, each.help or "")
            for each in parameters
            if isinstance(each, TyperArgument)
        ]
        options = [
            (record[0], _RANGE.sub("", record[1]))
            for each in parameters
            if not isinstance(each, TyperArgument) and (record := each.get_help_record(ctx))
        ]
        for heading, rows in (("Arguments", arguments), ("Options", options)):
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
