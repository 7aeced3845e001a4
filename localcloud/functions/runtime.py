"""The import path of a function process: its asset and the packages of Lambda's Python runtime."""

from __future__ import annotations

import importlib.metadata
import io
import re
import shutil
import stat
import sysconfig
import threading
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

# The runtime's packages. Source: Lambda developer guide, "Runtime-included SDK versions".
RUNTIME_DISTRIBUTIONS = ("awslambdaric", "boto3")
UNIX = 3  # a zip entry's create_system where its external attributes hold a mode


class AssetNotRunnable(Exception):
    """The asset cannot be imported on this machine; the message gives the fix."""


class Code:
    """Unpacks each asset once, below one directory."""

    def __init__(self, directory: Path) -> None:
        shutil.rmtree(directory, ignore_errors=True)  # left by an earlier run with the same --state
        self._directory = directory
        self._lock = threading.Lock()
        self._paths: dict[str, list[Path]] = {}

    def import_path(self, sha: str, archive: bytes) -> list[Path]:
        """Return the directories for PYTHONPATH; the second is the asset's own, the task root.

        Raises AssetNotRunnable if the asset has binaries for another platform, unless the same version of
        their distribution is installed on this machine.
        """
        with self._lock:
            if sha not in self._paths:
                name = re.sub(r"\W", "", sha)[:16]
                overlay, code = self._directory / f"{name}-overlay", self._directory / name
                with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
                    _unpack(zipped, code)
                _link(foreign_distributions(code), overlay)
                self._paths[sha] = [overlay, code, self._runtime()]
            return self._paths[sha]

    def _runtime(self) -> Path:
        directory = self._directory / "runtime"
        if not directory.exists():
            _link(closure(RUNTIME_DISTRIBUTIONS), directory)
        return directory


def _unpack(zipped: zipfile.ZipFile, code: Path) -> None:
    """Unpack an asset with the permissions of a function, which does not run as the owner of its files.

    A module that is not readable by others raises PermissionError on import; other such files are left out.
    File modes would not suffice: a local cloud that runs as root can read every file.
    Source: AWS Lambda Developer Guide, "Troubleshoot deployment issues", permission denied.
    """
    zipped.extractall(code)  # the user's own asset; zipfile prevents path traversal
    for info in zipped.infolist():
        if info.create_system != UNIX or info.is_dir() or info.external_attr >> 16 & stat.S_IROTH:
            continue
        path = code / info.filename
        path.unlink()
        if path.suffix == ".py":
            path.write_text(f"raise PermissionError(13, 'Permission denied', '/var/task/{info.filename}')\n")


def closure(names: Iterable[str]) -> dict[str, importlib.metadata.Distribution]:
    """Return the installed distributions of these names and all their requirements, by name."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = importlib.metadata.distribution(name)
            waiting += [
                match[0]
                for requirement in found[name].requires or ()
                if "extra ==" not in requirement and (match := re.match(r"[\w.-]+", requirement))
            ]
    return found


def foreign_distributions(code: Path) -> dict[str, importlib.metadata.Distribution]:
    """Return this machine's builds of the distributions in `code` that were built for another platform."""
    own = {}
    for bundled in importlib.metadata.distributions(path=[str(code)]):
        tags = re.findall(r"^Tag: (\S+)", bundled.read_text("WHEEL") or "", re.MULTILINE)
        if any(_fits(tag) for tag in tags) or not tags:
            continue
        name = bundled.metadata["Name"]
        try:
            installed = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            installed = None
        if installed is None or installed.version != bundled.version:
            has = installed.version if installed else "none"
            raise AssetNotRunnable(
                f"the asset contains {name} {bundled.version} for {tags[0]}, which this machine cannot "
                f"import, and {has} is installed here; run: pip install {name}=={bundled.version}"
            )
        own[name] = installed
    return own


def _fits(tag: str) -> bool:
    """Return whether a wheel's tag (python-abi-platform) certainly matches this interpreter."""
    *_, platform = tag.split("-")
    if platform == "any":
        return True
    machine = sysconfig.get_platform().rsplit("-", 1)[-1]
    version = sysconfig.get_python_version().replace(".", "")
    return platform.endswith(machine) and ("abi3" in tag or f"cp{version}" in tag)


def _link(distributions: dict[str, importlib.metadata.Distribution], directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for distribution in distributions.values():
        for top in _top_level(distribution):
            link = directory / top.name
            if not link.exists():
                link.symlink_to(top)


def _top_level(distribution: importlib.metadata.Distribution) -> Iterator[Path]:
    """Yield the top-level files and directories of a distribution in site-packages."""
    names = {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}
    root = Path(str(distribution.locate_file("")))
    for name in sorted(names):
        yield root / name
