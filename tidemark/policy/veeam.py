"""Reads EFS policies that Veeam Backup for AWS has exported, as far as its documentation describes them.

The export names Regions, roles and most file systems by ids of Veeam's own database; these do not carry over.
Sources: Veeam Backup for AWS REST API reference, "Export EFS Backup Policy", PolicyExportModel, EfsPolicy;
user guide, "Creating EFS Backup Policies". Imports only the standard library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidemark.errors import NotImportable
from tidemark.policy.veeam_schedules import Keys, NotCarriedOver, Schedules, read_schedules

_FILE_SYSTEM = re.compile(r"fs-[0-9a-f]{8,40}")
_REGION = re.compile(r"[a-z]{2,5}(-[a-z]+){1,3}-[0-9]{1,2}")
_ADDRESS = re.compile(r"[^@\s;]+@[^@\s;]+\.[^@\s;]+")
_LONGEST_NAME, _MOST_RETRIES = 30, 10
# Parts of names that only policies for other services have.
_OTHERS = ("rds", "virtualmachine", "dynamo", "redshift", "fsx", "vpc")
# Documented settings without an equivalent, with the reason.
_WITHOUT_EQUIVALENT = {
    "amazonAccountId": "Tidemark's roles are deployed with it",
    "identityId": "Tidemark's roles are deployed with it",
    "identity": "Tidemark's roles are deployed with it",
    "priority": "each policy backs up the file systems that it names",
    "excludedItems": "a policy names its file systems; leave the excluded ones out",
    "excludeItems": "a policy names its file systems; leave the excluded ones out",
    "organizationSettings": "accounts are named under accounts in tidemark.yaml; see docs/accounts.md",
    "snapshotSettings": "tags of recovery points are Tidemark's own",
    "backupSettings": "vaults are named under vaults in tidemark.yaml",
    "archiveSettings": "cold_after moves recovery points to cold storage",
}
# Settings that describe the policy to Veeam's interface, and those that `read_policy` reads.
_IGNORED = {"id", "usn", "_links", "createdBy", "modifiedBy", "lastPolicySessionStatus", "description"}
_READ = {
    "name",
    "isEnabled",
    "backupType",
    "regionIds",
    "selectedItems",
    "scheduleSettings",
    "retrySettings",
    "policyNotificationSettings",
    "backupIndexingSettings",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the user adds to an exported policy."""

    region: str | None = None
    file_systems: tuple[str, ...] = ()
    copy_regions: tuple[str, ...] = ()
    time_zone: str = "UTC"
    vault: str = "tidemark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The keys of a tidemark.yaml, and what the exported policies contain in addition."""

    keys: Keys
    notes: dict[str, list[NotCarriedOver]]  # by the name of the policy


def read_export(document: Any, choices: Choices) -> Imported:
    """Return the configuration for the exported policies; raise NotImportable."""
    policies: dict[str, Keys] = {}
    notes: dict[str, list[NotCarriedOver]] = {}
    regions: list[str] = []
    emails: list[str] = []
    copied: set[str] = set()
    for exported in _policies(document):
        name = _name(exported, policies)
        found = Schedules()
        policies[name] = _policy(exported, choices, found, emails, regions)
        copied.update(copy["region"] for copy in policies[name].get("copies", ()))
        notes[name] = found.notes
    region = choices.region or next(iter(dict.fromkeys(regions)), None)
    if region is None:
        raise NotImportable(
            "the export names Regions by ids of Veeam's database", "give it with --region REGION"
        )
    if region in copied:
        raise NotImportable(f"copies in {region} would be in the Region of the backups", "change --copy-to")
    keys: Keys = {"region": region, "vaults": dict.fromkeys([region, *sorted(copied)], choices.vault)}
    keys["policies"] = policies
    if emails:
        keys["notifications"] = {"email": emails[0]}
    return Imported(keys=keys, notes=notes)


def _policies(document: Any) -> list[Mapping[str, Any]]:
    """Return the policies of a file: one, a list, or the `results` of a collection."""
    if isinstance(document, Mapping) and isinstance(document.get("results"), list):
        document = document["results"]
    found = document if isinstance(document, list) else [document]
    for each in found:
        if (
            not isinstance(each, Mapping)
            or "name" not in each
            or not ({"scheduleSettings", "selectedItems"} & set(each))
        ):
            fact = "the file is not a backup policy of Veeam Backup for AWS with scheduleSettings"
            raise NotImportable(fact, "export one in its console, or with GET /efs/policies/ID/export")
        other = next((key for key in each if key.lower().startswith(_OTHERS)), None)
        if other is not None:
            raise NotImportable(
                f"policy {each['name']!r} is not for EFS: it has {other}", "export an EFS policy"
            )
    if not found:
        raise NotImportable("the file contains no policy", "export an EFS policy")
    return found


def _name(exported: Mapping[str, Any], taken: Mapping[str, Any]) -> str:
    text = re.sub(r"[^a-z0-9]+", "-", str(exported["name"]).lower()).strip("-")
    name = text[:_LONGEST_NAME].strip("-") or "imported"
    number = 1
    while name in taken:
        number += 1
        name = f"{text[: _LONGEST_NAME - 4].strip('-') or 'imported'}-{number}"
    return name


def _policy(
    exported: Mapping[str, Any], choices: Choices, found: Schedules, emails: list[str], regions: list[str]
) -> Keys:
    regions += [text for text in _texts(exported.get("regionIds")) if _REGION.fullmatch(text)]
    settings = exported.get("scheduleSettings")
    schedules = read_schedules(settings) if isinstance(settings, Mapping) else Schedules()
    found.notes += schedules.notes
    keys: Keys = {"file_systems": _file_systems(exported, choices, found)}
    if schedules.keys:
        zone = {} if choices.time_zone == "UTC" else {"time_zone": choices.time_zone}
        keys["schedules"] = zone | schedules.keys
        if not zone:
            found.note(
                "scheduleSettings", "times are local to the appliance; give its time zone with --time-zone"
            )
    first = next(iter(schedules.keys.values()), {"keep": "35 days"})
    keys["keep"] = first["keep"]
    found.note("keep", f"runs that are started manually are kept for {first['keep']}")
    keys |= _copies(exported, schedules, choices, found)
    keys |= _index(exported, found)
    keys |= _retries(exported, found) if schedules.keys else {}
    keys |= _notifications(exported, found, emails)
    if exported.get("isEnabled") is False:
        found.note(
            "isEnabled", "the policy is disabled; pause it after the deployment: tidemark policy pause"
        )
    for name, value in exported.items():
        if name in _WITHOUT_EQUIVALENT and value:
            found.note(name, _WITHOUT_EQUIVALENT[name])
        elif (
            name not in {*_READ, *_IGNORED, *_WITHOUT_EQUIVALENT}
            and "copy" not in name.lower()
            and "replica" not in name.lower()
            and value
        ):
            found.note(name, "it is not a documented field of a policy")
    return keys


def _file_systems(exported: Mapping[str, Any], choices: Choices, found: Schedules) -> list[str]:
    selected = list(_texts(exported.get("selectedItems")))
    named = [text for text in selected if _FILE_SYSTEM.fullmatch(text)]
    ids = list(dict.fromkeys([*named, *choices.file_systems]))
    if not ids:
        raise NotImportable(
            f"policy {exported['name']!r} names file systems by tags or by ids of Veeam's database",
            "give their ids with --file-system fs-ID",
        )
    if len(selected) > len(named):
        found.note(
            "selectedItems", "tags and ids of Veeam's database; the policy has the file systems given by id"
        )
    if str(exported.get("backupType", "")).lower() == "allitems":
        found.note("backupType", "all file systems of the Regions; the policy has those given by id")
    return ids


def _copies(exported: Mapping[str, Any], schedules: Schedules, choices: Choices, found: Schedules) -> Keys:
    names = [
        name
        for name, value in exported.items()
        if value and ("copy" in name.lower() or "replica" in name.lower())
    ]
    targets = [
        text for name in names for text in _texts(exported[name], only="target") if _REGION.fullmatch(text)
    ]
    wanted = list(dict.fromkeys([*choices.copy_regions, *targets]))
    if not wanted:
        for name in names or (["scheduleSettings"] if schedules.copied else []):
            found.note(
                name, "copies go to Regions that the export names by ids; give them with --copy-to REGION"
            )
        return {}
    kept: Any = schedules.copied or schedules.keys.get("daily", {}).get("keep", "35 days")
    return {"copies": [{"region": region, "keep": kept} for region in wanted]}


def _index(exported: Mapping[str, Any], found: Schedules) -> Keys:
    settings = exported.get("backupIndexingSettings")
    switches = [
        value
        for name, value in (settings.items() if isinstance(settings, Mapping) else ())
        if "enabled" in name.lower() and isinstance(value, bool)
    ]
    if switches:
        return {} if switches[0] else {"index": False}
    found.note("backupIndexingSettings", "it does not state whether to index; Tidemark indexes each backup")
    return {}


def _retries(exported: Mapping[str, Any], found: Schedules) -> Keys:
    settings = exported.get("retrySettings")
    times = settings.get("retryTimes") if isinstance(settings, Mapping) else None
    if not isinstance(times, int) or isinstance(times, bool) or times < 1:
        return {}
    if times > _MOST_RETRIES:
        found.note("retrySettings.retryTimes", f"Tidemark retries at most {_MOST_RETRIES} times")
    return {"retries": {"times": min(times, _MOST_RETRIES), "interval": "1 minute"}}  # Veeam's interval


def _notifications(exported: Mapping[str, Any], found: Schedules, emails: list[str]) -> Keys:
    settings = exported.get("policyNotificationSettings")
    if not isinstance(settings, Mapping):
        return {}
    addresses = _ADDRESS.findall(str(settings.get("email") or ""))
    for address in addresses:
        if address not in emails:
            emails.append(address)
        if address != emails[0]:
            found.note(
                "policyNotificationSettings.email",
                f"subscribe {address} to the topic of the deployment, with a filter of policy",
            )
    names = {"notifyOnSuccess": "success", "notifyOnWarning": "warning", "notifyOnFailure": "failure"}
    on = [name for key, name in names.items() if settings.get(key)]
    last = settings.get("suppressNotificationsUntilLastRetry") is not False
    return {"notifications": {"on": on, "after_last_retry": last}}


def _texts(value: Any, only: str = "") -> Iterator[str]:
    """Yield all texts in a value; those below mappings only of keys that contain `only`."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, child in value.items():
            if isinstance(child, str) and only not in str(key).lower():
                continue
            yield from _texts(child, only)
    elif isinstance(value, Sequence):
        for child in value:
            yield from _texts(child, only)
