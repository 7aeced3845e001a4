"""The only reader of the environment.

Each program of Tidemark declares its environment variables here. `infra/` sets those of the Lambdas, the
launching Lambda sets those of the worker, and the user sets those of the CLI. The variable of a field is
`TIDEMARK_` and the field's name in upper case; `infra/` gets it from `variable_name`, so that each name is
written once. AWS's own variables (credentials, Region, endpoints) are read by the SDK, not here.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Self

from tidemark.errors import ConfigurationError

PREFIX = "TIDEMARK_"
_TEXTS = "tuple[str, ...]"  # fields of this type are JSON lists in their variables
# The mount point of the file system in task definitions, on instances and in workers.
MOUNT_POINT = "/mnt/efs"


def variable_name(field: str) -> str:
    """Return the name of the environment variable of a settings field."""
    return PREFIX + field.upper()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _FromEnvironment:
    """Settings whose fields are read from the variables of their names."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read every field; a field with a default may be missing.

        Raises ConfigurationError with the names of all variables that are missing or are not a number or
        list.
        """
        source = os.environ if environment is None else environment
        values: dict[str, str | int | tuple[str, ...]] = {}
        wrong: list[str] = []
        for field in dataclasses.fields(cls):
            variable = variable_name(field.name)
            text = source.get(variable)
            if text is None:
                if field.default is dataclasses.MISSING:
                    wrong.append(variable)
            elif field.type == "int":
                if text.isdigit():
                    values[field.name] = int(text)
                else:
                    wrong.append(f"{variable} (not a whole number: {text!r})")
            elif field.type == _TEXTS:
                texts = _texts(text)
                if texts is not None:
                    values[field.name] = texts
                else:
                    wrong.append(f"{variable} (not a list in JSON: {text!r})")
            else:
                values[field.name] = text
        if wrong:
            raise ConfigurationError(
                f"environment variables missing or invalid: {', '.join(wrong)}; deploy again, or set them"
            )
        return cls(**values)

    def to_environment(self) -> dict[str, str]:
        """Return the variables that `from_environment` reads back as these settings."""
        return {
            variable_name(field.name): json.dumps(getattr(self, field.name), separators=(",", ":"))
            if field.type == _TEXTS
            else str(getattr(self, field.name))
            for field in dataclasses.fields(self)
            if not (field.default == "" and getattr(self, field.name) == "")
        }


def _texts(text: str) -> tuple[str, ...] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return tuple(found) if isinstance(found, list) and all(isinstance(one, str) for one in found) else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LambdaSettings(_FromEnvironment):
    """The settings of every Lambda of a deployment."""

    deployment: str
    account: str
    region: str
    sessions_table: str
    indexes_table: str
    repository: str  # s3://bucket/prefix
    tag_key: str  # ARN of the KMS key that wraps the tags' data keys
    backup_role: str  # ARN that AWS Backup assumes
    topic: str  # ARN of the SNS topic for session results
    indexing_session: str  # ARN of the indexing-session state machine
    cluster: str  # ARN of the workers' ECS cluster
    worker_image: str  # URI of the worker's container image
    worker_task_role: str  # ARN, or a pattern of ARNs: see workers.arn_for
    worker_execution_role: str
    worker_instance_profile: str  # the same, for EC2 workers
    worker_log_group: str
    restores_table: str
    restore_session: str  # ARN of the restore-session state machine
    restore_test: str  # ARN of the restore-test state machine
    restore_role: str  # ARN that AWS Backup assumes to restore
    restore_task_role: str  # as worker_task_role, for workers that place restored files
    restore_instance_profile: str
    restore_new_task_role: str  # ARN, for workers that place files in a new file system
    verification_task_role: str  # ARN, for workers that verify the file system of a restore test
    sites: str = ""  # SSM parameter that lists the other sites; empty if there are none


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _AnyWorkerSettings(_FromEnvironment):
    """How a worker reaches the deployment from another site; all empty in the home site."""

    home_region: str = ""  # of the repository and of the session; empty: the Region of the file system
    callback_role: str = ""  # ARN of the role that may answer the session; empty: the worker's own role
    callback_external_id: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings(_AnyWorkerSettings):
    """The settings that the launching Lambda passes to an indexing worker."""

    task_token: str
    index_id: str
    account: str
    region: str
    file_system_id: str
    repository: str  # s3://bucket/prefix
    root: str = MOUNT_POINT  # where the file system is mounted
    exclude: tuple[str, ...] = ()  # patterns of directories; see exclusions.py
    operations_per_second: int = 0  # 0: no limit
    damage: str = ""  # JSON of the thresholds of the damage alarm; empty: the defaults
    accepted_until: str = ""  # index id: a person has accepted suspicious changes up to this index
    heartbeat_seconds: int = 60

    @property
    def run_id(self) -> str:
        """The id of the run that the worker belongs to."""
        return self.index_id


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RestoreWorkerSettings(_AnyWorkerSettings):
    """The settings that the launching Lambda passes to a restore worker."""

    task_token: str
    restore_id: str
    plan_id: str
    account: str
    region: str
    file_system_id: str
    repository: str  # s3://bucket/prefix
    root: str = MOUNT_POINT  # where the file system is mounted
    heartbeat_seconds: int = 60

    @property
    def run_id(self) -> str:
        """The id of the run that the worker belongs to."""
        return self.restore_id


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VerificationWorkerSettings(_AnyWorkerSettings):
    """The settings that the launching Lambda passes to the worker of a restore test. Times are ISO 8601."""

    task_token: str
    restore_id: str
    account: str
    region: str
    file_system_id: str  # the one that was backed up, not the restored one
    repository: str  # s3://bucket/prefix
    recovery_point_arn: str
    index_id: str  # describes the recovery point
    exact_index_id: str  # of the index that the worker builds
    backup_started_at: str
    backup_ended_at: str
    restore_job_id: str
    restored_file_system_id: str
    restore_began_at: str
    restore_completed_at: str
    root: str = MOUNT_POINT  # where the restored file system is mounted
    heartbeat_seconds: int = 60

    @property
    def run_id(self) -> str:
        """The id of the run that the worker belongs to."""
        return self.restore_id


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CliSettings(_FromEnvironment):
    """The settings that the CLI reads from its user's environment."""

    deployment: str = "tidemark"


def enter_environment(variables: Mapping[str, str]) -> None:
    """Set `variables` in this process's environment, and remove all others that begin with AWS_."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(variables)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SynthSettings(_FromEnvironment):
    """The settings that `app.py` reads from its user's environment."""

    config: str = "tidemark.yaml"  # path of the configuration
