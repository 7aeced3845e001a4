"""The JSON that commands print. The field names are an interface of programs; docs/cli.md lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidemark.cli.output.terminal import json_time
from tidemark.escape import unescape

if TYPE_CHECKING:
    from tidemark.index.format.entry import Entry
    from tidemark.sessions.indexing import Index
    from tidemark.sessions.restore_session import RestoreSession
    from tidemark.sessions.restore_test import RestoreTest
    from tidemark.sessions.session import Job, Point, Session

SESSION_FIELDS = (
    "session_id, policy, account, region, file_system, status, reasons[], opened_at, ended_at, "
    "index_wanted, index_id, execution_arn, flags[] (D, W, M, Y; none for a manual run), points[], jobs[]"
)
POINT_FIELDS = "recovery_point_arn, kind, account, region, vault, job_id, size_bytes, completed_at, issues"
JOB_FIELDS = (
    "job_id, kind, account, region, vault, started_at, state (CREATED until the job ends or the sweeper "
    "polls it), message"
)
RESTORE_FIELDS = (
    "restore_id, plan_id, kind (restore, drill, test), account, region, file_system, new_file_system (its "
    "id, or null), status, phase (turn, jobs, placing, ended; of a test: mounting, verifying, removing, "
    "ended), reasons[], started_at, ended_at, execution_arn, totals, jobs[] with job_id, state, message, "
    "started_at, completed_at; test (null, or restore_job_id, recovery_point_arn, backup_started_at, "
    "backup_ended_at, index_id, exact_index_id, answer)"
)
ENTRY_FIELDS = (
    "path, path_base64, type, size_bytes, modified_at, changed_at, uid, gid, mode, links, inode, target, "
    "target_base64"
)


def session_json(session: Session) -> dict[str, Any]:
    """Return a session as recorded, with SESSION_FIELDS."""
    return {
        "session_id": session.session_id,
        "policy": session.policy,
        "account": session.file_system.account,
        "region": session.file_system.region,
        "file_system": session.file_system.file_system_id,
        "status": session.status.value,
        "reasons": list(session.reasons),
        "opened_at": json_time(session.opened_at),
        "ended_at": json_time(session.ended_at),
        "index_wanted": session.index_wanted,
        "index_id": session.index_id,
        "execution_arn": session.execution_arn,
        "flags": list(session.flags),
        "points": [point_json(point) for point in session.points],
        "jobs": [job_json(job) for job in session.jobs],
    }


def restore_json(session: RestoreSession) -> dict[str, Any]:
    """Return a restore session as recorded, with RESTORE_FIELDS."""
    return {
        "restore_id": session.restore_id,
        "plan_id": session.plan_id,
        "kind": session.kind,
        "account": session.file_system.account,
        "region": session.file_system.region,
        "file_system": session.file_system.file_system_id,
        "new_file_system": (session.target or None) if session.is_new else None,
        "status": session.status.value,
        "phase": session.phase,
        "reasons": list(session.reasons),
        "started_at": json_time(session.started_at),
        "ended_at": json_time(session.ended_at),
        "execution_arn": session.execution_arn,
        "totals": dict(session.totals),
        "jobs": [
            {
                "job_id": job.job_id,
                "state": job.state,
                "message": job.message,
                "started_at": json_time(job.started_at),
                "completed_at": json_time(job.completed_at),
            }
            for job in session.jobs
        ],
        "test": restore_test_json(session.test) if session.test else None,
    }


def restore_test_json(test: RestoreTest) -> dict[str, Any]:
    """Return what a restore test verifies, as recorded."""
    return {
        "restore_job_id": test.restore_job_id,
        "recovery_point_arn": test.recovery_point_arn,
        "backup_started_at": json_time(test.backup_started_at),
        "backup_ended_at": json_time(test.backup_ended_at),
        "index_id": test.index_id or None,
        "exact_index_id": test.exact_index_id,
        "answer": test.answer or None,
    }


def job_json(job: Job) -> dict[str, Any]:
    """Return a job as its session records it; `state` and `message` are as AWS Backup last returned them."""
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "account": job.account,
        "region": job.region,
        "vault": job.vault,
        "started_at": json_time(job.started_at),
        "state": job.state,
        "message": job.message,
    }


def point_json(point: Point) -> dict[str, Any]:
    """Return a recovery point or copy as its session records it, with POINT_FIELDS."""
    return {
        "recovery_point_arn": point.recovery_point_arn,
        "kind": point.kind,
        "account": point.account,
        "region": point.region,
        "vault": point.vault,
        "job_id": point.job_id,
        "size_bytes": point.size_bytes,
        "completed_at": json_time(point.completed_at),
        "issues": point.issues,
    }


def index_json(index: Index) -> dict[str, Any]:
    """Return an index as recorded; its totals are null until it is complete."""
    return {
        "index_id": index.index_id,
        "status": index.status.value,
        "started_at": json_time(index.started_at),
        "ended_at": json_time(index.ended_at),
        "reason": index.reason,
        "sessions": sorted(index.sessions),
        "files": index.totals.get("files"),
        "directories": index.totals.get("directories"),
        "others": index.totals.get("others"),
        "bytes": index.totals.get("bytes"),
        "unreadable": index.totals.get("unreadable"),
    }


def name_json(field: str, shown: str | None) -> dict[str, str | None]:
    r"""Return a name or a path as two fields: as an index shows it, and its raw bytes in base64.

    The second is null where the name is text, that is, where `shown` contains no `\xNN`.
    """
    import base64

    raw = None if shown is None or "\\x" not in shown else base64.b64encode(unescape(shown)).decode()
    return {field: shown, f"{field}_base64": raw}


def entry_json(entry: Entry) -> dict[str, Any]:
    """Return an entry of an index, with ENTRY_FIELDS."""
    return {
        **name_json("path", entry.path),
        "type": entry.type,
        "size_bytes": entry.size,
        "modified_at": json_time(entry.mtime),
        "changed_at": json_time(entry.ctime),
        "uid": entry.uid,
        "gid": entry.gid,
        "mode": f"{entry.mode:04o}",
        "links": entry.nlink,
        "inode": entry.inode,
        **name_json("target", entry.target),
    }
