"""Interrupted builds, and which of them the next build resumes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from datetime import timedelta

import psutil
import pytest

from tests.cli.test_index_build import SECOND
from tidemark.aws.clock import utc_now
from tidemark.cli.commands import index_build
from tidemark.index.build import pipeline as build_module


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "tree" / "a").mkdir(parents=True)
    (tmp_path / "tree" / "a" / "one.txt").write_text("12345")
    (tmp_path / "tree" / "link").symlink_to("a")
    return tmp_path / "tree"


@pytest.fixture
def half(tidemark, repository, tree, monkeypatch):
    """Build an index up to Ctrl-C; return its id."""
    real, presses = build_module.columns, iter([signal.SIGINT])

    def columns(*arguments):
        for number in presses:
            signal.raise_signal(number)
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(build_module, "columns", columns)
        patched.setattr(index_build, "utc_now", lambda: utc_now() - timedelta(minutes=1))
        assert tidemark("index", "build", str(tree), "--repository", repository.url).code == 130
    return SECOND.findall(repository.list_keys("indexes/")[0])[0]


def test_an_interrupted_build_resumes_only_with_the_same_parameters(tidemark, repository, tree, half):
    build = ("index", "build", str(tree), "--repository", repository.url, "--json")
    other = tidemark(*build, "--exclude", "/x").document
    assert other["index_id"] != half
    assert not other["continued"]
    # Nor after a newer index: the changes of the resumed build would refer to an older one.
    assert tidemark(*build).document["index_id"] not in (half, other["index_id"])


def test_an_interrupted_build_resumes(tidemark, repository, tree, half):
    (tree / "b").write_text("seen too late: the root had been listed")
    document = tidemark("index", "build", str(tree), "--repository", repository.url, "--json").document
    assert (document["index_id"], document["entries"]) == (half, 3)


def test_a_build_does_not_resume_one_that_is_still_running(tidemark, repository, tree, half):
    (key,) = (key for key in repository.list_keys("indexes/") if key.endswith("begun.json"))
    ours = {"pid": os.getpid(), "process_began": psutil.Process().create_time()}
    build = ("index", "build", str(tree), "--repository", repository.url, "--json")
    repository.put(key, json.dumps({**json.loads(repository.get(key)), "process": ours}).encode())
    second = tidemark(*build).document
    assert second["index_id"] != half
    assert key in repository.list_keys("indexes/")


def test_the_build_of_a_zombie_process_is_resumed(tidemark, repository, tree, half):
    (key,) = (key for key in repository.list_keys("indexes/") if key.endswith("begun.json"))
    ended = subprocess.Popen(["sleep", "60"])
    theirs = {"pid": ended.pid, "process_began": psutil.Process(ended.pid).create_time()}
    ended.kill()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    repository.put(key, json.dumps({**json.loads(repository.get(key)), "process": theirs}).encode())
    document = tidemark("index", "build", str(tree), "--repository", repository.url, "--json").document
    ended.wait()
    assert document["index_id"] == half


def test_the_objects_of_a_build_without_a_checkpoint_are_discarded(tidemark, repository, tree, half):
    for key in repository.list_keys("indexes/"):
        if key.endswith("state.json"):
            repository.discard(key)
    document = tidemark("index", "build", str(tree), "--repository", repository.url, "--json").document
    assert document["index_id"] != half
    assert half not in " ".join(repository.list_keys("indexes/"))


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"process": 3}', b'{"process": null, "host": 1}'])
def test_an_invalid_build_record_is_not_resumed(tidemark, repository, tree, half, text):
    (key,) = (key for key in repository.list_keys("indexes/") if key.endswith("begun.json"))
    repository.put(key, text)
    assert tidemark("index", "build", str(tree), "--repository", repository.url).code == 0
