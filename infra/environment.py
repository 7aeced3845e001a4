"""Create .venv and install the locked packages; `make setup` runs it with the machine's own Python.

    python3 -m infra.environment        runs with any Python 3, and reports if a newer one is needed
    python3 -m infra.environment dev    adds the packages of tests and checks to an existing .venv

Uses only the standard library. Errors caused by a package index, a proxy or a missing system package include
the fix.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1]
OLDEST = (3, 11)
INSTALLER = "requirements-setup.txt"
LOCKED = "requirements.txt"
LOCKED_FOR_DEVELOPMENT = "requirements-dev.txt"
WAY_OUT = (
    "if you use a private package index, certificate or proxy, set PIP_INDEX_URL, PIP_CERT or HTTPS_PROXY; "
    "then run again"
)
# pip's settings, and uv's names for them: uv does not read pip's configuration.
# Source: uv reference, "Environment variables".
AS_UV_NAMES_THEM = {
    "index-url": "UV_DEFAULT_INDEX",
    "cert": "SSL_CERT_FILE",
}
SHOWN = 12  # last lines of a failed program's output


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> None:
    """Raise SystemExit if this Python is too old."""
    if version < OLDEST:
        needed, own = (".".join(str(number) for number in one) for one in (OLDEST, version))
        raise SystemExit(
            f"Tidemark needs Python {needed} or newer, and this is {own}; select another with: "
            f"make setup PYTHON=python3.13"
        )


def make_environment(directory: Path) -> None:
    """Create the virtual environment if it is missing or an earlier attempt left it incomplete.

    Raises SystemExit.
    """
    if _succeeds(directory / "bin" / "python", "-m", "pip", "--version"):
        return
    shutil.rmtree(directory, ignore_errors=True)
    made = _run([sys.executable, "-m", "venv", str(directory)])
    if made.returncode:
        shutil.rmtree(directory, ignore_errors=True)
        raise SystemExit(
            f"cannot create the virtual environment {directory.name}:\n{_output(made)}\n"
            f"on Debian and Ubuntu, run: apt install python3-venv; then run again"
        )


def install(directory: Path) -> None:
    """Install the locked packages of users, and Tidemark from its sources. Raises SystemExit."""
    python = str(directory / "bin" / "python")
    _install(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"],
        ["--require-hashes", "-r", INSTALLER],
        dict(os.environ),  # noqa: TID251  (pip's settings)
    )
    _install_with_uv(directory, ["--compile-bytecode", "--require-hashes", "-r", LOCKED])
    _install_with_uv(directory, ["--no-deps", "--editable", "."])


def install_for_development(directory: Path) -> None:
    """Add what tests and checks need to an environment that `install` made. Raises SystemExit."""
    _install_with_uv(directory, ["--compile-bytecode", "--require-hashes", "-r", LOCKED_FOR_DEVELOPMENT])


def _install_with_uv(directory: Path, what: list[str]) -> None:
    python, uv = str(directory / "bin" / "python"), str(directory / "bin" / "uv")
    environment = as_uv_reads_it(dict(os.environ), _run([python, "-m", "pip", "config", "list"]).stdout)  # noqa: TID251  (pip's settings)
    _install([uv, "pip", "install", "--quiet", "--python", python], what, environment)


def as_uv_reads_it(environment: dict[str, str], pip_configuration: str) -> dict[str, str]:
    """Return the environment with pip's configuration added as uv's variables, which take precedence if set.

    `pip_configuration` is what `pip config list` prints.
    """
    found = dict(environment)
    for name, uv_name in AS_UV_NAMES_THEM.items():
        # The last file wins, and the environment, which follows the files.
        configured = re.findall(rf"^(?::env:|[a-z]+)\.{name}='(.*)'$", pip_configuration, re.MULTILINE)
        if configured:
            found.setdefault(uv_name, configured[-1])
    return found


def _install(command: list[str], what: list[str], environment: dict[str, str]) -> None:
    done = _run([*command, *what], environment)
    if done.returncode:
        named = what[-1] if what[-1].endswith(".txt") else "Tidemark itself"
        program = "uv" if Path(command[0]).name == "uv" else "pip"
        raise SystemExit(f"{program} could not install {named}:\n{_output(done)}\n{WAY_OUT}")


def _succeeds(program: Path, *arguments: str) -> bool:
    return program.exists() and _run([str(program), *arguments]).returncode == 0


def _run(command: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=SOURCES, env=environment, capture_output=True, text=True, check=False)


def _output(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-SHOWN:])


def main(arguments: Sequence[str]) -> None:
    """Create the environment or add to it; print its progress and a hint about a missing C compiler."""
    directory = SOURCES / ".venv"
    if arguments == ["dev"]:
        _print("Adding what tests and checks need to .venv (once)")
        install_for_development(directory)
        return
    check_python()
    _print("Setting up .venv (once; about a minute)")
    make_environment(directory)
    install(directory)
    if not list((SOURCES / "tidemark" / "crawl").glob("_core*.so")):
        _print(
            "No C compiler was found: crawls use Python, which is slower. To speed them up, install one "
            "(Debian and Ubuntu: apt install gcc), then: make clean setup"
        )


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
