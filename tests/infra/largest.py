"""The largest configurations that are accepted."""

from __future__ import annotations

from collections.abc import Iterator

from tidemark.aws.regions import sdk_regions
from tidemark.policy.capacity import MOST_VAULTS

REGION = "ap-southeast-1"  # the longest Region name of the largest partition
LONGEST_PREFIX = 100
LONGEST_SESSION_ID = 80


def configuration(
    *,
    policies: int,
    file_systems: int,
    exclude: int = 0,
    digits: int = 17,
    vaults: int = MOST_VAULTS,
    ec2: bool = False,
    distinct: int = 1_000_000,
) -> str:
    """Return a tidemark.yaml with the longest names and the most vaults, copies and networks.

    The ids of each policy's `file_systems` have `digits` hexadecimal digits; `exclude` is the length of one
    directory's name. With `ec2`, instances also index every file system. Policies have at most `distinct`
    different file systems.
    """
    lines = [*_lines(policies, file_systems, exclude, digits, regions()[:vaults], distinct)]
    if ec2:
        first = dict.fromkeys(line for line in lines if line.startswith("      - fs-"))
        lines += [
            "  on-instances:",
            "    keep: 1 day",
            "    worker: {type: ec2}",
            "    file_systems:",
            *first,
        ]
    return "\n".join(lines) + "\n"


def regions() -> list[str]:
    """Return the maximum number of Regions with vaults, the deployment's first."""
    known = sdk_regions()
    others = [one for one in sorted(known.known - {REGION}) if known.partition(one) == "aws"]
    return [REGION, *sorted(others, key=len, reverse=True)[: MOST_VAULTS - 1]]


def _lines(
    policies: int, file_systems: int, exclude: int, digits: int, vaults: list[str], distinct: int
) -> Iterator[str]:
    yield f"deployment: {'d' * 20}"
    yield f"region: {REGION}"
    yield f"repository: {{bucket: {'b' * 63}, prefix: {'p' * LONGEST_PREFIX}}}"
    yield f"notifications: {{email: {'e' * 64}@{'d' * 180}.com}}"
    yield "vaults:"
    for region in vaults:
        yield f"  {region}: {'v' * 50}"
    subnets = ", ".join(f"subnet-{number:017x}" for number in range(16))
    groups = ", ".join(f"sg-{number:017x}" for number in range(5))
    yield "worker:"
    yield f"  network: {{subnets: [{subnets}], security_groups: [{groups}]}}"
    yield "policies:"
    longest_name = min(30, LONGEST_SESSION_ID - len(f"-fs-{'0' * digits}-20261122T020000Z-r99"))
    for policy in range(policies):
        yield f"  {f'{policy:03d}'.ljust(longest_name, 'n')}:"
        yield "    keep: 36500 days"
        yield "    schedule: {cron: 0 2 * * ? *, time_zone: America/Argentina/ComodRivadavia}"
        yield "    file_systems:"
        for number in range(file_systems):
            yield f"      - fs-{(policy * file_systems + number) % distinct:0{digits}x}"
        if len(vaults) > 1:
            yield "    copies:"
            for region in vaults[1:]:
                yield f"      - {{region: {region}, keep: 36500 days}}"
        if exclude:
            yield f"    index: {{exclude: [/{'x' * (exclude - 1)}]}}"
