"""Determines the AWS services that a network interface reaches through its subnet's routes and endpoints.

Source: Amazon VPC User Guide, "Configure route tables", "Internet gateways"; AWS PrivateLink Guide, "Gateway
endpoints", "Access an AWS service using an interface VPC endpoint".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from moto.ec2.models import ec2_backends

ANYWHERE = "0.0.0.0/0"


def reachable(account: str, region: str, subnet_id: str, *, public_address: bool) -> frozenset[str] | None:
    """Return the services (`ecr.api`, `s3`, ...) that an interface in the subnet reaches; None for all."""
    backend = ec2_backends[account][region]
    subnet = backend.get_subnet(subnet_id)
    table = _table(backend, subnet)
    if table is not None and any(_leads_out(route, public_address) for route in table.routes):
        return None
    prefix = f"com.amazonaws.{region}."
    names = _endpoints(backend, subnet, table)
    return frozenset(name.removeprefix(prefix) for name in names if name.startswith(prefix))


def unreachable(
    account: str, region: str, subnet_id: str, services: Iterable[str], *, public_address: bool
) -> list[str]:
    """Return those of the services that an interface in the subnet does not reach."""
    near = reachable(account, region, subnet_id, public_address=public_address)
    return [] if near is None else [name for name in services if name not in near]


def _table(backend: Any, subnet: Any) -> Any:
    tables = [table for table in backend.describe_route_tables() if table.vpc_id == subnet.vpc_id]
    for table in tables:
        if any(one.get("SubnetId") == subnet.id for one in table.associations):
            return table
    return next((table for table in tables if any(one["Main"] for one in table.associations)), None)


def _leads_out(route: Any, public_address: bool) -> bool:
    if route.destination_cidr_block != ANYWHERE or route.state != "active" or route.local:
        return False
    if route.gateway is not None and route.gateway.id.startswith("igw-"):
        return public_address
    return True


def _endpoints(backend: Any, subnet: Any, table: Any) -> Iterator[str]:
    for endpoint in backend.vpc_end_points.values():
        if endpoint.vpc_id != subnet.vpc_id or endpoint.state != "available":
            continue
        if (endpoint.vpc_endpoint_type or "Gateway") == "Gateway":
            if table is not None and table.id in (endpoint.route_table_ids or []):
                yield endpoint.service_name
        elif str(endpoint.private_dns_enabled).lower() == "true":
            yield endpoint.service_name
