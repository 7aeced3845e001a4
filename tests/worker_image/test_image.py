"""Runs the Dockerfile without a container engine, in a separate virtual environment.

Once for arm64, to inspect, and once for this machine, to run: no arm64 code is executed.
"""

from __future__ import annotations

import dataclasses
import json
import platform
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


# The second stage's site-packages, and the C library of its Debian release.
SITE_PACKAGES = "usr/local/lib/python3.13/site-packages"
BOOKWORM = (2, 36)
AARCH64 = 0xB7  # e_machine


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image as a directory on this machine."""

    root: Path
    work: Path
    environment: dict[str, str]
    entry_point: list[str]


def instructions() -> list[tuple[str, str]]:
    text = (REPOSITORY / "worker_image/Dockerfile").read_text()
    joined = text.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


def build(top: Path, arguments: dict[str, str]) -> Image:
    """Run the Dockerfile with these build arguments."""
    stages: dict[str, Path] = {}
    root = work = top
    environment, told, entry_point = {}, {}, []
    venv.create(top / "python", with_pip=True, symlinks=True)
    path = f"{top / 'python' / 'bin'}:/usr/bin:/bin"
    for instruction, rest in instructions():
        match instruction:
            case "FROM":
                name = rest.split(" AS ")[-1]
                root = work = stages[name] = top / f"stage{len(stages)}"
                environment, told = {}, {}
            case "ARG":
                name, _, default = rest.partition("=")
                told[name] = arguments.get(name, default)
            case "WORKDIR":
                work = root / rest.strip("/")
                work.mkdir(parents=True)
            case "COPY":
                source, to = (word for word in rest.split() if not word.startswith("--"))
                stage = re.search(r"--from=(\S+)", rest)
                copied = stages[stage[1]] / source.strip("/") if stage else REPOSITORY / source
                target = root / to.strip("/") if to.startswith("/") else work / to
                if copied.is_dir():
                    ignore = None if stage else shutil.ignore_patterns("__pycache__", "*.so")
                    shutil.copytree(copied, target, ignore=ignore, dirs_exist_ok=True)
                else:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(copied, target)
            case "RUN":
                run = subprocess.run(
                    ["sh", "-ec", rest],
                    cwd=work,
                    env={"PATH": path, "HOME": str(top), **environment, **told},
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
                pytest.fail(f"this test does not support {instruction}")
    environment |= {"PATH": path, "PYTHONPATH": str(root / SITE_PACKAGES)}
    return Image(root=root, work=work, environment=environment, entry_point=entry_point)


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Image:
    """The image for this machine and this Python."""
    own = {"CPU": platform.machine(), "PYTHON": f"{sys.version_info[0]}.{sys.version_info[1]}"}
    return build(tmp_path_factory.mktemp("image"), own)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Image:
    """The image for AWS."""
    return build(tmp_path_factory.mktemp("shipped"), {})


def test_the_image_creates_an_index_using_only_its_own_packages(image, world):
    run = subprocess.run(
        image.entry_point,
        cwd=image.work,
        env={**world.environment, **image.environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert len(world.states.of("SendTaskSuccess")) == 1
    # No file is written to the read-only root file system.
    assert not list(image.work.rglob("__pycache__"))


def test_the_image_crawls_with_the_c_core(image):
    program = "from tidemark.crawl import open_crawl; print(type(open_crawl(b'/')).__name__)"
    command = ["python", "-c", program]
    assert subprocess.check_output(command, cwd=image.work, env=image.environment, text=True) == "CCrawl\n"


def test_the_image_contains_exactly_the_locked_packages(shipped):
    locked = re.findall(
        r"^([\w.-]+)==(\S+)", (REPOSITORY / "worker_image/requirements.txt").read_text(), re.M
    )
    assert "pyarrow" in dict(locked)
    found = [
        path.name.removesuffix(".dist-info") for path in (shipped.root / SITE_PACKAGES).glob("*.dist-info")
    ]
    assert sorted(name.lower() for name in found) == sorted(
        f"{name.replace('-', '_')}-{version}".lower() for name, version in locked
    )


def test_all_compiled_files_are_for_arm64_and_python_3_13(shipped):
    compiled = [path for path in shipped.root.rglob("*") if path.is_file() and is_elf(path)]
    assert shipped.work / "tidemark/crawl/_core.so" in compiled
    assert len(compiled) > 10
    for path in compiled:
        header = path.read_bytes()[:20]
        assert int.from_bytes(header[18:20], "little") == AARCH64, f"{path.name} is not for AArch64"
        for_python = re.search(r"\.(cpython-\d+|abi3)", path.name)
        assert for_python is None or for_python[1] in {"cpython-313", "abi3"}, path.name


def test_no_file_requires_a_newer_c_library_than_that_of_the_base_image(shipped):
    """Symbol versions are in the file as text: GLIBC_2.34."""
    for path in (path for path in shipped.root.rglob("*") if path.is_file() and is_elf(path)):
        needed = {tuple(map(int, found)) for found in re.findall(rb"GLIBC_(\d+)\.(\d+)", path.read_bytes())}
        assert max(needed, default=(0, 0)) <= BOOKWORM, path.name


def test_only_stages_on_the_build_platform_run_commands():
    own = False
    for instruction, rest in instructions():
        if instruction == "FROM":
            own = rest.startswith("--platform=$BUILDPLATFORM ")
        assert instruction != "RUN" or own, f"RUN {rest} would run a program of the target"
    assert not own, "the last stage is the image"


def test_all_stages_use_one_base_image_pinned_to_a_patch_release():
    bases = {
        rest.split(" AS ")[0].split()[-1] for instruction, rest in instructions() if instruction == "FROM"
    }
    (base,) = bases
    assert re.fullmatch(r"python:3\.13\.\d+-slim-bookworm", base)


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
