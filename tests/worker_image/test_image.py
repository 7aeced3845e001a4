"""What the Dockerfile says, done without a container engine, in a virtual environment of its own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    text = (REPOSITORY / "worker_image/Dockerfile").read_text()
    joined = text.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> tuple[Path, dict[str, str], list[str]]:
    """Carry the Dockerfile out; return the working directory, its ENV and the entry point."""
    top = tmp_path_factory.mktemp("image")
    stages: dict[str, Path] = {}
    root = work = top
    environment, entry_point = {}, []
    venv.create(top / "python", with_pip=True, symlinks=True)
    path = f"{top / 'python' / 'bin'}:/usr/bin:/bin"
    for instruction, rest in instructions():
        match instruction:
            case "FROM":
                name = rest.split(" AS ")[-1]
                root = work = stages[name] = top / f"stage{len(stages)}"
                environment = {}
            case "WORKDIR":
                work = root / rest.strip("/")
                work.mkdir(parents=True)
            case "COPY":
                source, target = (word for word in rest.split() if not word.startswith("--"))
                stage = re.search(r"--from=(\S+)", rest)
                copied = stages[stage[1]] / source.strip("/") if stage else REPOSITORY / source
                if copied.is_dir():
                    ignore = shutil.ignore_patterns("__pycache__", "*.so")
                    shutil.copytree(copied, work / target, ignore=ignore, dirs_exist_ok=True)
                else:
                    (work / target).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(copied, work / target)
            case "RUN":
                run = subprocess.run(
                    ["sh", "-ec", rest],
                    cwd=work,
                    env={"PATH": path, "HOME": str(top)},
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert run.returncode == 0, run.stdout + run.stderr
            case "ENV":
                environment |= dict(re.findall(r"(\w+)=(\S+)", rest))
            case "ENTRYPOINT":
                entry_point = json.loads(rest)
            case "USER":
                pass
            case _:
                pytest.fail(f"this test does not know {instruction}")
    return work, {**environment, "PATH": path}, entry_point


def test_the_image_makes_an_index_with_nothing_but_what_it_installed(image, world):
    work, environment, entry_point = image

    run = subprocess.run(
        entry_point,
        cwd=work,
        env={**world.environment, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert len(world.states.of("SendTaskSuccess")) == 1
    assert not list(work.rglob("__pycache__"))  # nothing is written where the root file system is read-only


def test_the_image_holds_no_cdk_no_moto_and_no_duckdb(image):
    work, environment, _ = image
    listing = subprocess.run(
        ["python", "-m", "pip", "list", "--format=freeze"],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert not re.search(r"^(aws-cdk|moto|duckdb|constructs|typer)", listing, re.MULTILINE), listing


def test_the_image_crawls_with_the_c_core(image):
    work, environment, _ = image
    program = "from tidemark.crawl import open_crawl; print(type(open_crawl(b'/')).__name__)"
    run = subprocess.run(
        ["python", "-c", program], cwd=work, env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout == "CCrawl\n"


def test_the_base_image_is_pinned_to_a_patch_release():
    bases = [rest for instruction, rest in instructions() if instruction == "FROM"]
    assert bases
    assert all(re.match(r"python:3\.\d+\.\d+(-slim)?-\w+( AS \w+)?$", base) for base in bases)
