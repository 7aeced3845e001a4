"""CloudFormation: stacks whose resources are created through the AWS APIs of the local cloud.

moto's CloudFormation imports the models of some twenty services (100 MB, 3 s), answers a failing resource
with HTTP 500 and lacks half of the types of a current CDK application. This package supports the types in
`types/`, listed in one table; other types fail with an error that names them.
"""

from __future__ import annotations

from localcloud.cloudformation.api import CloudFormation
from localcloud.core.cloud import Cloud


def install(cloud: Cloud) -> None:
    """Register CloudFormation's operations."""
    cloud.answer("cloudformation", **CloudFormation(cloud).operations())
