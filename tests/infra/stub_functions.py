"""Stubs that return results like Tidemark's functions, deployed to ministack in their place.

Runs on ministack's Python, which has botocore but not Tidemark. A file system's id determines the course of
its session, so that one deployment covers several cases. Calls are recorded in a file in its home.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

GOOD, BROKEN, UNREADABLE, SHARED, NEW, DRILLED, LOST = "fs-0", "fs-1", "fs-2", "fs-3", "fs-4", "fs-5", "fs-6"
CALLS = "calls"  # one line per call: [name, event]
COPY = {"region": "eu-west-1", "vault": "wine-copies", "account": None, "keep_days": None}
NAMES = (
    "await_index",
    "check_backup",
    "check_copy",
    "check_restore_job",
    "claim_index",
    "close_restore",
    "close_restore_test",
    "close_session",
    "complete_index",
    "configure_file_system",
    "configure_restore_test",
    "fail_index",
    "fail_policy_run",
    "fail_restore",
    "fail_restore_test",
    "fail_session",
    "finish_file_system",
    "launch_restore_worker",
    "launch_verification_worker",
    "launch_worker",
    "open_restore",
    "open_restore_test",
    "open_session",
    "plan_drill",
    "prepare_worker",
    "prune_file_system",
    "raise_damage_alarm",
    "remove_file_system",
    "remove_test_mount_targets",
    "remove_worker",
    "report_protection",
    "resolve_drills",
    "resolve_policy",
    "resolve_prune",
    "start_backup",
    "start_copy",
    "start_restore_job",
    "sweep",
    "take_restore_turn",
    "worker_stopped",
)


class BackupJobFailed(Exception):
    """Its name is the error name in the state machine."""


class CrawlFailed(Exception):
    """The same."""


class SessionFailed(Exception):
    """The same."""


def resolve_policy(event: Any) -> Any:
    systems = event["policy"].split("+")
    return {
        "sessions": [
            {"session_id": f"session-{one}", "policy": event["policy"], "file_system": one} for one in systems
        ],
        "retries_left": 0,
    }


def fail_policy_run(event: Any) -> Any:
    raise SessionFailed(",".join(one["session_id"] for one in event["results"] if one["failed"]))


def open_session(event: Any) -> Any:
    return {
        "session_id": event["session_id"],
        "policy": event["policy"],
        "file_system": event["file_system"],
        "index_wanted": True,
        "copies": [COPY, {**COPY, "region": "us-east-1"}],
    }


def start_backup(event: Any) -> Any:
    if event["session"]["file_system"] == BROKEN:
        raise BackupJobFailed("no such file system")
    return _job("backup", finished=False)


def check_backup(_event: Any) -> Any:
    return _job("backup", finished=True)


def start_copy(event: Any) -> Any:
    return _job("copy", finished=False, target=event["target"])


def check_copy(event: Any) -> Any:
    return _job("copy", finished=True, target=event["copy"]["target"])


def _job(kind: str, **more: Any) -> Any:
    return {"job_id": kind, "recovery_point_arn": f"arn:{kind}", "wait_seconds": 1, **more}


def claim_index(event: Any) -> Any:
    system = event["session"]["file_system"]
    return {"step": "share" if system == SHARED else "launch", "index_id": f"index-{system}"}


def await_index(event: Any) -> None:
    _send_success(event["task_token"], {"status": "complete", "index_id": "index", "reason": None})


def prepare_worker(event: Any) -> Any:
    if event["file_system"] == UNREADABLE:
        raise CrawlFailed("the file system cannot be mounted")
    return {"kind": "fargate", "task_definition": "arn:task"}


def launch_worker(event: Any) -> None:
    _send_success(event["task_token"], {"index_id": event["index_id"], "files": 3})


def complete_index(event: Any) -> Any:
    return {
        "index_id": event["index_id"],
        "files": event["totals"]["files"],
        "suspicious": False,
        "damage_key": "",
    }


def raise_damage_alarm(event: Any) -> Any:
    return {"index_id": event["index_id"], "held": [], "problems": []}


def resolve_prune(event: Any) -> Any:
    return {"file_systems": event.get("file_systems") or []}


def prune_file_system(_event: Any) -> None:
    pass


def remove_worker(_event: Any) -> Any:
    return {"workers": [], "task_definition": ""}


def fail_index(event: Any) -> Any:
    return {"status": "failed", "index_id": event["index_id"]}


def close_session(event: Any) -> Any:
    return event


def fail_session(event: Any) -> Any:
    raise SessionFailed(event["failure"]["Cause"])


def open_restore(event: Any) -> Any:
    kept = {name: event[name] for name in ("restore_id", "plan", "sha256", "file_system", "policy")}
    is_drill = event["file_system"] in (DRILLED, LOST)
    return {**kept, "is_new": event["file_system"] == NEW or is_drill, "is_drill": is_drill}


def take_restore_turn(event: Any) -> Any:
    waited = event["waited_seconds"]
    return {"is_mine": waited > 0, "waited_seconds": waited + 1, "wait_seconds": 1}


def start_restore_job(event: Any) -> Any:
    """Return one job per session, which restores nothing of a broken file system."""
    restore = event["restore"]
    lines = (Path.home() / CALLS).read_text().splitlines()
    earlier = [one for one in map(json.loads, lines) if one[0] == "start_restore_job"]
    is_first = sum(one[1]["restore"]["restore_id"] == restore["restore_id"] for one in earlier) == 1
    return {
        "job_id": "job" if is_first else "",
        "finished": False,
        "restored": 0 if is_first or restore["file_system"] == BROKEN else 1,
        "waited_seconds": 0,
        "wait_seconds": 1,
    }


def check_restore_job(event: Any) -> Any:
    """Return the job as finished at the second look."""
    job = event["job"]
    return {**job, "finished": job["waited_seconds"] > 0, "waited_seconds": job["waited_seconds"] + 1}


def configure_file_system(event: Any) -> Any:
    """Return the file system as ready at the second look."""
    setup = event["setup"]
    return {**setup, "is_ready": setup["waited_seconds"] > 0, "waited_seconds": 1, "wait_seconds": 1}


def resolve_drills(event: Any) -> Any:
    systems = event["policy"].split("+")
    return {
        "drills": [
            {"drill_id": f"drill-{one}", "policy": event["policy"], "file_system": one} for one in systems
        ]
    }


def plan_drill(event: Any) -> Any:
    if event["file_system"] == BROKEN:
        raise CrawlFailed("there is no recovery point")
    return {
        "plan": "plan",
        "sha256": "digest",
        "file_system": event["file_system"],
        "policy": event["policy"],
    }


def remove_file_system(event: Any) -> Any:
    """Return the file system as removed at the second look."""
    waited = event["removal"]["waited_seconds"]
    return {"is_removed": waited > 0, "waited_seconds": waited + 1, "wait_seconds": 1}


def finish_file_system(_event: Any) -> None:
    pass


def launch_restore_worker(event: Any) -> None:
    if event["restore"]["file_system"] in (UNREADABLE, LOST):
        failure = {"error": "RestoreFailed", "cause": "the file system cannot be mounted"}
        _states().send_task_failure(taskToken=event["task_token"], **failure)
    else:
        _send_success(event["task_token"], {"placed": 3})


def close_restore(event: Any) -> Any:
    totals = event.get("totals", {})
    reasons = [] if totals else [event.get("failure", {}).get("Cause", "nothing was restored")]
    return {"status": "failed" if reasons else "success", "reasons": reasons, "totals": totals}


def fail_restore(event: Any) -> Any:
    raise SessionFailed("; ".join(event["reasons"]))


def open_restore_test(event: Any) -> Any:
    restore_id = event["restore_job_id"]
    return {
        "restore_id": restore_id,
        "policy": "nightly",
        "is_duplicate": restore_id == "twice",
        "is_restored": True,
        "has_index": True,
    }


configure_restore_test = configure_file_system
remove_test_mount_targets = remove_file_system


def launch_verification_worker(event: Any) -> None:
    if event["test"]["restore_id"] == "unverified":
        failure = {"error": "RestoreFailed", "cause": "the file system cannot be mounted"}
        _states().send_task_failure(taskToken=event["task_token"], **failure)
    else:
        _send_success(event["task_token"], {"compared": 3})


def close_restore_test(event: Any) -> Any:
    reasons = [event["failure"]["Cause"]] if "failure" in event else []
    return {"status": "", "reasons": reasons, "totals": event.get("totals", {})}


fail_restore_test = fail_restore


def report_protection(_event: Any) -> None:
    pass


def sweep(_event: Any) -> None:
    pass


def worker_stopped(_event: Any) -> None:
    pass


def _send_success(token: str, output: Any) -> None:
    _states().send_task_success(taskToken=token, output=json.dumps(output))


def _states() -> Any:
    from botocore.session import get_session

    return get_session().create_client("stepfunctions", endpoint_url=os.environ["AWS_ENDPOINT_URL"])


def handler(name: str) -> Callable[[Any, Any], Any]:
    """Return the stub of `lambdas/<name>.py`."""

    def call(event: Any, _context: Any) -> Any:
        with (Path.home() / CALLS).open("a") as calls:
            calls.write(json.dumps([name, event]) + "\n")
        return globals()[name](event)

    return call
