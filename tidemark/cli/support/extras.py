"""The extras of the package, which some commands need.

pyproject.toml declares them, and the metadata of the installed package repeats them.
"""

from __future__ import annotations

import re
from importlib import metadata

from tidemark.errors import ExtraNotInstalled

_REQUIREMENT = re.compile(r"""(?P<name>[\w.-]+).*;.*\bextra == ["'](?P<extra>[\w-]+)["']""")


def require_plot(command: str) -> None:
    """Raise ExtraNotInstalled unless pictures can be drawn."""
    if missing := missing_distributions("plot"):
        raise ExtraNotInstalled(command, missing, "install the extra: pip install 'tidemark[plot]'")


def require_browse(command: str) -> None:
    """Raise ExtraNotInstalled unless pages can be served."""
    if missing := missing_distributions("browse"):
        raise ExtraNotInstalled(command, missing, "install the extra: pip install 'tidemark[browse]'")


def require_local_cloud(command: str) -> None:
    """Raise ExtraNotInstalled unless the local cloud can run and the CDK application can be synthesized."""
    if missing := missing_distributions("cdk", "local"):
        raise ExtraNotInstalled(
            command,
            missing,
            "install the extras cdk and local in a clone of Tidemark's sources: make setup, "
            "or pip install --editable '.[cdk,local]'",
        )


def missing_distributions(*extras: str) -> list[str]:
    """Return the names of the distributions that extras of Tidemark require and that are not installed."""
    found = (_REQUIREMENT.match(line) for line in metadata.requires("tidemark") or ())
    required = {match["name"] for match in found if match and match["extra"] in extras}
    return sorted(name for name in required if not _is_installed(name))


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
