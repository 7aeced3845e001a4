"""How many jobs run at once, by the engine alone."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

from localcloud.backup.arns import VaultArn
from localcloud.backup.engine import Durations, JobEngine, Worker
from localcloud.backup.jobs import MOST_COPIES, CopyJob
from localcloud.core.clock import ScaledClock
from localcloud.core.cloud import Cloud
from localcloud.core.faults import Faults

HERE, THERE, ELSEWHERE = "eu-central-1", "eu-west-1", "us-east-1"


def copy_job(engine: JobEngine, number: int, region: str) -> CopyJob:
    """Return a copy of a file system of its own."""
    arn = f"arn:aws:backup:{region}:123456789012:recovery-point:{number}"
    return CopyJob(
        id=f"{region} {number}",
        account="123456789012",
        region=HERE,
        resource_arn=f"file system {region} {number}",
        role_arn="role",
        created_at=engine.cloud.clock.now(),
        source_vault=VaultArn(HERE, "123456789012", "main"),
        source_point_arn="source",
        vault=VaultArn(region, "123456789012", "copies"),
        point_arn=arn,
    )


def test_a_hundred_copies_run_to_one_region_at_a_time_and_no_other_region_waits(tmp_path: Path) -> None:
    clock = ScaledClock(0.001)
    cloud = Cloud(
        endpoint_url="http://none", state_dir=tmp_path, keeps_state=False, clock=clock, faults=Faults(clock)
    )
    engine, enough = JobEngine(cloud, Durations(created=0, copy=0)), threading.Event()

    def run(_: CopyJob, _stop: threading.Event) -> int:
        enough.wait(30)
        return 0

    engine.workers[CopyJob] = Worker(
        operation="CopyJob", fault_states=(), begin=lambda _: None, run=run, settle=lambda _: None
    )
    try:
        for number in range(MOST_COPIES + 1):
            engine.submit(copy_job(engine, number, THERE))
        engine.submit(copy_job(engine, 0, ELSEWHERE))
        running = Counter(job.vault.region for job in engine.all(CopyJob) if job.state == "RUNNING")
        assert running == {THERE: 100, ELSEWHERE: 1}
        enough.set()
        until = time.monotonic() + 30
        while any(job.unfinished for job in engine.all(CopyJob)) and time.monotonic() < until:
            time.sleep(0.02)
        assert {job.state for job in engine.all(CopyJob)} == {"COMPLETED"}
    finally:
        enough.set()
        cloud.close()
