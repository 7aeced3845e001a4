"""Deployed policies as the values of a `tidemark.yaml` that gives the same policies.

Imports only the standard library, because the command line is installed without pydantic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tidemark.damage.settings import DamageSettings
from tidemark.policy.calendars import FLAG_NAMES, Calendar, Recurrence
from tidemark.policy.policy import (
    MANUAL,
    CopyTarget,
    DrillSettings,
    NotifySettings,
    Policy,
    RetrySettings,
    Schedule,
    WorkerSettings,
)
from tidemark.policy.selection import Selection, TagPatterns
from tidemark.policy.sites import HOME, Site

Keys = dict[str, Any]  # of YAML: text, numbers, switches, lists and mappings
_NAMES = {str(flag): name for flag, name in FLAG_NAMES.items()} | {MANUAL: MANUAL}
_WEEK = 7


def configuration(
    deployment: str,
    home: tuple[str, str],
    vaults: Mapping[str, str],
    policies: Iterable[Policy],
    sites: Sequence[Site] = (),
) -> Keys:
    """Return the keys of a `tidemark.yaml` with these policies; `home` is the home account and Region."""
    account, region = home
    names = {site.account: site.name for site in sites if site.is_foreign}
    own = [site.region for site in sites if not site.is_foreign]
    return {
        "deployment": deployment,
        **({"account": account} if names else {}),
        "region": region,
        **({"regions": own} if own else {}),
        **({"accounts": _accounts(sites)} if names else {}),
        "vaults": dict(vaults),
        "policies": {policy.name: policy_keys(policy, names) for policy in policies},
    }


def policy_keys(policy: Policy, accounts: Mapping[str, str]) -> Keys:
    """Return the keys of a policy; `accounts` has the names of other accounts by their ids.

    The worker is complete, because another file may have another default.
    """
    return {
        **(
            {"file_systems": [_file_system(name, accounts) for name in policy.file_systems]}
            if policy.file_systems
            else {}
        ),
        **_selection(policy.selection, accounts),
        **({"schedule": _schedule(policy.schedule)} if policy.schedule else {}),
        **({"schedules": schedules_keys(policy.calendar)} if policy.calendar else {}),
        **_kept(policy.keep_days, policy.cold_after_days),
        **({"copies": [_copy(copy, accounts) for copy in policy.copies]} if policy.copies else {}),
        **_index(policy),
        "worker": _worker(policy.worker),
        **_drill(policy.drill),
        **_retries(policy.retries),
        **_notify(policy.notify),
        **_damage(policy),
    }


def schedules_keys(calendar: Calendar) -> Keys:
    """Return the keys of `schedules`."""
    zone = {} if calendar.time_zone == "UTC" else {"time_zone": calendar.time_zone}
    return zone | {FLAG_NAMES[each.flag]: _recurrence(each) for each in calendar.recurrences}


def keep_text(days: int | None) -> str:
    """Return a retention such as `35 days` or `forever`."""
    if days is None:
        return "forever"
    return f"{days} day" if days == 1 else f"{days} days"


def _selection(selection: Selection | None, accounts: Mapping[str, str]) -> Keys:
    """Return the keys of a selection."""
    if selection is None:
        return {}
    excluded: Keys = {}
    if selection.exclude:
        excluded["file_systems"] = [_file_system(name, accounts) for name in selection.exclude]
    if selection.exclude_tags:
        excluded["tags"] = _tags(selection.exclude_tags)
    selectors = []
    for each in selection.any_of:
        tags = {"tags": _tags(each.tags)} if each.tags else {}
        selectors += [{**tags, **keys} for keys in _places(each.places, accounts)]
    return {
        **({"select": selectors} if selectors else {}),
        **({"exclude": excluded} if excluded else {}),
        "priority": selection.priority + 1,
    }


def _places(places: Sequence[str], accounts: Mapping[str, str]) -> list[Keys]:
    """Return the keys of each account of a selector with its Regions."""
    regions: dict[str, list[str]] = {}
    for place in places:
        account, _, region = place.rstrip("/").rpartition("/")
        regions.setdefault(account or HOME, []).append(region)
    # The home Region has no name in a place; without `regions`, all of the account are meant.
    return [
        {"accounts": [accounts.get(account, account)]} | ({"regions": found} if all(found) else {})
        for account, found in regions.items()
    ]


def _tags(patterns: TagPatterns) -> Keys:
    return {key: _one_or_more(list(values)) for key, values in patterns}


def _recurrence(each: Recurrence) -> Keys:
    days = [int(text) if text.isdecimal() else text for text in map(str, each.on)]
    every_day = each.flag == "D" and len(days) == _WEEK
    return {
        "at": _one_or_more([f"{at:%H:%M}" for at in each.at]),
        **({} if every_day else {"on": _one_or_more(days)}),
        **_kept(each.retention.keep_days, each.retention.cold_after_days),
    }


def _schedule(schedule: Schedule) -> Keys:
    kind, _, rest = schedule.expression.partition("(")
    zone = {} if schedule.is_rate or schedule.time_zone == "UTC" else {"time_zone": schedule.time_zone}
    return {kind: rest.removesuffix(")"), **zone}


def _accounts(sites: Sequence[Site]) -> Keys:
    found: Keys = {}
    for site in sites:
        if site.is_foreign:
            usual = {"id": site.account, "regions": [], "external_id": site.external_id}
            found.setdefault(site.name, usual)["regions"].append(site.region)
    return found


def _file_system(name: str, accounts: Mapping[str, str]) -> str:
    account, slash, rest = name.partition("/")
    return f"{accounts.get(account, account)}/{rest}" if slash else name


def _copy(copy: CopyTarget, accounts: Mapping[str, str]) -> Keys:
    where: Keys = {"region": copy.region, "vault": copy.vault}
    if copy.account is not None:
        where["account"] = accounts.get(copy.account, HOME)
    if copy.retentions is None:
        return where | _kept(copy.keep_days, copy.cold_after_days)
    kept = {_NAMES[flag]: each for flag, each in copy.retentions}
    cold = {name: each.cold_after_days for name, each in kept.items() if each.cold_after_days is not None}
    return {
        **where,
        "keep": {name: keep_text(each.keep_days) for name, each in kept.items()},
        **({"cold_after": {name: keep_text(days) for name, days in cold.items()}} if cold else {}),
    }


def _index(policy: Policy) -> Keys:
    if not policy.index:
        return {"index": False}
    crawl = policy.crawl
    settings: Keys = {"exclude": list(crawl.exclude)} if crawl.exclude else {}
    if crawl.operations_per_second is not None:
        settings["operations_per_second"] = crawl.operations_per_second
    if policy.index_keep_days != 0:
        settings["keep"] = keep_text(policy.index_keep_days)
    return {"index": settings} if settings else {}


def _worker(worker: WorkerSettings) -> Keys:
    keys: Keys = {"type": worker.kind}
    if worker.kind == "fargate":
        vcpus = worker.cpu_units / 1024
        whole, rest = divmod(worker.memory_mib, 1024)
        keys["cpu"] = int(vcpus) if vcpus.is_integer() else vcpus
        keys["memory"] = f"{worker.memory_mib} MB" if rest else f"{whole} GB"
    elif worker.instance_type is not None:
        keys["instance_type"] = worker.instance_type
    network: Keys = {}
    if worker.subnets:
        network["subnets"] = list(worker.subnets)
    if worker.security_groups:
        network["security_groups"] = list(worker.security_groups)
    if worker.public_address:
        network["public_address"] = True
    return keys | ({"network": network} if network else {})


def _drill(drill: DrillSettings) -> Keys:
    usual = DrillSettings()
    keys: Keys = {}
    if drill.schedule is not None:
        keys["schedule"] = _schedule(drill.schedule)
    if drill.files != usual.files:
        keys["files"] = drill.files
    if drill.most_bytes != usual.most_bytes:
        keys["size"] = _size(drill.most_bytes)
    return {"drill": keys} if keys else {}


def _retries(retries: RetrySettings | None) -> Keys:
    if retries is None:
        return {}
    hours, rest = divmod(retries.interval_seconds, 3600)
    number, unit = (retries.interval_seconds // 60, "minute") if rest else (hours, "hour")
    return {
        "retries": {
            "times": retries.times,
            "interval": f"{number} {unit}" if number == 1 else f"{number} {unit}s",
        }
    }


def _notify(notify: NotifySettings | None) -> Keys:
    if notify is None:
        return {}
    return {"notifications": {"on": list(notify.on), "after_last_retry": notify.after_last_retry}}


def _damage(policy: Policy) -> Keys:
    usual = DamageSettings().to_json()
    settings = {} if policy.damage is None else policy.damage.to_json()
    keys: Keys = {name: value for name, value in settings.items() if value != usual[name]}
    if policy.hold_days is not None:
        keys |= {"on_damage": "hold", "hold": keep_text(policy.hold_days)}
    return {"damage": keys} if keys else {}


def _size(number: int) -> str:
    """Return a size that is a multiple of a million bytes, in the largest unit that divides it."""
    for unit, power in (("TB", 10**12), ("GB", 10**9)):
        if number % power == 0:
            return f"{number // power} {unit}"
    return f"{number // 10**6} MB"


def _kept(days: int | None, cold_after_days: int | None) -> Keys:
    cold = {} if cold_after_days is None else {"cold_after": keep_text(cold_after_days)}
    return {"keep": keep_text(days), **cold}


def _one_or_more(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else list(values)
