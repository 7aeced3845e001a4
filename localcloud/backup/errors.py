"""The errors of AWS Backup's API, as botocore's model names them."""

from __future__ import annotations

from typing import ClassVar

from localcloud.core.cloud import AwsError


class BackupError(AwsError):
    """A refusal; `shape` is what a client's `except client.exceptions.X` sees."""

    shape: ClassVar[str] = "ServiceUnavailableException"

    def __init__(self, message: str) -> None:
        super().__init__(self.shape, message, Message=message)


class ResourceNotFound(BackupError):
    """A named vault, job, recovery point or role does not exist."""

    shape = "ResourceNotFoundException"


class AccessDenied(BackupError):
    """The caller has no permission, or the resource does not exist."""

    shape = "AccessDeniedException"


class InvalidParameterValue(BackupError):
    """A parameter is out of range, malformed or contradicts another."""

    shape = "InvalidParameterValueException"


class MissingParameterValue(BackupError):
    """A required parameter is absent."""

    shape = "MissingParameterValueException"


class InvalidRequest(BackupError):
    """The request is well formed but not valid for the resource."""

    shape = "InvalidRequestException"


class InvalidResourceState(BackupError):
    """The recovery point is busy; retry later."""

    shape = "InvalidResourceStateException"


class AlreadyExists(BackupError):
    """There is a resource of this name."""

    shape = "AlreadyExistsException"


class LimitExceeded(BackupError):
    """A quota is exceeded."""

    shape = "LimitExceededException"
