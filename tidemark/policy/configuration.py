"""Reads and validates `tidemark.yaml`, and returns it as values.

All problems of a file are reported together, each with its line and the fix.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from tidemark.policy import (
    capacity,
    copy_rules,
    damage_rules,
    fargate,
    notification_rules,
    restore_testing_rules,
    schedule_rules,
    selection_rules,
    site_rules,
    yaml_lines,
)
from tidemark.policy.examples import example_of
from tidemark.policy.models import (
    AccountPart,
    ConfigurationFile,
    CopyPart,
    DrillPart,
    IndexPart,
    NetworkPart,
    PolicyPart,
    RestoreTestingPart,
    WorkerPart,
)
from tidemark.policy.notification_models import DailyReportPart, PolicyNotificationsPart, RetriesPart
from tidemark.policy.policy import CrawlSettings, DrillSettings, Policy, Schedule, WorkerSettings
from tidemark.policy.regions import Regions
from tidemark.policy.restore_testing import RestoreTesting
from tidemark.policy.schedule_models import SchedulePart, SchedulesPart
from tidemark.policy.selection_models import ExcludePart, SelectPart
from tidemark.policy.sites import Site, file_system_id_of
from tidemark.policy.yaml_lines import Document, KeyPath, Problem

_USUAL_ID = "fs-0123456789abcdef0"  # as long as those that EFS gives today
LONGEST_SESSION_ID = 80  # the name of a Step Functions execution
_MOMENT = "20261122T020000Z-r99"  # a rerun appends its number to the time


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One deployment, as `infra/` builds it."""

    deployment: str
    region: str
    bucket: str | None  # None: named after deployment, account and Region
    prefix: str  # of the repository; may be empty, has no slash at either end
    vaults: Mapping[str, str]  # Region -> vault name
    policies: tuple[Policy, ...]
    email: str | None  # receives results and alarms
    daily_report: Schedule | None = None  # when the report of a day is sent
    log_days: int
    keep_on_destroy: bool
    restore_testing: tuple[RestoreTesting, ...] = ()  # of the policies that have it
    account: str | None = None  # None: the one to which it is deployed
    sites: tuple[Site, ...] = ()  # other than the home site

    @property
    def home_vaults(self) -> dict[str, str]:
        """The vaults of the deployment's account: Region -> name."""
        own = {site.region: site.vault for site in self.sites if not site.is_foreign}
        return {**self.vaults, **own}

    @property
    def accounts(self) -> list[str]:
        """The ids of the other accounts, sorted."""
        return sorted({site.account for site in self.sites if site.is_foreign})


def load(path: Path, regions: Regions) -> Configuration:
    """Return the configuration in the file at `path`. Its Regions must be valid by `regions`.

    Raises ConfigurationError with the file, the line and the fix of every problem found.
    """
    document = yaml_lines.read(path)
    if document.values is None:
        message = (
            "the file is empty; begin with region, vaults and policies, as the sources' tidemark.yaml does"
        )
        raise yaml_lines.failure(path, [Problem(line=1, where="", message=message)])
    try:
        file = ConfigurationFile.model_validate(document.values)
    except ValidationError as error:
        raise yaml_lines.failure(path, list(_shape_problems(document, error))) from None
    # If a Region is misspelt, problems of vaults and copies that follow from it would only confuse.
    found = list(_region_problems(file, regions)) or list(_cross_problems(file))
    problems = [document.problem(where, message) for where, message in found]
    if problems:
        raise yaml_lines.failure(path, problems)
    return _configuration(file)


def _shape_problems(document: Document, error: ValidationError) -> Iterator[Problem]:
    """Yield the errors that pydantic found in single values, with Tidemark's messages."""
    for found in error.errors(include_url=False):
        where = found["loc"]
        if where[-1:] == ("[key]",) and found["type"] != "extra_forbidden":
            where = where[:-1]  # pydantic appends this when the key itself is wrong
        match found["type"]:
            case "extra_forbidden":
                message = _unknown_key(where)
            case "missing":
                message = f"{where[-1]!r} is missing{example_of(where)}"
            case "value_error":
                message = found["msg"].removeprefix("Value error, ")
            case _ if found["input"] is None:
                message = f"the value is missing; write one{example_of(where)}, or remove the key"
            case "dict_type" | "model_type":
                message = f"{_shown(found['input'])} should be keys with values{example_of(where)}"
            case "list_type":
                message = f"{_shown(found['input'])} should be a list, with one '- item' per line"
            case "bool_type" | "bool_parsing":
                message = f"{_shown(found['input'])} should be true or false"
            case "string_type":
                message = f"{_shown(found['input'])} should be text; put it in quotes"
            case "too_short" if found["input"] == {}:
                message = f"there are none; write at least one{example_of(where)}"
            case _:
                message = f"{_shown(found['input'])}: {found['msg'][0].lower()}{found['msg'][1:]}"
        yield document.problem(where, message)


def _unknown_key(where: KeyPath) -> str:
    model = _model_at(where[:-1])
    names = list(model.model_fields) if model else []
    near = difflib.get_close_matches(str(where[-1]), names, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}?" if near else f"the keys here are {', '.join(names)}"
    return f"{where[-1]!r} is not a key of tidemark.yaml; {hint}"


def _model_at(where: KeyPath) -> type[BaseModel] | None:
    """Return the model of the keys below `where`."""
    match where:
        case ():
            return ConfigurationFile
        case ("policies", _):
            return PolicyPart
        case ("accounts", _):
            return AccountPart
        case ("policies", _, "copies", _):
            return CopyPart
        case ("policies", _, "select", _):
            return SelectPart
        case ("policies", _, "exclude"):
            return ExcludePart
        case ("policies", _, "index"):
            return IndexPart
        case (*_, "worker"):
            return WorkerPart
        case (*_, "network"):
            return NetworkPart
        case ("policies", _, "restore_testing"):
            return RestoreTestingPart
        case ("policies", _, "drill"):
            return DrillPart
        case ("notifications", "daily_report"):
            return DailyReportPart
        case ("policies", _, "retries"):
            return RetriesPart
        case ("policies", _, "notifications"):
            return PolicyNotificationsPart
        case ("policies", *_, "schedule"):
            return SchedulePart
        case ("policies", _, "schedules"):
            return SchedulesPart
        case ("policies", _, "schedules", kind) if kind in SchedulesPart.model_fields:
            return _model_of(SchedulesPart, str(kind))
        case (name,) if name in ConfigurationFile.model_fields:
            return _model_of(ConfigurationFile, str(name))
        case _:
            return None


def _model_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """Return the model of a field's value."""
    annotation = model.model_fields[name].annotation
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _region_problems(file: ConfigurationFile, regions: Regions) -> Iterator[tuple[KeyPath, str]]:
    """Yield Regions that do not exist, and Regions in a different partition from the deployment's.

    Source: AWS Fault Isolation Boundaries, "Partitions".
    """
    home = regions.partition(file.region)
    named: list[tuple[KeyPath, str]] = [(("region",), file.region)]
    named += [(("vaults", region), region) for region in file.vaults]
    named += site_rules.named_regions(file)
    for name, policy in file.policies.items():
        named += [
            (("policies", name, "copies", number, "region"), copy.region)
            for number, copy in enumerate(policy.copies)
        ]
    for where, region in named:
        problem = regions.problem(region)
        if problem is not None:
            yield where, problem
        elif home and (foreign := regions.partition(region)) != home:
            fact = f"{region} is in the partition {foreign} and {file.region} in {home}"
            yield where, f"{fact}; accounts and copies cannot span partitions; use Regions of {home} only"


def _cross_problems(file: ConfigurationFile) -> Iterator[tuple[KeyPath, str]]:
    """Yield problems of values that are valid individually but not together."""
    if file.region not in file.vaults:
        yield (
            ("vaults",),
            f"there is no vault for {file.region}, where backups are made; add: {file.region}: tidemark",
        )
    yield from site_rules.site_problems(file)
    yield from _worker_problems(("worker",), file.worker)
    for name, policy in file.policies.items():
        yield from _policy_problems(("policies", name), file, name, policy)
    yield from restore_testing_rules.deployment_problems(file)
    yield from selection_rules.priority_problems(file)
    yield from site_rules.deployment_problems(file)
    yield from capacity.vault_problems(file.vaults)
    yield from capacity.deployment_problems(
        {name: _policy(file, name, policy) for name, policy in file.policies.items()}
    )


def _policy_problems(
    where: KeyPath, file: ConfigurationFile, name: str, policy: PolicyPart
) -> Iterator[tuple[KeyPath, str]]:
    named: set[str] = set()
    for number, file_system in enumerate(policy.file_systems):
        at = (*where, "file_systems", number)
        if file_system in named:
            yield at, f"{file_system} is listed twice; remove one"
        named.add(file_system)
        yield from _name_problems(at, name, file_system_id_of(file_system))
    if policy.select:
        yield from _name_problems((*where, "select"), name, _USUAL_ID)
    yield from schedule_rules.policy_problems(where, policy)
    yield from notification_rules.policy_problems(where, policy)
    if policy.drill.schedule:
        yield from schedule_rules.schedule_problems((*where, "drill", "schedule"), policy.drill.schedule)
        if policy.index is None:
            yield (*where, "drill"), "a drill compares with the index, and index is false; remove one of them"
    yield from damage_rules.policy_problems((*where, "damage"), policy)
    if policy.restore_testing:
        at = (*where, "restore_testing")
        yield from schedule_rules.schedule_problems((*at, "schedule"), policy.restore_testing.schedule)
        yield from restore_testing_rules.policy_problems(at, file, name, policy)
    if policy.index:
        yield from capacity.exclude_problems((*where, "index", "exclude"), policy.index.exclude)
    if policy.worker:
        yield from _worker_problems((*where, "worker"), policy.worker)
    yield from selection_rules.selection_problems(where, file, policy)
    yield from site_rules.policy_problems(where, file, policy)
    yield from copy_rules.copies_problems((*where, "copies"), file, policy)
    yield from capacity.policy_problems(where, _policy(file, name, policy))


def _name_problems(where: KeyPath, policy: str, file_system_id: str) -> Iterator[tuple[KeyPath, str]]:
    too_long = len(f"{policy}-{file_system_id}-{_MOMENT}") - LONGEST_SESSION_ID
    if too_long > 0:
        limit = f"the limit of {LONGEST_SESSION_ID} characters by {too_long}"
        yield where, f"with this id, session names exceed {limit}; shorten the policy's name"


def _worker_problems(where: KeyPath, worker: WorkerPart) -> Iterator[tuple[KeyPath, str]]:
    if worker.type == "ec2":
        for key in ("cpu", "memory"):
            if getattr(worker, key) is not None:
                yield (*where, key), f"instance_type determines the {key} of an EC2 worker; remove {key}"
        return
    if worker.instance_type:
        yield (
            (*where, "instance_type"),
            "a Fargate worker has no instance type; remove it, or write type: ec2",
        )
    try:
        fargate.check_cpu(_vcpus(worker))  # YAML can write infinity, too
    except ValueError as error:
        yield (*where, "cpu"), str(error)
        return
    settings = _worker(worker)
    try:
        fargate.check_size(settings.cpu_units, settings.memory_mib)
    except ValueError as error:
        yield (*where, "cpu" if worker.memory is None else "memory"), str(error)


def _configuration(file: ConfigurationFile) -> Configuration:
    return Configuration(
        deployment=file.deployment,
        region=file.region,
        bucket=file.repository.bucket,
        prefix=file.repository.prefix,
        account=file.account,
        sites=site_rules.sites(file),
        vaults=dict(file.vaults),
        policies=tuple(_policy(file, name, policy) for name, policy in file.policies.items()),
        email=file.notifications.email if file.notifications else None,
        daily_report=notification_rules.daily_report(file.notifications),
        log_days=file.log_days,
        keep_on_destroy=file.keep_on_destroy,
        restore_testing=tuple(
            restore_testing_rules.settings(
                name, policy, schedule_rules.schedule(policy.restore_testing.schedule)
            )
            for name, policy in file.policies.items()
            if policy.restore_testing
        ),
    )


def _policy(file: ConfigurationFile, name: str, policy: PolicyPart) -> Policy:
    return Policy(
        name=name,
        region=file.region,
        file_systems=tuple(site_rules.stored_name(file, one) for one in policy.file_systems),
        vault=file.vaults.get(file.region, ""),
        selection=selection_rules.selection(file, name, policy),
        vaults=site_rules.vaults_of(file, policy),
        keep_days=policy.keep,
        cold_after_days=policy.cold_after,
        copies=tuple(
            schedule_rules.copy_target(
                copy,
                copy.vault or site_rules.vault_of(file, copy.region),
                site_rules.account_of(file, copy),
            )
            for copy in policy.copies
        ),
        index=policy.index is not None,
        index_keep_days=policy.index.keep if policy.index else 0,
        crawl=_crawl(policy.index or IndexPart()),
        schedule=schedule_rules.schedule(policy.schedule) if policy.schedule else None,
        calendar=schedule_rules.calendar(policy.schedules) if policy.schedules else None,
        worker=_worker(policy.worker or file.worker),
        drill=DrillSettings(
            files=policy.drill.files,
            most_bytes=policy.drill.size,
            schedule=schedule_rules.schedule(policy.drill.schedule) if policy.drill.schedule else None,
        ),
        retries=notification_rules.retries(policy.retries),
        notify=notification_rules.notify(policy.notifications),
        damage=damage_rules.settings(policy.damage),
        hold_days=policy.damage.hold if policy.damage.on_damage == "hold" else None,
    )


def _crawl(index: IndexPart) -> CrawlSettings:
    return CrawlSettings(exclude=tuple(index.exclude), operations_per_second=index.operations_per_second)


def _vcpus(worker: WorkerPart) -> float:
    return 1 if worker.cpu is None else worker.cpu


def _worker(worker: WorkerPart) -> WorkerSettings:
    network = worker.network or NetworkPart()
    return WorkerSettings(
        kind=worker.type,
        # Bounded, because this also runs for a number that is reported as wrong, such as infinity or NaN.
        cpu_units=round(max(0.0, min(1024.0, _vcpus(worker))) * 1024),
        memory_mib=2048 if worker.memory is None else worker.memory,
        instance_type=worker.instance_type,
        subnets=tuple(network.subnets),
        security_groups=tuple(network.security_groups),
        public_address=network.public_address,
    )
