"""The Regions that the SDK's own data knows."""

from __future__ import annotations

from botocore.session import get_session

from tidemark.policy.regions import Regions


def sdk_regions() -> Regions:
    """Return the Regions of AWS Backup and of EFS in every partition. Makes no call."""
    session = get_session()
    partitions = session.get_component("data_loader").load_data("partitions")["partitions"]
    return Regions(
        known=frozenset(
            region
            for partition in session.get_available_partitions()
            for service in ("backup", "efs")
            for region in session.get_available_regions(service, partition)
        ),
        forms={partition["id"]: partition["regionRegex"] for partition in partitions},
    )
