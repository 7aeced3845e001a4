"""tidemark local up"""

from __future__ import annotations

import contextlib
import shlex
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from tidemark.cli.output import terminal
from tidemark.cli.support.extras import require_local_cloud
from tidemark.cli.support.local_deployment import (
    COPY_REGION,
    REGION,
    LocalDeployment,
    deploy_locally,
    translated_cloud_errors,
)
from tidemark.errors import ConfigurationError

if TYPE_CHECKING:
    from localcloud.client.profile import Profile

HELP = """Run AWS on this machine, with Tidemark deployed in it, until Ctrl-C.

For each NAME, creates an EFS file system with the contents of DIR, and a policy that backs it up, copies it
to another Region and indexes it. The local cloud listens on loopback only, and also serves the AWS CLI and
SDKs. It writes nothing into the directories, unless --writable is given. Backups are real copies: they take
twice the space of DIR. With names such as production/eu-west-1/home, creates these accounts as an
organization, and file systems in them; their policies copy to the deployment's account.

The local cloud answers only requests that are signed with the access key of this run. The key and the
endpoint are in the profile "tidemark-local", below ~/.tidemark/local-PORT, in files that only you can read.
They are removed at the end.
"""
PROFILE = "tidemark-local"


def up(
    file_system: Annotated[
        list[str],
        typer.Option(
            "--file-system",
            metavar="[[ACCOUNT/]REGION/]NAME=DIR",
            help="A file system and its contents; repeatable.",
        ),
    ],
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="DIR", help="Keep repository and vaults here for the next run."),
    ] = None,
    port: Annotated[
        int,
        typer.Option("--port", metavar="N", min=0, max=65535, help="Port to listen on; 0 for any free one."),
    ] = 4566,
    writable: Annotated[
        bool,
        typer.Option("--writable", help="Let restores write into the directories, not into copies of them."),
    ] = False,
    time_scale: Annotated[
        float,
        typer.Option(
            "--time-scale",
            metavar="X",
            min=0.0001,
            max=1,
            help="Real seconds for each second of AWS's waits.",
        ),
    ] = 0.01,
) -> None:
    """See HELP."""
    require_local_cloud("local up")
    directories = _directories(file_system)
    err = terminal.console(stderr=True)
    with deploy_locally(
        directories,
        time_scale=time_scale,
        port=port,
        state=None if state is None else state.absolute(),
        writable=writable,
        say=terminal.working(err),
    ) as bench:
        with _profile(bench) as profile:
            _print_ready(terminal.console(), bench, profile)
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
        err.print()


@contextlib.contextmanager
def _profile(bench: LocalDeployment) -> Iterator[Profile]:
    """Write the profile with which other programs reach the cloud; raise LocalCloudError."""
    from localcloud.client.profile import profile

    port = bench.cloud.endpoint_url.rpartition(":")[2]
    with (
        translated_cloud_errors(),
        profile(bench.cloud, Path.home() / ".tidemark" / f"local-{port}", PROFILE) as written,
    ):
        yield written


def _directories(texts: list[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in texts:
        name, separator, directory = text.partition("=")
        if not separator or not directory:
            raise ConfigurationError(
                f"{text!r} is not NAME=DIR; write for example: --file-system home=/home/me"
            )
        if name in found:
            raise ConfigurationError(f"two file systems are named {name!r}; give each a different name")
        found[name] = Path(directory).expanduser().absolute()
    return found


def _print_ready(out: Console, bench: LocalDeployment, profile: Profile) -> None:
    from localcloud.client.profile import HIDE_A_PROFILE

    tidemark = terminal.program()
    name, first = next(iter(bench.file_systems.items()))
    out.print()
    regions = list(
        dict.fromkeys([REGION, COPY_REGION, *(each.region for each in bench.file_systems.values())])
    )
    shown = f"{', '.join(regions[:-1])} and {regions[-1]}"
    out.print(f"The local cloud is up in {shown}:", style=terminal.STRONG)
    width = max(len(name) for name in bench.file_systems)
    for each in bench.file_systems.values():
        out.print(
            Text.assemble(
                "  policy ",
                (f"{each.name:<{width}}", terminal.STRONG),
                f"  {each.id}  ",
                (terminal.printable(str(each.directory)), "dim"),
            ),
            soft_wrap=True,
        )
    out.print("\nIn another terminal:", style=terminal.STRONG)
    out.print(f"  unset {' '.join(HIDE_A_PROFILE)}", soft_wrap=True)
    for variable, value in profile.environment.items():
        out.print(f"  export {variable}={shlex.quote(value)}", soft_wrap=True)
    out.print("\nThen try:", style=terminal.STRONG)
    out.print(
        terminal.commands(
            (f"{tidemark} run {name} --wait", "back up, copy, index"),
            (f"{tidemark} sessions", "list the sessions"),
            (f"{tidemark} recovery-points {first.id}", ""),
            (f"{tidemark} search '*.py'", "find files in the backups"),
            (f"{tidemark} ls {first.id}:/", "browse the newest index"),
            (f"{tidemark} browse", "find, compare and restore in the browser"),
            ("aws stepfunctions list-state-machines", "any AWS client works"),
        ),
        soft_wrap=True,
    )
    out.print("\nCtrl-C stops it.")
    sys.stdout.flush()
