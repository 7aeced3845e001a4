"""`python -m localcloud`: serve until stopped."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from localcloud.core.cloud import WARM_FUNCTIONS
from localcloud.server.process import Settings, serve


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    options = argparse.ArgumentParser(
        prog="python -m localcloud", description="Run AWS on this machine, on loopback."
    )
    options.add_argument("--port", type=int, default=0, help="port to listen on (default: any free port)")
    options.add_argument(
        "--state", type=Path, metavar="DIR", help="keep buckets, tables, parameters and vaults here"
    )
    options.add_argument(
        "--time-scale",
        type=float,
        default=1.0,
        metavar="X",
        help="scale AWS durations by X: 0.02 shortens an hour to 72 s",
    )
    options.add_argument(
        "--timeout-scale",
        type=float,
        default=1.0,
        metavar="X",
        help="scale TimeoutSeconds and HeartbeatSeconds by X (minimum 2 s); these wait for real work",
    )
    options.add_argument(
        "--warm-functions",
        type=int,
        default=WARM_FUNCTIONS,
        metavar="N",
        help=f"keep N idle processes of functions, each with about 45 MB (default: {WARM_FUNCTIONS})",
    )
    options.add_argument("--region", default="us-east-1", help="default Region for stacks that specify none")
    options.add_argument(
        "--file-system",
        action="append",
        default=[],
        type=_named_directory,
        metavar="NAME=DIR",
        help="create an EFS file system with this directory as its content",
    )
    options.add_argument(
        "--account",
        action="append",
        default=[],
        type=_named_account,
        metavar="NAME=ID",
        help="create a further account with this id of 12 digits, in the organization of the default account",
    )
    options.add_argument(
        "--writable",
        action="store_true",
        help="let restores and read-write mounts change these directories instead of private copies",
    )
    options.add_argument(
        "--faults",
        type=Path,
        metavar="FILE",
        help="JSON list of faults to set; format: localcloud/core/faults.py",
    )
    options.add_argument(
        "--ends-with-input",
        action="store_true",
        help="stop when standard input closes, as it does when the parent process ends",
    )
    return options


def _named_directory(text: str) -> tuple[str, Path]:
    name, _, directory = text.partition("=")
    path = Path(directory).expanduser()
    if not name or not directory or not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=DIR, or DIR is not an existing directory")
    return name, path.resolve()


def _named_account(text: str) -> tuple[str, str]:
    name, _, account_id = text.partition("=")
    if not name or re.fullmatch(r"[0-9]{12}", account_id) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=ID with an id of 12 digits")
    return name, account_id


def main() -> None:
    """Run the server with the settings of the command line."""
    options = parser().parse_args()
    serve(
        Settings(
            port=options.port,
            state=options.state,
            time_scale=options.time_scale,
            timeout_scale=options.timeout_scale,
            warm_functions=options.warm_functions,
            region=options.region,
            file_systems=dict(options.file_system),
            accounts=dict(options.account),
            writable=options.writable,
            faults=options.faults,
            ends_with_input=options.ends_with_input,
        )
    )


if __name__ == "__main__":
    main()
