"""The resources of a deployment's stacks, by the names that the sources give them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_HASH = re.compile(r"[0-9A-F]{8}$")  # the CDK's, at the end of a logical id


def stack_resources(client: CloudFormationClient, stack: str) -> Mapping[str, str] | None:
    """Return the physical ids of a stack's resources by logical id without its hash; None without a stack."""
    try:
        pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
        return {
            _HASH.sub("", resource["LogicalResourceId"]): resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if "PhysicalResourceId" in resource
        }
    except ClientError as error:
        if code_of(error) == "ValidationError" and "does not exist" in str(error):
            return None
        raise
