"""Reduces memory and start-up time: skips data that moto and botocore load but the server does not use."""

from __future__ import annotations

import ctypes
import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localcloud.core.cloud import Cloud

_M_ARENA_MAX = -8  # source: malloc.h
_DOCUMENTATION = re.compile(rb'"documentation"\s*:\s*"[^"\\]*(?:\\.[^"\\]*)*"')
_NAMES_AN_ACTION = re.compile(rb"[a-z0-9]:[A-Z]")  # as in ec2:DescribeSubnets


def install(cloud: Cloud) -> None:
    """Patch the loaders; must run before any other module of moto is imported."""
    _one_arena()
    _models_without_documentation()
    _one_loader()
    _ec2_without_offerings()


def _one_arena() -> None:
    """Let all threads share one malloc arena; saves 40 MB.

    Each request has a thread, and later threads would not reuse memory that earlier ones freed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def _models_without_documentation() -> None:
    """Load botocore's service models as plain dicts, without their documentation, and each only once.

    The first halves their memory. moto creates a loader for each of its backends, which would parse the same
    models. Text that may name a required permission stays, for iam/documented_permissions.py.
    """
    from botocore.loaders import JSONFileLoader

    loaded: dict[str, Any] = {}

    def load_file(self: JSONFileLoader, full_path: str, open_method: Callable[..., Any]) -> Any:
        if full_path in loaded:
            return loaded[full_path]
        if not Path(full_path).is_file():
            return None
        with open_method(full_path, "rb") as file:
            model = json.loads(_DOCUMENTATION.sub(_without_most, file.read()))
        # botocore's S3 client rewrites the paths in its model, which moto's routing needs unchanged
        if "/s3/" not in full_path:
            loaded[full_path] = model
        return model

    JSONFileLoader._load_file = load_file  # type: ignore[attr-defined]  # the stubs omit private names


def _one_loader() -> None:
    """Let moto use one loader: each lists the 400 directories of botocore's models again."""
    import moto.core.utils

    moto.core.utils.create_loader = functools.cache(moto.core.utils.create_loader)


def _without_most(found: re.Match[bytes]) -> bytes:
    text = found[0]
    return text if _NAMES_AN_ACTION.search(text) and b"permission" in text else b'"documentation":""'


def _ec2_without_offerings() -> None:
    """Import moto's EC2 without its lists of instance type offerings; saves 50 MB."""
    import moto.utilities.utils

    load_resource = moto.utilities.utils.load_resource

    def load(resource: str) -> Any:  # JSON
        return [] if "instance_type_offerings" in resource else load_resource(resource)

    moto.utilities.utils.load_resource = load
    try:
        import moto.ec2.models
    finally:
        moto.utilities.utils.load_resource = load_resource


@functools.cache
def service_description(name: str) -> dict[str, Any]:
    """Return the service model that moto has already loaded."""
    from moto.core.utils import get_service_model

    description: dict[str, Any] = get_service_model(name)._service_description
    return description
