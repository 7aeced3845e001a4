"""`python -m localcloud`: serve until stopped."""

from __future__ import annotations

import argparse
from pathlib import Path

from localcloud.server.process import Settings, serve


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    options = argparse.ArgumentParser(
        prog="python -m localcloud", description="AWS on one machine, on loopback."
    )
    options.add_argument("--port", type=int, default=0, help="default: any free port")
    options.add_argument(
        "--state", type=Path, metavar="DIR", help="keep buckets, tables, parameters and vaults here"
    )
    options.add_argument(
        "--time-scale", type=float, default=1.0, metavar="X", help="0.02 makes an hour of AWS last 72 s"
    )
    options.add_argument(
        "--timeout-scale",
        type=float,
        default=1.0,
        metavar="X",
        help="the same for TimeoutSeconds and HeartbeatSeconds, which wait for real work; never below 2 s",
    )
    options.add_argument("--region", default="us-east-1", help="the Region of stacks that name none")
    options.add_argument(
        "--file-system",
        action="append",
        default=[],
        type=_named_directory,
        metavar="NAME=DIR",
        help="create an EFS file system with this directory as its content",
    )
    options.add_argument(
        "--faults", type=Path, metavar="FILE", help="JSON list of faults, see localcloud/core/faults.py"
    )
    options.add_argument(
        "--ends-with-input",
        action="store_true",
        help="end when standard input ends, as it does with the parent",
    )
    return options


def _named_directory(text: str) -> tuple[str, Path]:
    name, _, directory = text.partition("=")
    path = Path(directory).expanduser()
    if not name or not directory or not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=DIR with an existing directory")
    return name, path.resolve()


def main() -> None:
    """Serve as the command line says."""
    options = parser().parse_args()
    serve(
        Settings(
            port=options.port,
            state=options.state,
            time_scale=options.time_scale,
            timeout_scale=options.timeout_scale,
            region=options.region,
            file_systems=dict(options.file_system),
            faults=options.faults,
            ends_with_input=options.ends_with_input,
        )
    )


if __name__ == "__main__":
    main()
