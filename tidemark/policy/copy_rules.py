"""Rules of `tidemark.yaml` about the copies of recovery points."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from tidemark.policy.models import ConfigurationFile, CopyPart, PolicyPart
from tidemark.policy.site_rules import Found, has_sites, in_words, places, places_of, vault_of
from tidemark.policy.sites import HOME
from tidemark.policy.yaml_lines import KeyPath


def copies_problems(where: KeyPath, file: ConfigurationFile, policy: PolicyPart) -> Iterator[Found]:
    """Yield the problems of a policy's copies."""
    seen: set[str] = set()
    for number, copy in enumerate(policy.copies):
        if has_sites(file) or copy.account is not None:
            yield from _problems((*where, number), file, policy, number)
        else:
            yield from _home_problems((*where, number), file, copy, seen)
        seen.add(copy.region)


def _home_problems(
    where: KeyPath, file: ConfigurationFile, copy: CopyPart, seen: set[str]
) -> Iterator[Found]:
    known = file.vaults.get(copy.region)
    vault = copy.vault or known
    if copy.region == file.region:
        yield (*where, "region"), f"{copy.region} is the Region of the backup itself; copy to another Region"
    elif copy.region in seen:
        yield (*where, "region"), f"there is already a copy in {copy.region}; remove one"
    elif known is None:
        near = difflib.get_close_matches(copy.region, file.vaults, n=1, cutoff=0.8)
        hint = f"did you mean {near[0]}? Or " if near else ""
        name = copy.vault or "tidemark-copies"
        yield (*where, "region"), f"{copy.region} has no vault; {hint}add under vaults: {copy.region}: {name}"
    elif vault != known:
        homes = [region for region, name in file.vaults.items() if name == vault]
        fact = (
            f"vault {vault} is in {homes[0]}, not in {copy.region}" if homes else f"there is no vault {vault}"
        )
        yield (
            (*where, "vault"),
            f"{fact}; write {known}, the vault of {copy.region}, or omit vault",
        )


def _problems(where: KeyPath, file: ConfigurationFile, policy: PolicyPart, number: int) -> Iterator[Found]:
    """Yield the problems of a copy in a deployment with several sites."""
    copy = policy.copies[number]
    if copy.account not in (None, HOME, *file.accounts):
        names = ", ".join((HOME, *file.accounts))
        yield (*where, "account"), f"there is no account {copy.account}; write one of {names}"
        return
    if (copy.account, copy.region) in {(one.account, one.region) for one in policy.copies[:number]}:
        yield (*where, "region"), f"there is already a copy in {copy.region}; remove one"
        return
    if copy.vault not in (None, vault_of(file, copy.region)):
        known = vault_of(file, copy.region)
        yield (
            (*where, "vault"),
            f"there is no vault {copy.vault} in {copy.region}; write {known}, or omit vault",
        )
    for place in places_of(file, policy):
        target = (copy.account or place[0], copy.region)
        if target == place:
            fact = f"{in_words(target)} is the place of a backup itself"
            yield (*where, "region"), f"{fact}; copy to another Region or account, or divide the policy"
        elif target not in {*places(file), *((HOME, region) for region in file.vaults)}:
            key = "vaults" if target[0] == HOME else f"accounts: {target[0]}: regions"
            yield (*where, "region"), f"there is no vault in {in_words(target)}; add {copy.region} to {key}"
        else:
            continue
        return
