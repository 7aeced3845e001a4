"""Restore plans and their results in the repository.

    restores/<account>/<region>/<file system>/plans/<plan id>.json     written by the CLI
    restores/<account>/<region>/<file system>/<restore id>/jobs.json   written before each worker's launch
    restores/<account>/<region>/<file system>/<restore id>/...         written by the worker

The plan of a session is named in the input of its execution with its digest, so that a replaced plan is not
executed. Functions use this module; it does not import `tidemark/index`, which they do not carry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of
from tidemark.aws.s3_url import place_of
from tidemark.errors import RestoreFailed
from tidemark.restore.plan import Plan
from tidemark.sessions.restore_session import RestoreJob
from tidemark.sessions.session import FileSystem

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# S3 answers either for a missing object, depending on the caller's right to list.
_MISSING = {"NoSuchKey", "AccessDenied"}


def plan_key(file_system: FileSystem, plan_id: str) -> str:
    """Return the key of a plan, relative to the repository."""
    return f"restores/{file_system}/plans/{plan_id}.json"


def jobs_key(file_system: FileSystem, restore_id: str) -> str:
    """Return the key of the finished jobs of a session, relative to the repository."""
    return f"restores/{file_system}/{restore_id}/jobs.json"


def write_plan(s3: S3Client, repository: str, plan: Plan) -> str:
    """Write a plan and return its digest, for the input of restore-session."""
    body = plan.to_json()
    file_system = FileSystem(plan.account, plan.region, plan.file_system_id)
    _put(s3, repository, plan_key(file_system, plan.plan_id), body)
    return hashlib.sha256(body).hexdigest()


def read_plan(s3: S3Client, repository: str, file_system: FileSystem, plan_id: str, sha256: str) -> Plan:
    """Return a plan; raise RestoreFailed if it is missing or was replaced."""
    bucket, prefix = place_of(repository)
    key = plan_key(file_system, plan_id)
    try:
        body = s3.get_object(Bucket=bucket, Key=prefix + key)["Body"].read()
    except ClientError as error:
        if code_of(error) not in _MISSING:
            raise
        raise RestoreFailed(
            f"the restore plan {repository}/{key} cannot be read ({code_of(error)}); plan the restore again "
            f"with: tidemark restore"
        ) from error
    if hashlib.sha256(body).hexdigest() != sha256:
        raise RestoreFailed(
            f"the restore plan {repository}/{key} is not the one that was confirmed; find out what replaced "
            f"it, then plan the restore again with: tidemark restore"
        )
    return Plan.from_json(body, f"{repository}/{key}")


def write_jobs(
    s3: S3Client, repository: str, file_system: FileSystem, restore_id: str, jobs: Sequence[RestoreJob]
) -> None:
    """Write the completed jobs, for the worker: their points, ranges and times."""
    content = [
        {
            "job_id": job.job_id,
            "point": job.point,
            "first": job.first,
            "end": job.end,
            "began_at": (job.began_at or job.started_at).isoformat(),
            "completed_at": job.completed_at.isoformat() if job.completed_at else None,
        }
        for job in jobs
    ]
    _put(s3, repository, jobs_key(file_system, restore_id), json.dumps(content).encode())


def _put(s3: S3Client, repository: str, key: str, body: bytes) -> None:
    bucket, prefix = place_of(repository)
    s3.put_object(Bucket=bucket, Key=prefix + key, Body=body, ContentType="application/json")
