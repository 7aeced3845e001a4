"""The JSON that commands print: field names that programs may rely on. docs/cli.md lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidemark.cli.terminal import json_time

if TYPE_CHECKING:
    from tidemark.index.entry import Entry
    from tidemark.sessions.indexing import Index
    from tidemark.sessions.session import Point, Session

SESSION_FIELDS = (
    "session_id, policy, account, region, file_system, status, reasons[], opened_at, ended_at, "
    "index_wanted, index_id, execution_arn, points[]"
)
POINT_FIELDS = "recovery_point_arn, kind, account, region, vault, job_id, size_bytes, completed_at, issues"
ENTRY_FIELDS = (
    "path, path_base64, type, size_bytes, modified_at, changed_at, uid, gid, mode, links, inode, target"
)


def session_json(session: Session) -> dict[str, Any]:
    """Return a session as its record has it."""
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
        "points": [point_json(point) for point in session.points],
    }


def point_json(point: Point) -> dict[str, Any]:
    """Return a recovery point or copy as its session records it."""
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
    """Return an index as its record has it; the totals are there when it is complete."""
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


def entry_json(entry: Entry) -> dict[str, Any]:
    r"""Return an entry of an index.

    `path` shows bytes that are not UTF-8 as `\xNN`; `path_base64` holds the true bytes where they differ.
    """
    import base64

    raw = entry.raw_path
    return {
        "path": entry.path,
        "path_base64": None if raw == entry.path.encode() else base64.b64encode(raw).decode(),
        "type": entry.type,
        "size_bytes": entry.size,
        "modified_at": json_time(entry.mtime),
        "changed_at": json_time(entry.ctime),
        "uid": entry.uid,
        "gid": entry.gid,
        "mode": f"{entry.mode:04o}",
        "links": entry.nlink,
        "inode": entry.inode,
        "target": entry.target,
    }
