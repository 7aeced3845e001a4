"""The cost of a policy, against sums that are computed here in fractions."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from tests.aws.account import NIGHTLY
from tests.costs.test_runs import PRODUCTION
from tidemark.costs.change_rate import ChangeRate
from tidemark.costs.inputs import FileSystemUse, NetworkUse
from tidemark.costs.policy_estimate import estimate
from tidemark.policy.policy import CopyTarget, Schedule, WorkerSettings

START = datetime(2027, 1, 1, tzinfo=UTC)
GB = 1024**3
REGION = "us-east-1"  # whose prices are the documented ones
EVERY_NIGHT = Schedule(expression="cron(0 2 * * ? *)")
SIMPLE = dataclasses.replace(
    NIGHTLY,
    region=REGION,
    schedule=EVERY_NIGHT,
    copies=(CopyTarget(region="us-west-2", vault="copies", keep_days=10),),
)
USE = FileSystemUse(
    file_system_id="fs-0123456789abcdef0",
    size=100 * GB,
    files=1_000_000,
    entries=1_200_000,
    changes=ChangeRate.of_daily(100 * GB, GB),
    changed_files_daily=4_000,
    is_elastic=True,
    crawl_seconds=1_080,
    index_bytes=GB // 100,
)
NAT = NetworkUse(way="nat", gateways=1)


def parts(policy=SIMPLE, use=USE, network=NAT, **options):
    found = estimate(policy, [use], network, START, **options)
    return {part.name: Fraction(part.usd) for part in (*found.parts, *found.shared)}


def near(amount):
    return pytest.approx(float(amount), abs=0.001)


def test_the_storage_is_one_full_copy_and_the_changes_of_the_retention():
    found = parts()
    five_cents = Fraction(5, 100)
    assert found["backup storage, warm: one full copy"] == near(100 * five_cents)
    assert found["backup storage, warm: all runs"] == near(35 * five_cents)
    assert found["copy storage, warm: one full copy"] == near(100 * five_cents)
    assert found["copy storage, warm: all runs"] == near(10 * five_cents)


def test_the_other_parts_are_amounts_at_prices():
    found = parts()
    runs = Fraction(365, 12)
    assert found["transfer of copies to us-west-2"] == near(runs * Fraction(4, 100))
    read = Fraction(1_200_000 * 4_096 * runs, GB)
    assert found["EFS, Elastic throughput"] == near(read * Fraction(3, 100))
    hourly = Fraction(3238, 100_000) + 2 * Fraction(356, 100_000)
    assert found["worker, Fargate"] == near(runs * Fraction(1_200, 3_600) * hourly)
    assert found["storage of indexes"] == near(Fraction(36 * 23, 100 * 1_000))
    # Four of policy-run and one for its file system; three polls of a job of less than 80 seconds.
    polls = 1
    steps = 5 + (5 + 3 * polls + (2 + 3 * polls) + 9)
    assert found["Step Functions"] == near(Fraction(runs * steps * 25, 10**6))
    assert found["NAT gateways"] == near(730 * Fraction(45, 1_000))
    assert found["KMS keys"] == near(5)
    assert parts(copy_regions=2)["KMS keys"] == near(7)


def test_metadata_costs_only_with_elastic_throughput_and_an_index():
    assert "EFS, Elastic throughput" not in parts(use=dataclasses.replace(USE, is_elastic=False))
    without = parts(dataclasses.replace(SIMPLE, index=False))
    assert not {"EFS, Elastic throughput", "worker, Fargate", "storage of indexes"} & without.keys()


@pytest.mark.parametrize(
    ("network", "part"),
    [
        (NetworkUse(way="public"), "public address of the worker"),
        (NetworkUse(way="endpoints", endpoints=8), "worker through interface endpoints"),
        (NetworkUse(way="endpoints", endpoints=8), "interface endpoints"),
        (NAT, "worker through the NAT gateway"),
    ],
)
def test_the_network_is_charged_as_it_is(network, part):
    assert part in parts(network=network)
    assert not {"NAT gateways", "interface endpoints"} & parts(network=NetworkUse(way="public")).keys()


def test_an_instance_type_without_a_recorded_price_is_named():
    worker = WorkerSettings(kind="ec2", instance_type="x9z.metal")
    found = estimate(dataclasses.replace(SIMPLE, worker=worker), [USE], NAT, START)
    (part,) = (part for part in found.parts if part.name == "worker, EC2")
    assert part.usd == 0
    assert "x9z.metal, whose price is not recorded: not included" in part.explanation
    worker = WorkerSettings(kind="ec2")
    assert parts(dataclasses.replace(SIMPLE, worker=worker))["worker, EC2"] > 0


def test_flags_are_separate_parts_and_cold_storage_has_its_own_price():
    production = dataclasses.replace(PRODUCTION, region=REGION, copies=())
    found = estimate(production, [USE], NAT, START)
    by_name = {part.name: Fraction(part.usd) for part in found.parts}
    assert {
        "backup storage, warm: daily runs",
        "backup storage, warm: weekly runs",
        "backup storage, warm: monthly runs",
        "backup storage, cold: one full copy",
        "backup storage, cold: monthly runs",
        "backups moved to cold storage",
    } <= by_name.keys()
    assert by_name["backup storage, cold: one full copy"] == near(1)
    # Eleven points of a year are cold, about 30 days apart: ten times what changes within a month.
    assert by_name["backup storage, cold: monthly runs"] == pytest.approx(0.01 * 10 * 30.4, rel=0.1)
    assert any("cold storage share data" in text for text in found.assumptions)


def test_the_steady_state_follows_the_longest_retention_and_the_first_year_grows_to_it():
    found = estimate(SIMPLE, [USE], NAT, START)
    assert found.is_steady
    assert found.steady_month == 3, "35 days end in the second month"
    first, second, *others = found.months
    assert len(found.months) == 12
    transfer = Fraction(100 * 4, 100)  # the first copy is complete
    assert Fraction(first) - transfer < Fraction(second) <= Fraction(max(others))
    assert found.first_year_usd == sum(found.months)


def test_storage_that_is_kept_forever_has_no_steady_state():
    found = estimate(dataclasses.replace(SIMPLE, keep_days=None), [USE], NAT, START, months=24)
    assert not found.is_steady
    assert found.steady_month == 24
    assert len(found.months) == 24
    assert any("keeps growing" in text for text in found.assumptions)


def test_windows_are_those_of_the_documented_speeds():
    (window,) = estimate(SIMPLE, [USE], NAT, START).windows
    assert window.first_backup_seconds == 500  # a million files, 2,000 per second; 107 GB need 268 seconds
    assert window.restore_seconds == 667
    assert window.backup_seconds in (2, 3)
