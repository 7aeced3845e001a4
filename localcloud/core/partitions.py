"""Partitions of AWS: ARN prefixes and domain suffixes of Regions.

An account exists in one partition. The local cloud has one account, in the partition of its default Region.
Source: botocore's partitions.json.
"""

from __future__ import annotations

import functools
import json
import re
from importlib import resources
from typing import Any


def partition_of(region: str) -> str:
    """Return the partition of a Region, such as aws-cn; `aws` for a name that matches no partition."""
    return str(_outputs(region)["name"])


def is_partition(name: str) -> bool:
    """Return whether AWS has a partition of this name."""
    return any(one["id"] == name for one in _partitions())


def url_suffix(region: str) -> str:
    """Return the value of AWS::URLSuffix in a Region: amazonaws.com.cn in China, for example."""
    return str(_outputs(region)["dnsSuffix"])


def regional_arn(service: str, region: str, account: str, resource: str) -> str:
    """Return the ARN of a resource in a Region."""
    return f"arn:{partition_of(region)}:{service}:{region}:{account}:{resource}"


def global_arn(service: str, region: str, account: str, resource: str) -> str:
    """Return the ARN of a resource that is global in the partition of `region`, such as IAM's."""
    return f"arn:{partition_of(region)}:{service}::{account}:{resource}"


@functools.cache
def _outputs(region: str) -> dict[str, Any]:
    partitions = _partitions()
    for partition in partitions:  # the second test: pseudo-Regions such as aws-cn-global
        if re.fullmatch(partition["regionRegex"], region) or region in partition["regions"]:
            return dict(partition["outputs"])
    return next(dict(one["outputs"]) for one in partitions if one["id"] == "aws")


@functools.cache
def _partitions() -> list[dict[str, Any]]:
    # Read without botocore's loader, whose import would slow down each command that an instance runs.
    text = resources.files("botocore").joinpath("data", "partitions.json").read_text()
    return list(json.loads(text)["partitions"])
