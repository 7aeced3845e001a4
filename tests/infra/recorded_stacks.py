"""The resources of the deployed stacks, for recording.py."""

from __future__ import annotations

from localcloud import LocalCloud


def stack_resources(cloud: LocalCloud) -> dict[str, dict[str, str]]:
    """Return logical and physical ids of the resources of the stacks in the home Region."""
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources")
    return {
        stack: {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages.paginate(StackName=stack)
            for one in page["StackResourceSummaries"]
        }
        for stack in ("Tidemark-tidemark", "Tidemark-tidemark-restore")
    }
