"""What a Dockerfile says that a container runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.compute.dockerfile import NoSuchImage, find_dockerfile, read_dockerfile


def test_the_last_stage_inherits_from_the_stage_it_is_based_on() -> None:
    config = read_dockerfile(
        """
        FROM --platform=linux/arm64 python:3.13 AS base
        ENV A=1
        WORKDIR /opt
        ENTRYPOINT ["python", "-m", "base"]
        FROM node AS assets
        ENV NODE=1
        FROM base
        ENV B=$A-2 C=${A}3 D=${MISSING:-default} E=\\$A
        WORKDIR sub
        CMD ["--flag"]
        """
    )
    assert config.environment == {"A": "1", "B": "1-2", "C": "13", "D": "default", "E": "$A"}
    assert config.working_directory == "/opt/sub"
    assert (config.entry_point, config.command) == (("python", "-m", "base"), ("--flag",))


def test_env_reads_quotes_continued_lines_comments_and_the_old_form() -> None:
    config = read_dockerfile(
        'FROM x\nENV A="two words" \\\n# a comment in between\n    B=b\\ c\nENV OLD the whole rest\n'
    )
    assert config.environment == {"A": "two words", "B": "b c", "OLD": "the whole rest"}


def test_the_shell_form_runs_in_a_shell() -> None:
    assert read_dockerfile("FROM x\nCMD echo $HOME").command == ("/bin/sh", "-c", "echo $HOME")


def test_a_new_entry_point_forgets_the_command() -> None:
    config = read_dockerfile('FROM x AS a\nCMD ["old"]\nFROM a\nENTRYPOINT ["new"]')
    assert (config.entry_point, config.command) == (("new",), ())


def test_the_dockerfile_is_the_top_one_or_the_only_one(tmp_path: Path) -> None:
    with pytest.raises(NoSuchImage):
        find_dockerfile(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "Dockerfile").touch()
    assert find_dockerfile(tmp_path) == tmp_path / "a" / "Dockerfile"
    (tmp_path / "b" / "Dockerfile").touch()
    with pytest.raises(NoSuchImage, match="2 Dockerfiles"):
        find_dockerfile(tmp_path)
    (tmp_path / "Dockerfile").touch()
    assert find_dockerfile(tmp_path) == tmp_path / "Dockerfile"
