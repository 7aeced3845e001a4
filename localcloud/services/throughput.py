"""EFS: UpdateFileSystem, which moto lacks.

Source: EFS API Reference, UpdateFileSystem; EFS user guide, "Performance specifications": Elastic throughput
excludes the performance mode Max I/O, and the mode can be changed once in 24 hours. Assumed: the mode of
CreateFileSystem is no change.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from localcloud.core.cloud import Cloud

MODES = ("bursting", "provisioned", "elastic")
DAY = timedelta(hours=24)


def install(cloud: Cloud) -> None:
    """Add the operation to moto."""
    from moto.efs.exceptions import BadRequest, EFSError, FileSystemNotFound
    from moto.efs.responses import EFSResponse

    changed: dict[str, datetime] = {}  # when a file system's throughput was last changed

    class TooManyRequests(EFSError):  # type: ignore[misc]  # moto has no types
        code = 429

        def __init__(self) -> None:
            super().__init__(
                "TooManyRequests", "The throughput mode can be changed 24 hours after its last change."
            )

    def update_file_system(self: EFSResponse) -> tuple[str, dict[str, Any]]:
        file_system_id = self._get_param("FileSystemId")
        found = self.efs_backend.file_systems_by_id.get(file_system_id)
        if found is None:
            raise FileSystemNotFound(file_system_id)
        mode = self._get_param("ThroughputMode") or found.throughput_mode
        provisioned = self._get_param("ProvisionedThroughputInMibps")
        if mode not in MODES:
            raise BadRequest(f"ThroughputMode must be one of {', '.join(MODES)}")
        if (mode == "provisioned") != (provisioned is not None):
            raise BadRequest("ThroughputMode provisioned and ProvisionedThroughputInMibps require each other")
        if mode == "elastic" and found.performance_mode == "maxIO":
            raise BadRequest("The performance mode maxIO does not support elastic throughput")
        now = cloud.clock.calendar()
        if file_system_id in changed and now - changed[file_system_id] < DAY:
            raise TooManyRequests
        changed[file_system_id] = now
        found.throughput_mode, found.provisioned_throughput_in_mibps = mode, provisioned
        answer = {"status": 202, "Content-Type": "application/json"}
        return json.dumps(found.info_json()), answer

    EFSResponse.update_file_system = update_file_system
