"""The heartbeat alone: when it ends the work, and what it reports."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tidemark.crawl.crawler import CrawlProgress
from tidemark.errors import LeaseLost, TidemarkError, WorkerStopped
from tidemark.index.build.progress import BuildProgress
from tidemark.index.format.manifest import IndexIdentity
from worker_image.heartbeat import Heartbeat

IDENTITY = IndexIdentity(account="1", region="r", file_system_id="fs-0", index_id="fs-0-i")
PROGRESS = "indexes/1/r/fs-0/fs-0-i/progress.json"


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "SendTaskHeartbeat")


class World:
    """Stubs of Step Functions and a repository that return or raise configured results."""

    def __init__(self) -> None:
        self.answer: Exception | None = None
        self.put_answer: Exception | None = None
        self.beats: list[str] = []
        self.stopped_crawls = 0
        self.stored: dict[str, Any] = {}
        self.build = BuildProgress(monotonic=lambda: 0.0)

    def send_task_heartbeat(self, *, taskToken: str) -> None:  # noqa: N803  (AWS's name)
        self.beats.append(taskToken)
        if self.answer is not None:
            raise self.answer

    def put(self, key: str, body: bytes) -> None:
        if self.put_answer is not None:
            raise self.put_answer
        self.stored[key] = json.loads(body)

    def stop_crawl(self) -> None:
        self.stopped_crawls += 1

    def heartbeat(self) -> Heartbeat:
        return Heartbeat(
            self,  # type: ignore[arg-type]  # the one call that it makes
            self,  # type: ignore[arg-type]
            IDENTITY,
            task_token="token",
            every_seconds=3600,
            crawl=lambda: CrawlProgress(entries=7, directories=3, directories_queued=2, bytes=11),
            build=self.build,
            stop_crawl=self.stop_crawl,
            now=lambda: datetime(2026, 11, 22, 2, 0, 0, 5, tzinfo=UTC),
            pauses=(0.0, 0.0),
        )


@pytest.fixture
def world() -> World:
    return World()


def test_it_sends_a_heartbeat_before_the_work_starts_and_reports_progress(world: World) -> None:
    world.build.begin(entries_expected=100, entries=20)
    heartbeat = world.heartbeat()
    heartbeat.start()
    try:
        assert world.beats == ["token"]
        report = world.stored.pop(PROGRESS)
        del report["elapsed_seconds"], report["entries_per_second"]
        assert report == {
            "index_id": "fs-0-i",
            "phase": "crawling",
            "entries": 27,
            "entries_expected": 100,
            "directories": 3,
            "directories_queued": 2,
            "bytes": 11,
            "seconds_left": None,
            "updated_at": "2026-11-22T02:00:00Z",
        }
        world.build.begin_writing()
        world.build.crawled(400_000)
    finally:
        heartbeat.close()
    assert world.beats == ["token"], "closing sends none"
    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}, (
        "nothing writes after the last"
    )
    final = world.stored[PROGRESS]
    assert (final["phase"], final["seconds_left"]) == ("writing", 2)


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_an_expired_token_ends_the_work_before_it_starts(world: World, code: str) -> None:
    world.answer = refusal(code)
    with pytest.raises(LeaseLost):
        world.heartbeat().start()
    assert world.stopped_crawls == 1


@pytest.mark.parametrize(
    "answer", [refusal("ThrottlingException"), EndpointConnectionError(endpoint_url="https://states")]
)
def test_a_failed_heartbeat_does_not_end_the_work_but_prevents_the_manifest(
    world: World, answer: Exception
) -> None:
    world.answer = answer
    heartbeat = world.heartbeat()
    heartbeat.start()
    heartbeat.close()
    assert world.stopped_crawls == 0
    heartbeat.check()
    with pytest.raises((TidemarkError, ClientError)) as raised:
        heartbeat.check_now()
    assert not isinstance(raised.value, LeaseLost)
    assert len(world.beats) == 4, "one at the start, and three that ask"
    world.answer = None
    heartbeat.check_now()
    assert len(world.beats) == 5, "the first answer is enough"


@pytest.mark.parametrize(
    "answer", [refusal("AccessDenied"), EndpointConnectionError(endpoint_url="https://s3")]
)
def test_a_failure_to_write_progress_does_not_end_the_work(world: World, answer: Exception) -> None:
    world.put_answer = answer
    heartbeat = world.heartbeat()
    heartbeat.start()
    heartbeat.close()
    heartbeat.check()


def test_a_stopped_worker_reports_so_unless_its_token_has_expired(world: World) -> None:
    heartbeat = world.heartbeat()
    heartbeat.check()
    heartbeat.stop()
    assert world.stopped_crawls == 1
    with pytest.raises(WorkerStopped, match="fs-0-i"):
        heartbeat.check()
    with pytest.raises(WorkerStopped):
        heartbeat.check_now()
    world.answer = refusal("TaskTimedOut")
    with pytest.raises(LeaseLost):
        heartbeat.check_now()
