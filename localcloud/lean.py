"""Keeps moto small: what it reads into memory at import and hardly anybody asks for is left out."""

from __future__ import annotations

from typing import Any

from localcloud.cloud import Cloud


def install(cloud: Cloud) -> None:
    """Import moto's EC2 without its lists of which instance type is offered where: 60 MB and a second."""
    import moto.utilities.utils

    load_resource = moto.utilities.utils.load_resource

    def load(resource: str) -> Any:  # JSON
        return [] if "instance_type_offerings" in resource else load_resource(resource)

    moto.utilities.utils.load_resource = load
    try:
        import moto.ec2.models
    finally:
        moto.utilities.utils.load_resource = load_resource
