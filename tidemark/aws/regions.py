"""The Regions in the SDK's data, and their DNS suffixes."""

from __future__ import annotations

from typing import Any

from botocore.session import Session, get_session

from tidemark.policy.regions import Regions


def sdk_regions() -> Regions:
    """Return the Regions of AWS Backup and of EFS in every partition. Makes no call."""
    session = get_session()
    return Regions(
        known=frozenset(
            region
            for partition in session.get_available_partitions()
            for service in ("backup", "efs")
            for region in session.get_available_regions(service, partition)
        ),
        forms={partition["id"]: partition["regionRegex"] for partition in _partitions(session)},
    )


def url_suffix(region: str) -> str:
    """Return the DNS suffix of a Region's services: amazonaws.com.cn in China, for example.

    Raises botocore's UnknownRegionError for a name of no partition, which the configuration rejects.
    """
    session = get_session()
    name = session.get_partition_for_region(region)
    (outputs,) = (one["outputs"] for one in _partitions(session) if one["id"] == name)
    return str(outputs["dnsSuffix"])


def _partitions(session: Session) -> list[dict[str, Any]]:
    """Return the partitions in botocore's partitions.json."""
    return list(session.get_component("data_loader").load_data("partitions")["partitions"])
