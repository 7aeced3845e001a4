"""What all policies of a deployment share: keys, monitoring, and the network of the workers."""

from __future__ import annotations

from collections.abc import Iterator

from tidemark.costs import sessions_cost as steps
from tidemark.costs.inputs import NetworkUse
from tidemark.costs.part import Usage, at_price
from tidemark.costs.prices import HOURS_PER_MONTH

KEYS = 5  # of the main stack: repository, tables, tags, topic, vault; and one for each vault of copies
ALARMS = 5
_NETWORK = "; the VPC may need it for other reasons, too"


def shared_parts(region: str, network: NetworkUse, *, copy_regions: int) -> Iterator[Usage]:
    """Yield the parts of a month."""
    yield at_price("KMS keys", region, "kms_key", KEYS + copy_regions, "keys")
    yield at_price("dashboard", region, "dashboard", 1, "dashboard")
    yield at_price("alarms", region, "alarm", ALARMS, "alarms")
    swept = steps.SWEEPS_PER_MONTH * steps.LAMBDA_SECONDS * steps.LAMBDA_GB
    yield at_price("Lambda, sweeper", region, "lambda_gb_second", swept, "GB-seconds")
    hours = HOURS_PER_MONTH
    if network.endpoints:
        yield at_price(
            "interface endpoints", region, "endpoint_hour", network.endpoints * hours, "zone-hours", _NETWORK
        )
    if network.gateways:
        yield at_price("NAT gateways", region, "nat_hour", network.gateways * hours, "hours", _NETWORK)
