"""The tags of recovery points: sealed when a point is made, and told its index when that is complete."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.clients import Clients
from tidemark.aws.errors import code_of, is_denied
from tidemark.aws.tag_keys import TagKeys
from tidemark.errors import ForeignTag
from tidemark.sessions.session import Point, Session
from tidemark.tags import PointMetadata, open_tags, seal, seal_index

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)  # no slots: cached_property needs a __dict__
class PointTags:
    """Writes and reads the tags of one deployment's recovery points."""

    clients: Clients
    deployment: str
    region: str
    repository: str
    kms_key: str

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

    def for_new_point(self, session: Session, *, retention_days: int | None) -> dict[str, str]:
        """Return the tags to give StartBackupJob. The same session, the same tags."""
        metadata = PointMetadata(
            session=session.session_id,
            policy=session.policy,
            file_system=session.file_system.file_system_id,
            account=session.file_system.account,
            region=session.file_system.region,
            created=session.opened_at,
            retention_days=retention_days,
            index=session.index_id,
        )
        return seal(
            metadata,
            file_system=session.file_system.arn,
            key=self.keys.current(),
            deployment=self.deployment,
        )

    def tell_index(self, session: Session, point: Point, index_id: str) -> None:
        """Write the index id into a point's tags. A point that is deleted already needs none.

        One whose tags may not be used is logged, since it may be deleted as well.

        Nor does one whose tags somebody has changed: the records say what its index is, and `tidemark
        recovery-points` reports the tags. Raising would keep its session from ever being closed.
        """
        client = self.clients.of("backup", point.region)
        try:
            tags = all_tags(client, point.recovery_point_arn)
            data_keys = self.keys.all()
            opened = open_tags(
                tags, file_system=session.file_system.arn, keys=data_keys, deployment=self.deployment
            )
            if opened.metadata is not None and opened.metadata.index == index_id:
                return
            sealed = seal_index(
                tags,
                index_id,
                file_system=session.file_system.arn,
                keys=data_keys,
                deployment=self.deployment,
            )
            client.tag_resource(ResourceArn=point.recovery_point_arn, Tags=sealed)
        except ForeignTag as error:
            _LOG.warning("%s: %s", point.recovery_point_arn, error)
        except ClientError as error:
            if is_denied(error):
                # AWS answers so for a point that is gone, too. Its session must be closed all the same.
                _LOG.warning(
                    "%s: %s; either the point or its vault was deleted, or backup:ListTags and "
                    "backup:TagResource are not granted in %s",
                    point.recovery_point_arn,
                    error,
                    point.region,
                )
            elif code_of(error) != "ResourceNotFoundException":
                raise


def all_tags(client: BackupClient, recovery_point_arn: str) -> dict[str, str]:
    """Return all tags of a point, the customer's too. ListTags answers in pages."""
    page = client.list_tags(ResourceArn=recovery_point_arn)
    tags = dict(page["Tags"])
    while token := page.get("NextToken"):
        page = client.list_tags(ResourceArn=recovery_point_arn, NextToken=token)
        tags |= page["Tags"]
    return tags
