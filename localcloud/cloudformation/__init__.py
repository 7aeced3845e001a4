"""CloudFormation: stacks whose resources are created through AWS's own APIs, here answered by this cloud.

moto's CloudFormation reaches into some twenty services' models, which it imports all (100 MB, 3 s), answers a
failing resource with HTTP 500 and lacks half of the types that a CDK application of today has. This one knows
the types in `types/`, in one table; others fail by name.
"""

from __future__ import annotations

from localcloud.cloudformation.api import CloudFormation
from localcloud.core.cloud import Cloud


def install(cloud: Cloud) -> None:
    """Answer CloudFormation's operations."""
    cloud.answer("cloudformation", **CloudFormation(cloud).operations())
