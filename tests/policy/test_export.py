"""An exported policy, read as a tidemark.yaml, is the same policy."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.other_calendar import calendars
from tests.policy.test_configuration import REGIONS
from tidemark.damage.settings import DamageSettings
from tidemark.policy.calendars import Calendar, Recurrence, Retention
from tidemark.policy.configuration import Configuration, load
from tidemark.policy.day_rules import WEEKDAYS, day_rule
from tidemark.policy.export import Keys, configuration
from tidemark.policy.policy import (
    CopyTarget,
    CrawlSettings,
    DrillSettings,
    NotifySettings,
    Policy,
    RetrySettings,
    Schedule,
    WorkerSettings,
)
from tidemark.policy.selection import Selection, Selector
from tidemark.policy.sites import Site
from tidemark.policy.yaml_text import yaml_text

VAULTS = {"eu-central-1": "tidemark", "eu-west-1": "copies", "us-east-1": "far"}
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"])
ids = st.from_regex(r"fs-[0-9a-f]{17}", fullmatch=True)
days = st.none() | st.integers(1, 36_500)


def as_read(calendar: Calendar) -> Calendar:
    """Return a calendar as `tidemark.yaml` can express it: all days of a week in their order."""
    order = [str(day_rule(name)) for name in WEEKDAYS]
    found = []
    for each in sorted(calendar.recurrences, key=lambda each: "DWMY".index(each.flag)):
        rules = each.on
        if each.flag in "DW":
            rules = tuple(sorted(rules, key=lambda rule: order.index(str(rule))))
        found.append(dataclasses.replace(each, on=rules))
    return dataclasses.replace(calendar, recurrences=tuple(found))


@st.composite
def retentions(draw: st.DrawFn) -> Retention:
    kept = draw(days)
    cold = draw(st.none() | st.integers(1, 100))
    return Retention(
        keep_days=kept, cold_after_days=cold if kept is None or (cold and cold + 90 <= kept) else None
    )


@st.composite
def copies(draw: st.DrawFn, region: str, flags: tuple[str, ...]) -> CopyTarget:
    one = draw(retentions())
    if not flags or draw(st.booleans()):
        return CopyTarget(
            region=region, vault=VAULTS[region], keep_days=one.keep_days, cold_after_days=one.cold_after_days
        )
    chosen = draw(st.lists(st.sampled_from([*flags, "manual"]), min_size=1, unique=True))
    kept = tuple(sorted((flag, draw(retentions())) for flag in chosen))
    longest = max((each for _, each in kept), key=lambda each: each.rank)
    return CopyTarget(region=region, vault=VAULTS[region], keep_days=longest.keep_days, retentions=kept)


crons = st.builds(
    Schedule,
    expression=st.sampled_from(["cron(0 2 * * ? *)", "cron(5/10 1,2 ? * MON-FRI *)", "cron(0 0 L 12 ? *)"]),
    time_zone=ZONES,
)
rates = st.builds(Schedule, expression=st.sampled_from(["rate(12 hours)", "rate(1 day)", "rate(90 minutes)"]))
workers = st.sampled_from(
    [
        WorkerSettings(),
        WorkerSettings(cpu_units=512, memory_mib=3072),
        WorkerSettings(kind="ec2"),
        WorkerSettings(kind="ec2", instance_type="c7g.large", public_address=True),
        WorkerSettings(
            cpu_units=4096,
            memory_mib=8192,
            subnets=("subnet-0123456789abcdef0",),
            security_groups=("sg-0123456789abcdef0",),
        ),
    ]
)
excludes = st.lists(
    st.sampled_from(["/scratch", "/home/*/.cache", "/**/node_modules", "/a: b", "/#", "/'\""]), unique=True
)


retries = st.builds(
    RetrySettings,
    times=st.integers(1, 10),
    interval_seconds=st.integers(1, 24).map(lambda hours: 3600 * hours)
    | st.integers(1, 1440).map(lambda minutes: 60 * minutes),
)
notify = st.builds(
    NotifySettings,
    on=st.lists(st.sampled_from(["success", "warning", "failure"]), unique=True).map(tuple),
    after_last_retry=st.booleans(),
)
tags = st.dictionaries(
    st.sampled_from(["backup", "a: b", "on"]),
    st.lists(st.sampled_from(["daily", "*", "1", ""]), min_size=1, unique=True).map(tuple),
).map(lambda found: tuple(found.items()))
selections = st.builds(
    Selection,
    any_of=st.lists(st.builds(Selector, places=st.just(("",)), tags=tags), max_size=2).map(tuple),
    exclude=st.lists(ids, max_size=2, unique=True).map(tuple),
    exclude_tags=tags,
)


@st.composite
def policies(draw: st.DrawFn, name: str) -> Policy:
    calendar = draw(st.none() | calendars().map(as_read))
    own = draw(retentions())
    flags = tuple(calendar.flags) if calendar else ()
    index = draw(st.booleans())
    crawl = CrawlSettings(
        exclude=tuple(draw(excludes)),
        operations_per_second=draw(st.none() | st.integers(1, 1000)),
    )
    schedule = None if calendar else draw(st.none() | crons | rates)
    drill = DrillSettings(
        files=draw(st.integers(1, 1000)),
        most_bytes=draw(st.integers(1, 999_999)) * draw(st.sampled_from([10**6, 10**9, 10**12])),
        schedule=draw(st.none() | crons) if index else None,
    )
    selection = draw(st.none() | selections)
    if selection == Selection():
        selection = None
    fewest = 0 if selection is not None and selection.any_of else 1
    return Policy(
        name=name,
        region="eu-central-1",
        file_systems=tuple(draw(st.lists(ids, min_size=fewest, max_size=3, unique=True))),
        selection=selection,
        vault=VAULTS["eu-central-1"],
        keep_days=own.keep_days,
        cold_after_days=own.cold_after_days,
        copies=tuple(
            draw(copies(region, flags))
            for region in draw(st.sets(st.sampled_from(["eu-west-1", "us-east-1"])))
        ),
        index=index,
        crawl=crawl if index else CrawlSettings(),
        index_keep_days=draw(st.sampled_from([0, 1, 365, None])) if index else 0,
        schedule=schedule,
        calendar=calendar,
        worker=draw(workers),
        drill=drill,
        retries=draw(st.none() | retries) if calendar or schedule else None,
        notify=draw(st.none() | notify),
        damage=draw(st.sampled_from([None, DamageSettings(files=7), DamageSettings(factor=2.5, share=9)]))
        if index
        else None,
        hold_days=draw(st.none() | st.integers(1, 400)) if index else None,
    )


def loaded(text: str) -> tuple[str, tuple[Policy, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tidemark.yaml"
        path.write_text(text)
        read = load(path, REGIONS)
    return read.deployment, read.policies


def exported(given: tuple[Policy, ...]) -> Keys:
    return configuration("tidemark", ("123456789012", "eu-central-1"), VAULTS, given)


@settings(max_examples=25)  # reading a calendar computes 28 years of days
@given(st.sampled_from(["nightly", "on", "1e5", "0"]).flatmap(policies))
def test_an_exported_policy_is_read_back(given: Policy) -> None:
    assert loaded(yaml_text(exported((given,)))) == ("tidemark", (given,))


SEVERAL_SITES = """\
account: "123456789012"
region: eu-central-1
regions: [eu-west-1]
vaults: {eu-central-1: tidemark, eu-west-1: copies}
accounts:
  production: {id: "111111111111", regions: [eu-central-1, eu-west-1], external_id: 0123456789abcdef}
policies:
  wide:
    file_systems: [fs-01234567, eu-west-1/fs-01234568, production/eu-central-1/fs-01234569]
    keep: 3 days
  copied:
    file_systems: [production/eu-west-1/fs-0123456a]
    keep: 3 days
    copies:
      - {region: eu-central-1, keep: 3 days}
      - {region: eu-west-1, account: home, keep: 3 days}
"""


def test_file_systems_and_copies_in_other_sites_are_read_back() -> None:
    def read(text: str) -> Configuration:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tidemark.yaml"
            path.write_text(text)
            return load(path, REGIONS)

    given = read(SEVERAL_SITES)
    keys = configuration(
        "tidemark", ("123456789012", "eu-central-1"), given.vaults, given.policies, given.sites
    )
    again = read(yaml_text(keys))
    assert again.policies == given.policies
    assert again.sites == given.sites


def test_several_policies_are_read_back_from_json() -> None:
    given = tuple(
        Policy(name=name, region="eu-central-1", file_systems=("fs-01234567",), vault="tidemark", keep_days=3)
        for name in ("one", "two")
    )
    assert loaded(json.dumps(exported(given))) == ("tidemark", given)


def test_every_field_of_a_policy_is_exported() -> None:
    """A field that is added to policies must be exported, or named here with a reason."""
    elsewhere = {"name", "region", "vault", "vaults", "account"}  # keys of the deployment
    changed = dataclasses.replace(
        Policy(name="n", region="eu-central-1", file_systems=("fs-01234567",), vault="tidemark", keep_days=3),
        cold_after_days=5,
        copies=(CopyTarget(region="eu-west-1", vault="copies", keep_days=1),),
        selection=Selection(any_of=(Selector(places=("",)),)),
        index=False,
        crawl=CrawlSettings(exclude=("/a",)),
        schedule=Schedule(expression="rate(1 day)"),
        calendar=Calendar(
            recurrences=(Recurrence(flag="D", at=(), on=(), retention=Retention(keep_days=1)),)
        ),
        worker=WorkerSettings(kind="ec2"),
        drill=DrillSettings(files=3),
        retries=RetrySettings(times=2, interval_seconds=600),
        notify=NotifySettings(on=("success",)),
        damage=DamageSettings(files=3),
        hold_days=9,
        index_keep_days=30,
    )
    plain = Policy(
        name="n", region="eu-central-1", file_systems=("fs-7654321f",), vault="tidemark", keep_days=4
    )
    for field in dataclasses.fields(Policy):
        if field.name in elsewhere or field.name == "crawl":
            continue
        value = getattr(changed, field.name)
        assert value != getattr(plain, field.name), f"{field.name}: give it another value above"
        one = dataclasses.replace(plain, **{field.name: value})
        assert exported((one,)) != exported((plain,)), field.name
    assert exported((dataclasses.replace(plain, crawl=changed.crawl),)) != exported((plain,))


def test_policies_of_several_accounts_and_regions_are_read_back() -> None:
    sites = (
        Site(account="123456789012", region="eu-west-1", vault="copies"),
        Site(account="111111111111", region="us-east-1", vault="american", name="p", external_id="x" * 16),
        Site(account="111111111111", region="eu-west-1", vault="copies", name="p", external_id="x" * 16),
    )
    given = Policy(
        name="wide",
        region="eu-central-1",
        file_systems=("fs-01234567", "eu-west-1/fs-01234568", "111111111111/us-east-1/fs-01234569"),
        vault="tidemark",
        vaults=(("eu-west-1", "copies"), ("us-east-1", "american")),
        keep_days=3,
        copies=(CopyTarget(region="us-west-2", vault="far", account="123456789012", keep_days=9),),
    )
    vaults = {"eu-central-1": "tidemark", "eu-west-1": "copies", "us-east-1": "american", "us-west-2": "far"}
    keys = configuration("tidemark", ("123456789012", "eu-central-1"), vaults, (given,), sites)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tidemark.yaml"
        path.write_text(yaml_text(keys))
        read = load(path, REGIONS)
    assert read.policies == (given,)
    assert (read.sites, read.account) == (sites, "123456789012")
