"""S3: what moto does otherwise than AWS."""

from __future__ import annotations

from localcloud.cloud import Cloud


def install(cloud: Cloud) -> None:
    """Nothing yet."""
