"""The accounts between which a configuration copies recovery points."""

from __future__ import annotations

import dataclasses

from tidemark.policy.configuration import Configuration
from tidemark.policy.selection import place_of
from tidemark.policy.sites import ANY_ID
from tidemark.sessions.session import FileSystem


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CopyAccounts:
    """The accounts that copy to and from a vault, sorted, without its own."""

    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


NO_COPIES = CopyAccounts()


def copy_accounts(configuration: Configuration, account: str | None, region: str) -> CopyAccounts:
    """Return the accounts that copy to and from the vault of an account and Region.

    `account` None is that of the deployment.
    """
    if configuration.account is None:
        return NO_COPIES  # it has no other accounts
    here = (account or configuration.account, region)
    sources, targets = set[str](), set[str]()
    for policy in configuration.policies:
        selected = policy.selection.places if policy.selection else ()
        for place in dict.fromkeys([*map(place_of, policy.file_systems), *selected]):
            source = FileSystem.parse(f"{place}{ANY_ID}", home=(configuration.account, configuration.region))
            for copy in policy.copies:
                target = (copy.account or source.account, copy.region)
                if target[0] != source.account and target == here:
                    sources.add(source.account)
                if target[0] != source.account and source.site == here:
                    targets.add(target[0])
    return CopyAccounts(sources=tuple(sorted(sources)), targets=tuple(sorted(targets)))
