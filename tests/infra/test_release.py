"""A release's notes are the section of its version in the changelog."""

from __future__ import annotations

import subprocess
import sys

import pytest

from infra.release import SOURCES, release_notes

CHANGELOG = """# Changelog

## Unreleased

- Not released.

## [1.10.0] - 2026-02-01

### Added

- Ten.

## 1.1.0

- One.

## 1.0.0
"""


def test_the_notes_are_the_section_of_the_version_alone() -> None:
    assert release_notes(CHANGELOG, "v1.10.0", "1.10.0") == "### Added\n\n- Ten.\n"
    assert release_notes(CHANGELOG, "v1.1.0", "1.1.0") == "- One.\n"


@pytest.mark.parametrize("version", ["1.0.0", "1.1", "2.0.0"])
def test_a_version_without_notes_is_not_released(version: str) -> None:
    with pytest.raises(SystemExit, match=rf"no section with a text for {version}"):
        release_notes(CHANGELOG, f"v{version}", version)


@pytest.mark.parametrize("tag", ["v1.1.1", "1.1.0", "v1.1.0-rc1"])
def test_a_tag_of_another_version_is_refused(tag: str) -> None:
    with pytest.raises(SystemExit, match=r"is not v1\.1\.0"):
        release_notes(CHANGELOG, tag, "1.1.0")


def test_it_runs_with_nothing_installed() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import sys; sys.path[:0] = ['.']; import infra.release"],
        cwd=SOURCES,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
