"""Whether security groups admit the worker's traffic, in both directions.

A rule that cannot be evaluated, such as one with a prefix list, counts as admitting.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from tidemark.aws.network import admits_addresses, is_for_port

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import IpPermissionOutputTypeDef, SecurityGroupTypeDef


def admits(
    groups: Iterable[SecurityGroupTypeDef], port: int, *, clients: Collection[str], subnet_cidr: str
) -> bool:
    """Return whether one of the groups admits clients in a subnet, with these groups, to a port."""
    rules = [rule for group in groups for rule in group.get("IpPermissions", []) if is_for_port(rule, port)]
    return any(_names_group(rule, clients) or admits_addresses(rule, subnet_cidr) for rule in rules)


def lets_out(
    groups: Iterable[SecurityGroupTypeDef], port: int, *, addresses: Sequence[str], servers: Collection[str]
) -> bool:
    """Return whether one of the groups lets traffic out to a port of servers with these groups or addresses.

    Without addresses, any destination is sufficient.
    """
    for group in groups:
        for rule in group.get("IpPermissionsEgress", []):
            if not is_for_port(rule, port):
                continue
            if not addresses or _names_group(rule, servers) or _names_addresses(rule, addresses):
                return True
    return False


def _names_group(rule: IpPermissionOutputTypeDef, groups: Collection[str]) -> bool:
    named = {pair.get("GroupId") for pair in rule.get("UserIdGroupPairs", [])}
    return bool(named & set(groups)) or bool(rule.get("PrefixListIds"))


def _names_addresses(rule: IpPermissionOutputTypeDef, addresses: Sequence[str]) -> bool:
    ranges = [
        ipaddress.IPv4Network(entry["CidrIp"], strict=False)
        for entry in rule.get("IpRanges", [])
        if "CidrIp" in entry
    ]
    return all(any(ipaddress.IPv4Address(address) in network for network in ranges) for address in addresses)
