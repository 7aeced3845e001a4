"""Rules of `tidemark.yaml` about several accounts and Regions, and the values that follow from it."""

from __future__ import annotations

from collections.abc import Iterator

from tidemark.policy.models import ConfigurationFile, CopyPart, PolicyPart
from tidemark.policy.selection_models import SelectPart
from tidemark.policy.sites import HOME, Site, file_system_id_of, to_json
from tidemark.policy.yaml_lines import KeyPath

# An advanced parameter of SSM, which lists the sites, holds 8 KB.
LONGEST_LIST = 8_192
# A bucket policy has 20 KB and names each account three times. Source: Amazon S3 User Guide, "Bucket
# policies".
MOST_ACCOUNTS = 40
_ELSEWHERE = "move some to a second deployment (a tidemark.yaml with another name under deployment)"
Found = tuple[KeyPath, str]
Place = tuple[str, str]  # the name of an account, or HOME, and a Region


def named_regions(file: ConfigurationFile) -> Iterator[tuple[KeyPath, str]]:
    """Yield the Regions of sites and of file systems, with their places in the file."""
    for number, region in enumerate(file.regions):
        yield ("regions", number), region
    for name, account in file.accounts.items():
        for number, region in enumerate(account.regions):
            yield ("accounts", name, "regions", number), region


def has_sites(file: ConfigurationFile) -> bool:
    """Return whether there are other sites than the home site."""
    return bool(file.accounts) or any(region != file.region for region in file.regions)


def sites(file: ConfigurationFile) -> tuple[Site, ...]:
    """Return the sites other than the home site, in the order of the file."""
    own = [
        Site(account=file.account or "", region=region, vault=vault_of(file, region))
        for region in dict.fromkeys(file.regions)
        if region != file.region
    ]
    foreign = [
        Site(
            account=account.id,
            region=region,
            vault=vault_of(file, region),
            name=name,
            external_id=account.external_id,
        )
        for name, account in file.accounts.items()
        for region in dict.fromkeys(account.regions)
    ]
    return (*own, *foreign)


def vault_of(file: ConfigurationFile, region: str) -> str:
    """Return the name of the vaults in a Region: by default that of the home Region's."""
    return file.vaults.get(region) or file.vaults.get(file.region, "")


def place_of(file: ConfigurationFile, name: str) -> Place:
    """Return the place of a file system by its name in the file."""
    *before, _ = name.split("/")
    if not before:
        return HOME, file.region
    return (before[0], before[1]) if len(before) > 1 else (HOME, before[0])


def stored_name(file: ConfigurationFile, name: str) -> str:
    """Return the name of a file system in the stored policy, with the id of its account."""
    return prefix_of(file, place_of(file, name)) + file_system_id_of(name)


def prefix_of(file: ConfigurationFile, place: Place) -> str:
    """Return what precedes the ids of a place's file systems in stored policies."""
    account, region = place
    if account != HOME:
        known = file.accounts.get(account)
        return f"{known.id if known else account}/{region}/"
    return "" if region == file.region else f"{region}/"


def vaults_of(file: ConfigurationFile, policy: PolicyPart) -> tuple[tuple[str, str], ...] | None:
    """Return the vaults of other Regions in which a policy has file systems; None without any."""
    regions = dict.fromkeys(region for _, region in places_of(file, policy))
    found = tuple((region, vault_of(file, region)) for region in regions if region != file.region)
    return found or None


def account_of(file: ConfigurationFile, copy: CopyPart) -> str | None:
    """Return the id of the account of a copy; None for that of the file system."""
    if copy.account is None:
        return None
    known = file.accounts.get(copy.account)
    return known.id if known else file.account


def site_problems(file: ConfigurationFile) -> Iterator[Found]:
    """Yield problems of `account`, `accounts` and `regions`."""
    if file.accounts and file.account is None:
        way_out = "add it, in quotes: the output of aws sts get-caller-identity --query Account"
        yield ("account",), f"with other accounts, the id of this one is required; {way_out}"
    ids = {file.account: "account"} if file.account else {}
    for name, account in file.accounts.items():
        if name == HOME:
            yield ("accounts", name), "home is the account of the deployment; choose another name"
        if account.id in ids:
            yield ("accounts", name, "id"), f"{account.id} is the id of {ids[account.id]}, too; correct one"
        ids[account.id] = name
    if len(file.accounts) > MOST_ACCOUNTS:
        fact = f"there are {len(file.accounts)} accounts; the limit is {MOST_ACCOUNTS}"
        yield ("accounts", list(file.accounts)[MOST_ACCOUNTS]), f"{fact}; {_ELSEWHERE}"
    listed = to_json(sites(file))
    if len(listed) > LONGEST_LIST:
        fact = f"accounts and their Regions take {len(listed):,} characters of a parameter"
        yield ("accounts",), f"{fact}; the limit is {LONGEST_LIST:,}; {_ELSEWHERE}"


def deployment_problems(file: ConfigurationFile) -> Iterator[Found]:
    """Yield a problem for each id of a file system that is named at several places."""
    places: dict[str, Place] = {}
    for name, policy in file.policies.items():
        for number, file_system in enumerate(policy.file_systems):
            here = place_of(file, file_system)
            known = places.setdefault(file_system_id_of(file_system), here)
            if known != here:
                at = ("policies", name, "file_systems", number)
                yield (
                    at,
                    f"this id is named in {in_words(known)}, too; it can be in one account and Region only",
                )


def policy_problems(where: KeyPath, file: ConfigurationFile, policy: PolicyPart) -> Iterator[Found]:
    """Yield file systems at places that are not sites, and what a policy cannot do at other sites."""
    known = places(file)
    elsewhere = []
    for number, name in enumerate(policy.file_systems):
        account, region = place = place_of(file, name)
        at = (*where, "file_systems", number)
        if account != HOME and account not in file.accounts:
            names = ", ".join(file.accounts) or "none"
            yield at, f"there is no account {account} under accounts ({names}); add it, or correct the name"
        elif place not in known:
            key = "regions" if account == HOME else f"accounts: {account}: regions"
            yield at, f"{region} is not among the Regions of this account; add it to {key}"
        elif place != (HOME, file.region):
            elsewhere.append(name)
    for key, wanted in (
        ("restore_testing", policy.restore_testing is not None),
        ("drill", policy.drill.schedule is not None),
    ):
        selected = [place for each in policy.select for place in selected_places(file, each)]
        outside = [in_words(place) for place in selected if place != (HOME, file.region)]
        if wanted and (elsewhere or outside):
            fact = f"{[*elsewhere, *outside][0]} is not in the account and Region of the deployment"
            yield (*where, key), f"{fact}; remove {key}, or move the file system to another policy"


def places(file: ConfigurationFile) -> list[Place]:
    """Return the places of all sites, the home site first, then in the order of the file."""
    own = [(HOME, region) for region in (file.region, *file.regions)]
    others = [(name, region) for name, account in file.accounts.items() for region in account.regions]
    return list(dict.fromkeys([*own, *others]))


def selected_places(file: ConfigurationFile, part: SelectPart) -> list[Place]:
    """Return the places of a selector, in the order of `places`."""
    return [
        (account, region)
        for account, region in places(file)
        if (part.accounts == "all" or account in part.accounts)
        and (part.regions == "all" or region in part.regions)
    ]


def places_of(file: ConfigurationFile, policy: PolicyPart) -> list[Place]:
    """Return the places of the file systems that a policy names, and of those that it may select."""
    named = [place_of(file, name) for name in policy.file_systems]
    selected = [place for each in policy.select for place in selected_places(file, each)]
    return list(dict.fromkeys([*named, *selected]))


def in_words(place: Place) -> str:
    """Return a place as messages name it."""
    account, region = place
    return region if account == HOME else f"{region} of account {account}"
