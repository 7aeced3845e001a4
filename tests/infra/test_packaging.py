"""pyproject.toml declares what the package imports, and the lock satisfies it."""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

SOURCES = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((SOURCES / "pyproject.toml").read_text())["project"]
DECLARED = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
# Distributions that come with a declared one and are imported by their own names.
WITH = {"botocore": "boto3", "pydantic-core": "pydantic"}


def names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requirements}


def locked(name: str) -> dict[str, str]:
    text = (SOURCES / name).read_text()
    return {canonicalize_name(one): version for one, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.M)}


@pytest.mark.parametrize("extra", DECLARED)
def test_the_lock_satisfies_every_declared_range(extra: str) -> None:
    versions = locked("requirements.txt")
    for line in DECLARED[extra]:
        requirement = Requirement(line)
        assert requirement.specifier, f"{line} has no range"
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), line


@pytest.mark.parametrize(
    "other",
    [
        "lambdas/planning.txt",
        "lambdas/requirements.txt",
        "worker_image/requirements.txt",
        "requirements-dev.txt",
    ],
)
def test_every_lock_pins_the_same_version(other: str) -> None:
    versions = locked("requirements.txt")
    theirs = {name: version for name, version in locked(other).items() if name in versions}
    assert theirs
    assert theirs == {name: versions[name] for name in theirs}


@pytest.mark.parametrize(
    ("roots", "extras"),
    [
        (["tidemark"], ["", "browse", "plot", "cdk"]),
        (["infra"], ["", "cdk"]),
        (["lambdas", "localcloud"], ["", "local"]),
        (["worker_image"], [""]),
    ],
)
def test_every_import_is_declared(roots: list[str], extras: list[str]) -> None:
    declared = names(line for extra in extras for line in DECLARED[extra])
    files = [path for root in roots for path in (SOURCES / root).rglob("*.py")]
    assert files
    assert {(module, name) for module, name in imported(files) if name not in declared} == set()


def test_a_finder_imports_no_extra() -> None:
    """Only the pages, what draws, and what reads tidemark.yaml for a synth need one."""
    files = {*(SOURCES / "tidemark").rglob("*.py")} - {*(SOURCES / "tidemark" / "web").rglob("*.py")}
    base = names(DECLARED[""])
    need_an_extra = {
        path.relative_to(SOURCES).as_posix()
        for path in files
        if any(name not in base for _, name in imported([path]))
    }
    assert need_an_extra == {
        "tidemark/cli/output/treemap.py",
        "tidemark/policy/configuration.py",
        "tidemark/policy/models.py",
        "tidemark/policy/notification_models.py",
        "tidemark/policy/part.py",
        "tidemark/policy/schedule_models.py",
        "tidemark/policy/schedule_types.py",
        "tidemark/policy/selection_models.py",
        "tidemark/policy/value_types.py",
        "tidemark/policy/yaml_lines.py",
    }


def test_the_actions_run_what_the_project_runs() -> None:
    workflow = YAML(typ="safe").load(SOURCES / ".github" / "workflows" / "ci.yml")
    commands = {step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step}
    assert ".ci/run" in commands
    targets = re.findall(r"^([a-z-]+):", (SOURCES / "Makefile").read_text(), re.M)
    assert {command.removeprefix("make ") for command in commands - {".ci/run"}} <= set(targets)


@functools.cache
def distributions_of_modules() -> Mapping[str, list[str]]:
    """Return the installed distributions of each module; reads the metadata of all of them."""
    return packages_distributions()


def imported(files: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Return (file, distribution) of each third-party import that runs."""
    distributions = distributions_of_modules()
    own = {"tidemark", "localcloud", "lambdas", "infra", "worker_image"}
    for path in files:
        for module in _modules(ast.parse(path.read_text())):
            if module not in sys.stdlib_module_names and module not in own:
                for name in distributions[module][:1]:
                    canonical = canonicalize_name(name)
                    yield path.relative_to(SOURCES).as_posix(), WITH.get(canonical, canonical)


def _modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        yield from _modules(node)
