"""Build the Lambda asset and the worker image's context reproducibly, without Docker.

    python -m infra.bundle        builds both; needs the network once, for the locked dependencies

`make setup` runs it, so that `cdk synth` finds the dependencies under `build/` and needs no network. Both
results are directories named by the hash of their sources.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from infra.file_modes import make_readable
from tidemark.errors import ConfigurationError, TidemarkError

SOURCES = Path(__file__).resolve().parents[1]
BUILD = SOURCES / "build"
PLATFORM = ("--platform", "manylinux2014_aarch64", "--platform", "manylinux_2_28_aarch64")
PYTHON_VERSION = "3.13"

# The Lambda runtime includes boto3 and its dependencies; a second botocore would be half of the asset.
IN_THE_RUNTIME = {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
_OF_RESTORE = (
    "__init__.py",
    "items.py",
    "plan.py",
)  # functions read plans; the CLI makes them, and workers place files
# Not needed by Lambdas: `cli`, `web` and `answers` run on user machines, crawl and Parquet in workers,
# tidemark.yaml in synth.
NOT_IN_LAMBDAS = (
    "tidemark/answers",
    "tidemark/cli",
    "tidemark/web",
    "tidemark/costs",
    "tidemark/crawl",
    "tidemark/index",
    "tidemark/workflows",
    *(
        f"tidemark/restore/{path.name}"
        for path in sorted((SOURCES / "tidemark" / "restore").glob("*.py"))
        if path.name not in _OF_RESTORE
    ),
    "tidemark/policy/capacity.py",
    "tidemark/policy/configuration.py",
    "tidemark/policy/copy_rules.py",
    "tidemark/policy/cron_schedules.py",
    "tidemark/policy/damage_rules.py",
    "tidemark/policy/fargate.py",
    "tidemark/policy/models.py",
    "tidemark/policy/examples.py",
    "tidemark/policy/notification_models.py",
    "tidemark/policy/notification_rules.py",
    "tidemark/policy/part.py",
    "tidemark/policy/restore_testing_rules.py",
    "tidemark/policy/schedule.py",
    "tidemark/policy/selection_models.py",
    "tidemark/policy/selection_rules.py",
    "tidemark/policy/schedule_models.py",
    "tidemark/policy/schedule_rules.py",
    "tidemark/policy/schedule_types.py",
    "tidemark/policy/schema.py",
    "tidemark/policy/site_rules.py",
    "tidemark/policy/value_types.py",
    "tidemark/policy/yaml_lines.py",
)
NOT_IN_WORKER = ("tidemark/answers", "tidemark/cli", "tidemark/web", "tidemark/workflows")
# Functions that read indexes; they have an asset of their own, because pyarrow makes it ten times as large.
PLANNING = ("lambdas/plan_drill.py",)
NOT_IN_PLANNING = (
    "tidemark/answers",
    "tidemark/cli",
    "tidemark/index/build",
    "tidemark/web",
    "tidemark/workflows",
    *(path for path in NOT_IN_LAMBDAS if path.startswith("tidemark/policy/")),
)
_LITTER = shutil.ignore_patterns(
    "__pycache__", "*.pyc", "*.pyi", "*.pxd", "*.pyx", "tests", "bin", "include", "*-stubs"
)
KEPT = 8  # results of each kind under build/
_LOCKS = (
    "lambdas/planning.in",
    "lambdas/planning.txt",
    "lambdas/requirements.in",
    "lambdas/requirements.txt",
)
_RECIPE = "4"  # increment when the bundling changes, to invalidate caches


# The core compiled on the host. Docker leaves it out, because the image compiles its own; the local cloud,
# which builds no images, uses it.
COMPILED = ".so"
DOCKER_IGNORES = f"**/*{COMPILED}\n"


@dataclasses.dataclass(frozen=True, slots=True)
class Bundle:
    """A directory to deploy, and the hash of its sources, which is the same on every machine."""

    directory: Path
    hash: str


def lambda_asset() -> Bundle:
    """Return the asset that all Lambdas share: locked dependencies for arm64, `tidemark/`, `lambdas/`.

    Raises ConfigurationError if the dependencies are missing and cannot be fetched.
    """
    requirements = SOURCES / "lambdas" / "requirements.txt"
    files = [
        *source_files("tidemark", without=NOT_IN_LAMBDAS),
        *source_files("lambdas", without=(*PLANNING, *_LOCKS)),
    ]
    return _asset("lambda-asset", requirements, files)


def planning_asset() -> Bundle:
    """Return the asset of the functions that read indexes, with pyarrow. Raises as `lambda_asset` does."""
    requirements = SOURCES / "lambdas" / "planning.txt"
    files = [
        *source_files("tidemark", without=NOT_IN_PLANNING),
        *source_files("lambdas", without=_LOCKS),
    ]
    return _asset("planning-asset", requirements, files)


def _asset(name: str, requirements: Path, files: list[Path]) -> Bundle:
    def fill(directory: Path) -> None:
        shutil.copytree(dependencies(requirements), directory, dirs_exist_ok=True)
        _copy(files, directory)

    return _bundle(name, [requirements, *files], fill)


def worker_context() -> Bundle:
    """Return the build context of the worker's image: `worker_image/` and the parts of `tidemark/` it
    runs."""
    files = [*source_files("tidemark", without=NOT_IN_WORKER), *source_files("worker_image")]

    def fill(directory: Path) -> None:
        _copy(files, directory)
        (directory / ".dockerignore").write_text(DOCKER_IGNORES)

    return _bundle("worker-context", files, fill)


def dependencies(requirements: Path) -> Path:
    """Return a directory with the locked distributions for Lambda, cached by the content of the lock file."""
    wanted = wanted_requirements(requirements.read_text())
    key = hashlib.sha256("\n".join((_RECIPE, PYTHON_VERSION, *PLATFORM, wanted)).encode()).hexdigest()[:16]
    return _built("lambda-dependencies", key, lambda directory: _install(wanted, directory))


def wanted_requirements(text: str) -> str:
    """Return hash-pinned requirements without the distributions that the runtime includes."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
    return "".join(
        block
        for block in blocks
        if (name := re.match(r"[A-Za-z0-9._-]+", block)) and name.group().lower() not in IN_THE_RUNTIME
    )


def source_files(package: str, *, without: Iterable[str] = ()) -> list[Path]:
    """Return a package's source files, sorted, without caches and without the paths in `without`."""
    left_out = [SOURCES / path for path in without]
    return sorted(
        path
        for path in (SOURCES / package).rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and path.suffix != ".pyc"
        and not any(path.is_relative_to(parent) for parent in left_out)
    )


def _bundle(name: str, inputs: list[Path], fill: Callable[[Path], None]) -> Bundle:
    sources = [path for path in inputs if path.suffix != COMPILED]
    return Bundle(_built(name, _digest(inputs)[:16], fill), _digest(sources))


def _digest(paths: list[Path]) -> str:
    digest = hashlib.sha256(_RECIPE.encode())
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(SOURCES).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _built(name: str, key: str, fill: Callable[[Path], None]) -> Path:
    """Return `build/<name>/<key>`, filled once. Keeps some older ones, because another synth may be reading
    them."""
    finished = BUILD / name / key
    if not finished.is_dir():
        finished.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=finished.parent, prefix=".unfinished-") as scratch:
            directory = Path(scratch) / "content"
            directory.mkdir(mode=0o755)
            fill(directory)
            make_readable(directory)
            # A concurrent build has already created the same content.
            if not finished.is_dir():
                directory.rename(finished)
        _forget_old(finished.parent)
    return finished


def _forget_old(directory: Path) -> None:
    built = [path for path in directory.iterdir() if not path.name.startswith(".")]
    for path in sorted(built, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def _install(wanted: str, directory: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        requirements = Path(scratch) / "requirements.txt"
        requirements.write_text(wanted)
        fetched = Path(scratch) / "fetched"
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        command += ["--require-hashes", "--only-binary=:all:", "--no-compile", *PLATFORM]
        command += ["--implementation", "cp", "--python-version", PYTHON_VERSION]
        command += ["--target", str(fetched), "--requirement", str(requirements)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            reason = next(
                (line for line in result.stderr.splitlines() if "ERROR" in line), result.stderr.strip()
            )
            raise ConfigurationError(
                f"cannot fetch the dependencies of the Lambdas ({reason}); "
                f"connect to a package index and run: python -m infra.bundle"
            )
        shutil.copytree(fetched, directory, dirs_exist_ok=True, ignore=_LITTER)


def _copy(files: list[Path], directory: Path) -> None:
    for path in files:
        target = directory / path.relative_to(SOURCES)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def main() -> None:
    """Build both and print their paths; exits with the code of an error after printing it."""
    try:
        for bundle in (lambda_asset(), worker_context()):
            size = sum(path.stat().st_size for path in bundle.directory.rglob("*") if path.is_file())
            sys.stdout.write(f"{bundle.directory.relative_to(SOURCES)}: {size / 1e6:.1f} MB\n")
    except TidemarkError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
