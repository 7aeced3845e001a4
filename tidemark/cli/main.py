"""Compose the commands; turn errors into messages and exit codes."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.exceptions import Abort, Exit, TyperException

from tidemark import __version__
from tidemark.aws.errors import translated
from tidemark.cli.output import encoding, terminal
from tidemark.cli.support.exit_codes import DEFECT, INTERRUPTED, NOT_WRITTEN, PIPE_CLOSED, USAGE
from tidemark.cli.support.help_layout import Command
from tidemark.errors import TidemarkError

# Each command and its function, in the order of the help; its HELP is in the same module.
_COMMANDS = {
    "demo": "demo.demo",
    "run": "run.run",
    "sessions": "sessions.sessions",
    "session": "session.session",
    "protection": "protection.protection",
    "check": "check.check",
    "estimate": "estimate.estimate",
    "recovery-points": "recovery_points.recovery_points",
    "remove": "remove.remove",
    "prune": "prune.prune",
    "restore": "restore.restore",
    "drill": "drill.drill",
    "restores": "restores.restores",
    "restore-session": "restore_session.restore_session",
    "browse": "browse.browse",
    "search": "search.search",
    "ls": "ls.ls",
    "history": "history.history",
    "diff": "diff.diff",
    "usage": "usage.usage",
    "access-points": "access_points.access_points",
}
_POLICY_COMMANDS = {
    "list": "policy_list.list_",
    "show": "policy_show.show",
    "next": "policy_next.next_",
    "run": "run.run",
    "pause": "policy_pause.pause",
    "resume": "policy_resume.resume",
    "export": "policy_export.export",
    "import": "policy_import.import_",
}
_LOCAL_COMMANDS = {"up": "local_up.up"}
_INDEX_COMMANDS = {
    "build": "index_build.build",
    "list": "index_list.list_",
    "show": "index_show.show",
    "verify": "index_verify.verify",
}
_DAMAGE_COMMANDS = {"show": "damage_show.show", "release": "damage_release.release_"}
_TAG_KEY_COMMANDS = {"rotate": "tag_key_rotate.rotate"}

app = typer.Typer(
    name="tidemark",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    help="Back up and index Amazon EFS file systems.",
    epilog=(
        "Commands use the deployment named by TIDEMARK_DEPLOYMENT (default: tidemark), in the Region and "
        "with the credentials that the AWS SDK is configured for."
    ),
)
for _name, _help in (
    ("policy", "Show, run, pause, export and import policies."),
    ("local", "Run AWS on this machine, with Tidemark deployed in it."),
    ("index", "Build, list, show and verify indexes."),
    ("damage", "Show suspicious changes, and release alarms."),
    ("tag-key", "Manage the data keys of recovery point tags."),
):
    app.add_typer(typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_help), name=_name)


class _Commands(Mapping[str, Any]):
    """A group's commands by name, each imported on first lookup.

    A search of a local repository must not import the AWS SDK: importing it takes longer than searching.
    """

    def __init__(self, functions: dict[str, str], groups: dict[str, Any]) -> None:
        self._functions, self._built = functions, dict(groups)

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            module_name, _, function = self._functions[name].partition(".")
            module = importlib.import_module(f"tidemark.cli.commands.{module_name}")
            alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
            alone.command(name, cls=Command, help=module.HELP)(getattr(module, function))
            self._built[name] = typer.main.get_command(alone)
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._functions, **self._built})

    def __len__(self) -> int:
        return len({**self._functions, **self._built})


def command() -> Any:
    """Return the whole command line, as typer runs it."""
    top: Any = typer.main.get_command(app)
    groups = {
        "policy": _POLICY_COMMANDS,
        "damage": _DAMAGE_COMMANDS,
        "local": _LOCAL_COMMANDS,
        "index": _INDEX_COMMANDS,
        "tag-key": _TAG_KEY_COMMANDS,
    }
    for name, functions in groups.items():
        top.commands[name].commands = _Commands(functions, {})
    top.commands = _Commands(_COMMANDS, top.commands)
    return top


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
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the calling process
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - it stays open to the end
    encoding.register()
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=encoding.ERRORS)  # escape what cannot be encoded
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # stop a local cloud, do not orphan it
    code = call(list(sys.argv[1:] if arguments is None else arguments))
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _forget_pipe()
    except OSError as error:
        code = _unwritten(error)
    sys.exit(code)


def call(arguments: list[str]) -> int:
    """Run one command and return its exit code. Prints a message if the command fails."""
    whole = command()
    try:
        with whole.make_context("tidemark", arguments) as context, translated():
            whole.invoke(context)
    except Exit as end:
        return end.exit_code
    except TidemarkError as error:
        _complain("\n".join([str(error), *getattr(error, "__notes__", ())]))
        return error.exit_code
    except TyperException as error:
        return _usage(error)
    except BrokenPipeError:
        return _forget_pipe()
    except (KeyboardInterrupt, Abort):
        _complain("stopped")
        return INTERRUPTED
    except OSError as error:
        return _unwritten(error) if error.errno == errno.ENOSPC else _defect(error)
    except Exception as error:  # print a message and a file name, never a traceback
        return _defect(error)
    return 0


def _complain(message: str) -> None:
    text = Text.assemble(("tidemark: ", terminal.BAD), terminal.printable_lines(message))
    # Not wrapped, because users copy commands from messages.
    terminal.console(stderr=True).print(text, soft_wrap=True)


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
    _forget_output()
    return PIPE_CLOSED


def _unwritten(error: OSError) -> int:
    _complain(f"cannot write the complete output: {error.strerror}; free some space, or write elsewhere")
    try:
        sys.stdout.flush()
    except OSError:
        _forget_output()
    return NOT_WRITTEN


def _forget_output() -> None:
    # Discards what is still buffered; otherwise the interpreter reports an error when it exits.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _defect(error: Exception) -> int:
    with tempfile.NamedTemporaryFile(
        "w", prefix="tidemark-error-", suffix=".txt", delete=False, errors="backslashreplace"
    ) as file:
        file.write(f"tidemark {__version__}, Python {sys.version}\n")
        file.writelines(traceback.format_exception(error))
    message = str(error) or type(error).__name__
    _complain(f"{message} (unexpected; report it with {file.name}, which contains the traceback)")
    return DEFECT


if __name__ == "__main__":
    main()
