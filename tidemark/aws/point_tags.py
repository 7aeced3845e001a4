"""The tags of recovery points: sealed when a point is created, and updated when its index is complete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tidemark.aws.clients import Clients
from tidemark.aws.errors import code_of, is_denied, message_of, translate
from tidemark.aws.tag_keys import TagKeys
from tidemark.errors import TidemarkError
from tidemark.sessions.indexing import Index
from tidemark.sessions.session import Point, Session
from tidemark.tags import PointMetadata, open_tags, seal, seal_index

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient

_ON_POINTS = {"ListTags", "TagResource"}  # AWS Backup's operations, not those of S3 and KMS


@dataclass(frozen=True, kw_only=True)  # no slots: cached_property needs a __dict__
class PointTags:
    """Writes and reads the tags of one deployment's recovery points."""

    clients: Clients
    deployment: str
    region: str
    repository: str
    kms_key: str
    # By account, and the session that calls. None: all points are in the account of `clients`.
    clients_of: Callable[[str, str], Clients] | None = None

    @cached_property
    def keys(self) -> TagKeys:
        """The deployment's data keys."""
        return TagKeys(
            s3=self.clients.of("s3", self.region),
            kms=self.clients.of("kms", self.region),
            repository=self.repository,
            kms_key=self.kms_key,
            deployment=self.deployment,
        )

    def for_new_point(
        self, session: Session, *, retention_days: int | None, has_history: Callable[[], bool]
    ) -> dict[str, str]:
        """Return the tags for StartBackupJob. Deterministic for a session.

        They contain no index, because it may still fail; `tag_with_index` adds it when it is complete.
        `has_history` is as in `TagKeys.current`. Raises TagKeyDamaged.
        """
        metadata = PointMetadata(
            session=session.session_id,
            policy=session.policy,
            file_system=session.file_system.file_system_id,
            account=session.file_system.account,
            region=session.file_system.region,
            created=session.opened_at,
            retention_days=retention_days,
        )
        return seal(
            metadata,
            file_system=session.file_system.arn,
            key=self.keys.current(has_history),
            deployment=self.deployment,
        )

    def tag_with_index(self, session: Session, point: Point, index: Index) -> str:
        """Write an index's id and its manifest's digest into a point's tags; return the problem, or "".

        Does not raise AWS errors: the records also contain the point's index, and one point must not prevent
        a session from being closed. A deleted point needs no tags.
        """
        try:
            self._tag_with_index(session, point, index)
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return ""
            if error.operation_name in _ON_POINTS and is_denied(error):
                return (  # AWS also returns this for a deleted point
                    f"{message_of(error)}; either the point or its vault was deleted, or backup:ListTags and "
                    f"backup:TagResource are not granted in {point.region}"
                )
            return str(translate(error) or error)
        except BotoCoreError as error:
            return str(translate(error) or error)
        except TidemarkError as error:
            return str(error)
        return ""

    def _tag_with_index(self, session: Session, point: Point, index: Index) -> None:
        there = self.clients
        if self.clients_of is not None:
            there = self.clients_of(point.account, session.session_id)
        client = there.of("backup", point.region)
        tags = all_tags(client, point.recovery_point_arn)
        data_keys = self.keys.needed_by(tags)
        opened = open_tags(
            tags, file_system=session.file_system.arn, keys=data_keys, deployment=self.deployment
        )
        named = (index.index_id, index.manifest_sha256)
        if opened.metadata is not None and (opened.metadata.index, opened.metadata.manifest_sha256) == named:
            return
        sealed = seal_index(
            tags,
            *named,
            file_system=session.file_system.arn,
            keys=data_keys,
            deployment=self.deployment,
        )
        client.tag_resource(ResourceArn=point.recovery_point_arn, Tags=sealed)


def all_tags(client: BackupClient, recovery_point_arn: str) -> dict[str, str]:
    """Return all tags of a point, including the customer's. ListTags is paginated."""
    page = client.list_tags(ResourceArn=recovery_point_arn)
    tags = dict(page["Tags"])
    while token := page.get("NextToken"):
        page = client.list_tags(ResourceArn=recovery_point_arn, NextToken=token)
        tags |= page["Tags"]
    return tags
