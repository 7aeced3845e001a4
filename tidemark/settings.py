"""The only reader of the environment.

Each program of Tidemark declares here what it is told through environment variables: the Lambdas by
`infra/`, the worker by the launching Lambda, the CLI by its user. A field's variable is its name in
capitals behind `TIDEMARK_`; `infra/` asks `variable_name` for it, so that a name is written once.
AWS's own variables (credentials, Region, endpoints) are the SDK's business and are not read here.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Self

from tidemark.errors import ConfigurationError

PREFIX = "TIDEMARK_"
_TEXTS = "tuple[str, ...]"  # the type of a field that its variable carries as a list in JSON
# Where a worker finds the file system; the same in a task definition, on an instance and in the worker.
MOUNT_POINT = "/mnt/efs"


def variable_name(field: str) -> str:
    """Return the environment variable that carries a settings field."""
    return PREFIX + field.upper()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _FromEnvironment:
    """Settings whose fields are read from the variables of their names."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read every field; a field with a default may be missing.

        Raises ConfigurationError naming the variables that are missing, or not a number or list.
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
                f"environment variables missing or wrong: {', '.join(wrong)}; deploy again, or set them"
            )
        return cls(**values)

    def to_environment(self) -> dict[str, str]:
        """Return the variables that `from_environment` reads back as these settings."""
        return {
            variable_name(field.name): json.dumps(getattr(self, field.name), separators=(",", ":"))
            if field.type == _TEXTS
            else str(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }


def _texts(text: str) -> tuple[str, ...] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return tuple(found) if isinstance(found, list) and all(isinstance(one, str) for one in found) else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LambdaSettings(_FromEnvironment):
    """What every Lambda of a deployment is told."""

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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings(_FromEnvironment):
    """What the launching Lambda tells one worker."""

    task_token: str
    index_id: str
    account: str
    region: str
    file_system_id: str
    repository: str  # s3://bucket/prefix
    root: str = MOUNT_POINT  # where the file system is mounted
    exclude: tuple[str, ...] = ()  # patterns of directories; see exclusions.py
    operations_per_second: int = 0  # 0: no limit
    heartbeat_seconds: int = 60


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CliSettings(_FromEnvironment):
    """What the CLI takes from its user's environment."""

    deployment: str = "tidemark"


def enter_environment(variables: Mapping[str, str]) -> None:
    """Make this process's environment that of another cloud: what named AWS before is forgotten."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(variables)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SynthSettings(_FromEnvironment):
    """What `app.py` takes from its user's environment."""

    config: str = "tidemark.yaml"  # path of the configuration
