from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from tests.crawl import refusing
from tidemark.crawl import open_crawl
from tidemark.crawl.crawler import CrawlOptions, CrawlProgress
from tidemark.errors import AwsUnreachable, CrawlFailed, IndexNotFound, LeaseLost, WorkerStopped
from tidemark.index.build.pipeline import build_index
from tidemark.index.build.progress import BuildProgress
from tidemark.index.format.manifest import IndexIdentity
from tidemark.index.query.search import search
from tidemark.index.query.verify import verify
from tidemark.index.storage.catalog import newest_index
from tidemark.index.storage.object_store import ObjectMissing
from worker_image.heartbeat import Heartbeat

REPOSITORY = Path(__file__).parents[2]


def start(world) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "worker_image.index_worker"],
        env={**world.environment, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(world) -> tuple[int, str]:
    with start(world) as worker:
        output, _ = worker.communicate(timeout=60)
    return worker.returncode, output


def proposals(world) -> list[str]:
    return [key for key in world.store.list_keys(world.prefix) if key.endswith("/proposal.json")]


def has_manifest(world) -> bool:
    if proposals(world):
        return True
    try:
        world.store.get(f"{world.prefix}manifest.json")
    except ObjectMissing:
        return False
    return True


def test_it_writes_an_index_and_reports_its_counts_to_the_session(world):
    code, output = run(world)

    assert code == 0, output
    (success,) = world.states.of("SendTaskSuccess")
    assert success["taskToken"] == "token-1"
    result = json.loads(success["output"])
    assert {key: result[key] for key in ("files", "directories", "others", "bytes", "unreadable")} == {
        "files": 1,
        "directories": 2,
        "others": 1,
        "bytes": 1000,
        "unreadable": 0,
    }
    (proposal,) = proposals(world)
    assert result["manifest_key"] == proposal
    assert result["manifest_sha256"] == hashlib.sha256(world.store.get(proposal)).hexdigest()
    with pytest.raises(IndexNotFound):
        newest_index(world.store, world.settings.file_system_id)
    world.publish()
    manifest = newest_index(world.store, world.settings.file_system_id)
    assert manifest.index_id == result["index_id"]
    assert [hit.path for hit in search(world.store, manifest, "*.xlsx")] == ["/deep/er/report.xlsx"]
    progress = json.loads(world.store.get(f"{world.prefix}progress.json"))
    assert progress["entries"] == 4
    assert progress["directories_queued"] == 0
    assert progress["index_id"] == result["index_id"]
    assert progress["phase"] == "writing"
    assert (progress["entries_expected"], progress["seconds_left"]) == (None, 0), "there was no index before"


def test_excluded_directories_are_not_in_the_index_and_listed_in_the_manifest(world):
    (world.tree / "scratch" / "much").mkdir(parents=True)
    (world.tree / "scratch" / "more.xlsx").write_text("")
    (world.tree / "aws-backup-restore_2026-11-22").mkdir()
    told = dataclasses.replace(world.settings, exclude=("/scratch", "/*/er/no"), operations_per_second=1000)
    world.environment.update(told.to_environment())
    code, output = run(world)

    assert code == 0, output
    world.publish()
    manifest = newest_index(world.store, world.settings.file_system_id)
    assert {hit.path for hit in search(world.store, manifest, "*")} == {
        "/deep",
        "/deep/er",
        "/deep/er/report.xlsx",
        "/link",
    }
    assert manifest.excluded[-2:] == ("/scratch", "/*/er/no")
    assert "/aws-backup-restore_*" in manifest.excluded


def test_a_later_worker_reports_the_expected_entries(world):
    run(world)
    world.publish()
    later = "fs-0123456789abcdef0-20261123T020000Z-abcdef"
    world.environment["TIDEMARK_INDEX_ID"] = later
    code, output = run(world)

    assert code == 0, output
    progress = json.loads(world.store.get(f"{world.prefix.rpartition('/fs-')[0]}/{later}/progress.json"))
    assert progress["entries_expected"] == 4


@pytest.mark.parametrize("published", [False, True])
def test_a_worker_that_finds_the_index_written_reports_it(world, published):
    run(world)
    if published:
        world.publish()
    (world.tree / "later").write_text("")
    code, output = run(world)  # as if a worker died between the manifest and its report

    assert code == 0, output
    first, second = world.states.of("SendTaskSuccess")
    first, second = json.loads(first["output"]), json.loads(second["output"])
    assert len(proposals(world)) == 1
    if published:
        assert second.pop("manifest_key") == f"{world.prefix}manifest.json"
        first.pop("manifest_key")
    assert first == second


def test_a_worker_that_resumes_late_does_not_touch_its_successors_files(world):
    """It was considered dead before it wrote its parts; its successor has made the index since."""
    store = world.store
    identity = IndexIdentity(
        account="123456789012",
        region="eu-central-1",
        file_system_id=world.settings.file_system_id,
        index_id=world.settings.index_id,
    )

    def successor() -> None:
        (world.tree / "of the successor").write_text("")
        assert run(world)[0] == 0
        world.publish()

    (world.tree / "of the first").write_text("")
    crawl = open_crawl(os.fsencode(world.tree), CrawlOptions(threads=1))
    with tempfile.TemporaryDirectory() as scratch:
        build_index(
            crawl,
            store,
            identity,
            scratch=Path(scratch),
            now=lambda: datetime.now(UTC),
            worker="frozen",
            may_complete=successor,
            attempt="attempt-0123456789abcdef",
        )
    manifest = newest_index(store, world.settings.file_system_id)
    assert manifest.worker != "frozen"
    assert list(verify(store, manifest)) == []
    names = {hit.path for hit in search(store, manifest, "of the*")}
    assert names == {"/of the first", "/of the successor"}
    assert len(proposals(world)) == 2, "what it left is garbage"


def test_no_manifest_is_proposed_until_step_functions_confirms_that_the_session_waits(world, monkeypatch):
    """Step Functions is unreachable at that moment."""
    states = boto3.client("stepfunctions", region_name="eu-central-1")
    asked: list[str] = []

    def refused(**_: Any) -> None:
        asked.append("")
        raise EndpointConnectionError(endpoint_url="https://states")

    monkeypatch.setattr(states, "send_task_heartbeat", refused)
    heartbeat = Heartbeat(
        states,
        world.store,
        IndexIdentity(account="1", region="r", file_system_id="fs-0", index_id="i"),
        task_token="t",
        every_seconds=60,
        crawl=CrawlProgress,
        build=BuildProgress(),
        stop_crawl=lambda: None,
        now=lambda: datetime.now(UTC),
        pauses=(0.01, 0.01),
    )
    heartbeat.check()  # one lost heartbeat does not end the work
    with pytest.raises(AwsUnreachable):
        heartbeat.check_now()
    assert len(asked) == 3
    monkeypatch.setattr(states, "send_task_heartbeat", lambda **_: {})
    heartbeat.check_now()


def test_every_log_line_is_json_even_when_names_are_hostile(world):
    (world.tree / "evil\n{}\x1b[2J").write_text("")
    _, output = run(world)

    assert all(json.loads(line)["message"] for line in output.splitlines())


@pytest.mark.parametrize("answer", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_worker_whose_session_no_longer_waits_writes_no_manifest(world, answer):
    world.states.dead = answer

    code, output = run(world)

    assert code == LeaseLost.exit_code, output
    assert not has_manifest(world)
    assert world.states.of("SendTaskSuccess") == world.states.of("SendTaskFailure") == []


def test_a_token_that_expires_during_the_crawl_is_detected_before_the_manifest(world):
    world.states.dead, world.states.dead_after = "TaskTimedOut", 1

    code, output = run(world)

    assert code == LeaseLost.exit_code, output
    assert len(world.states.of("SendTaskHeartbeat")) >= 2
    assert not has_manifest(world)


def test_an_unreadable_root_is_reported_by_its_name(world):
    world.environment["TIDEMARK_ROOT"] = str(world.tree / "nothing")

    code, _ = run(world)

    assert code == CrawlFailed.exit_code
    (failure,) = world.states.of("SendTaskFailure")
    assert failure["error"] == "CrawlFailed"
    assert "nothing" in failure["cause"]
    assert not has_manifest(world)


def test_a_root_whose_listing_fails_is_reported_and_no_empty_index_is_left(world, tmp_path):
    world.environment["LD_PRELOAD"] = str(refusing.library(tmp_path))
    world.environment["REFUSE_READDIR"] = world.environment["TIDEMARK_ROOT"]

    code, output = run(world)

    assert code == CrawlFailed.exit_code, output
    (failure,) = world.states.of("SendTaskFailure")
    assert failure["error"] == "CrawlFailed"
    assert "Input/output error" in failure["cause"]
    assert not has_manifest(world)


def test_sigterm_ends_it_immediately_and_is_reported_to_the_session(world):
    wide = world.tree / "wide"
    wide.mkdir()
    for number in range(30_000):
        os.link(world.tree / "deep/er/report.xlsx", wide / str(number))
    with start(world) as worker:
        world.states.wait_for("SendTaskHeartbeat")
        started = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        output, _ = worker.communicate(timeout=30)

    assert worker.returncode == WorkerStopped.exit_code, output
    assert time.monotonic() - started < 25
    assert [failure["error"] for failure in world.states.of("SendTaskFailure")] == ["WorkerStopped"]
    assert not has_manifest(world)


def test_missing_settings_are_named(world):
    del world.environment["TIDEMARK_TASK_TOKEN"]

    code, output = run(world)

    assert code == 10
    assert "TIDEMARK_TASK_TOKEN" in output
