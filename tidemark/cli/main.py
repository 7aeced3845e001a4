"""The commands, composed; and what becomes of everything that goes wrong in them."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.exceptions import Abort, Exit, TyperException

from tidemark import __version__
from tidemark.aws.errors import translated
from tidemark.cli import (
    demo,
    diff,
    history,
    index_build,
    index_list,
    index_show,
    index_verify,
    local,
    ls,
    recovery_points,
    run,
    search,
    session,
    sessions,
    terminal,
    usage,
)
from tidemark.cli.codes import DEFECT, INTERRUPTED, PIPE_CLOSED, USAGE
from tidemark.cli.command import Command
from tidemark.errors import TidemarkError

app = typer.Typer(
    name="tidemark",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    help="Backups of Amazon EFS that know what is in them.",
    epilog=(
        "Commands reach the deployment named by TIDEMARK_DEPLOYMENT (default: tidemark), in the Region and "
        "with the credentials that the AWS SDK finds in its environment."
    ),
)
local_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="AWS on this machine, with Tidemark deployed in it."
)
index_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Indexes: build one, check one, see what there is."
)


def _add(to: typer.Typer, function: Callable[..., None], help_text: str, name: str) -> None:
    to.command(name, cls=Command, help=help_text)(function)


_add(app, demo.demo, demo.HELP, "demo")
_add(local_app, local.up, local.HELP, "up")
app.add_typer(local_app, name="local")
_add(app, run.run, run.HELP, "run")
_add(app, sessions.sessions, sessions.HELP, "sessions")
_add(app, session.session, session.HELP, "session")
_add(app, recovery_points.recovery_points, recovery_points.HELP, "recovery-points")
_add(index_app, index_build.build, index_build.HELP, "build")
_add(index_app, index_list.list_, index_list.HELP, "list")
_add(index_app, index_show.show, index_show.HELP, "show")
_add(index_app, index_verify.verify, index_verify.HELP, "verify")
app.add_typer(index_app, name="index")
_add(app, search.search, search.HELP, "search")
_add(app, ls.ls, ls.HELP, "ls")
_add(app, history.history, history.HELP, "history")
_add(app, diff.diff, diff.HELP, "diff")
_add(app, usage.usage, usage.HELP, "usage")


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"tidemark {__version__}\n")
        raise Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Hold the options of the program itself."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: the entry point of `tidemark`."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a terminal without UTF-8 gets escapes, not an error
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # so that a local cloud is ended, not orphaned
    code = call(list(sys.argv[1:] if arguments is None else arguments))
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _forget_pipe()
    sys.exit(code)


def call(arguments: list[str]) -> int:
    """Run one command; return its exit code, having told the user what went wrong, if anything did."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("tidemark", arguments) as context, translated():
            command.invoke(context)
    except Exit as end:
        return end.exit_code
    except TidemarkError as error:
        _complain(str(error))
        return error.exit_code
    except TyperException as error:
        return _usage(error)
    except BrokenPipeError:
        return _forget_pipe()
    except (KeyboardInterrupt, Abort):
        _complain("stopped")
        return INTERRUPTED
    except Exception as error:  # the user gets a sentence and a file, never a traceback
        return _defect(error)
    return 0


def _complain(message: str) -> None:
    text = Text.assemble(("tidemark: ", terminal.BAD), terminal.printable_lines(message))
    terminal.console(stderr=True).print(text)


def _usage(error: TyperException) -> int:
    context: Any = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        sys.stdout.write(context.get_help() + "\n")
        return USAGE
    _complain(error.format_message())
    if context is not None:
        terminal.console(stderr=True).print(f"try: {context.command_path} --help")
    return error.exit_code


def _forget_pipe() -> int:
    # What is still buffered has no reader; without this, the interpreter complains at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED


def _defect(error: Exception) -> int:
    with tempfile.NamedTemporaryFile(
        "w", prefix="tidemark-error-", suffix=".txt", delete=False, errors="backslashreplace"
    ) as file:
        file.write(f"tidemark {__version__}, Python {sys.version}\n")
        file.writelines(traceback.format_exception(error))
    said = str(error) or type(error).__name__
    _complain(f"{said} (unexpected; report it with {file.name}, which says where it happened)")
    return DEFECT


if __name__ == "__main__":
    main()
