"""Retention in the repository: the manifest goes first, and an interrupted removal is completed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.aws.account import REGION
from tests.aws.test_leftovers import BUCKET, LEFT, OWN, PREFIX, REPOSITORY, Repository
from tests.sessions.restore_examples import new_restore
from tests.sessions.world import FS, START, new_session, point
from tidemark.aws.clients import Clients
from tidemark.aws.held_points import HeldPoints
from tidemark.aws.pruning import Pruned, plan_for, remove_planned
from tidemark.aws.stored_indexes import HistoryLogs, indexed_file_systems, stored_indexes
from tidemark.errors import SiteNotAccessible
from tidemark.sessions.index_retention import Kept, Plan, PointState, Why
from tidemark.sessions.outcome import Outcome
from tidemark.sessions.overlap import add_point, claim, complete, open_session
from tidemark.sessions.queries import associations_in, close_session
from tidemark.sessions.records import read_index
from tidemark.sessions.restore_test import RestoreTest
from tidemark.sessions.restores import open_restore
from tidemark.sessions.session import FileSystem, Point, SessionStatus

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LATER = START + timedelta(days=2)
ARN = f"arn:aws:backup:{REGION}:{FS.account}:recovery-point:1"


@dataclass
class Vaults:
    """AWS Backup in one account, as a list of points; can be denied."""

    points: set[str] = field(default_factory=set)
    is_denied: bool = False
    is_complete: bool = True  # whether its list contains every point

    def of(self, _service: str, region: str) -> Any:
        return SimpleNamespace(
            get_paginator=lambda name: SimpleNamespace(paginate=lambda **asked: self._pages(region, asked)),
            describe_recovery_point=self._describe,
        )

    def _pages(self, region: str, asked: dict[str, str]) -> list[dict[str, Any]]:
        if self.is_denied:
            raise refusal("AccessDeniedException")
        assert asked == {"ResourceArn": FS.arn}
        here = [{"RecoveryPointArn": arn} for arn in sorted(self.points) if arn.split(":")[3] == region]
        return [{"RecoveryPoints": here if self.is_complete else []}]

    def _describe(self, *, BackupVaultName: str, RecoveryPointArn: str) -> dict[str, str]:  # noqa: N803 - AWS's
        if RecoveryPointArn not in self.points or BackupVaultName != "vault":
            raise refusal("ResourceNotFoundException")
        return {"RecoveryPointArn": RecoveryPointArn}


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


@dataclass
class Deployed:
    """A repository with its records, and the vaults."""

    repository: Repository
    vaults: Vaults

    def plan(self) -> Plan:
        return plan_for(
            self.repository.s3,
            self.repository.records,
            REPOSITORY,
            lambda _account: self.vaults,  # type: ignore[arg-type,return-value]  # a fake
            FS,
            LATER,
        )

    def prune(self, s3: Any = None) -> Pruned:
        return remove_planned(s3 or self.repository.s3, self.repository.records, REPOSITORY, self.plan())

    def indexed(self, number: int, arn: str) -> str:
        """Create an index with a session that has one point, and return its id."""
        index_id = self.repository.index(number, None, OWN)
        records, session = self.repository.records, f"s-{number}"
        open_session(records, new_session(session), START)
        made: Point = replace(point(session, "backup"), recovery_point_arn=arn)
        add_point(records, session, made, lambda *_: "")
        claim(records, session, index_id, START)
        complete(records, FS, index_id, {}, START)
        add_point(records, session, made, lambda *_: "")
        close_session(records, session, Outcome(status=SessionStatus.SUCCESS, reasons=()), START)
        self.vaults.points.add(arn)
        return index_id


@pytest.fixture
def deployed(clients: Clients) -> Deployed:
    return Deployed(Repository(clients.of("s3", REGION)), Vaults())


def test_an_index_is_removed_with_its_last_point(deployed: Deployed) -> None:
    repository = deployed.repository
    first, second = deployed.indexed(1, ARN), deployed.indexed(2, f"{ARN}2")
    assert deployed.plan().is_empty
    deployed.vaults.points.remove(ARN)
    planned = deployed.plan()
    assert [(each.index_id, each.why, each.objects) for each in planned.removals] == [
        (first, Why.EXPIRED, len(OWN))
    ]
    assert planned.size_bytes > 0
    done = deployed.prune()
    assert (len(done.removed), done.changed, done.associations) == (1, (), 1)
    assert repository.listed() == {repository.key(second, name) for name in OWN}
    assert read_index(repository.records, FS, first) is None
    assert [each.index_id for each in associations_in(repository.records, FS)] == [second]
    assert deployed.plan().is_empty


class Interrupted(Exception):
    pass


class Breaking:
    """An S3 client that fails after a number of deletions."""

    def __init__(self, s3: S3Client, after: int) -> None:
        self._s3, self._left = s3, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def delete_object(self, **asked: Any) -> Any:
        if not self._left:
            raise Interrupted
        self._left -= 1
        return self._s3.delete_object(**asked)


@pytest.mark.parametrize("after", range(len(OWN)))
def test_an_interrupted_removal_leaves_an_invisible_index_and_is_completed(
    deployed: Deployed, after: int
) -> None:
    repository, index_id = deployed.repository, deployed.indexed(1, ARN)
    deployed.vaults.points.clear()
    with pytest.raises(Interrupted):
        deployed.prune(Breaking(repository.s3, after))
    index = read_index(repository.records, FS, index_id)
    assert index is not None
    assert index.status.value == "removing"
    left = repository.listed()
    assert len(left) == len(OWN) - after
    assert (repository.key(index_id, "manifest.json") in left) == (not after)
    (removal,) = deployed.plan().removals
    assert removal.why is Why.INTERRUPTED
    deployed.prune()
    assert not repository.listed()
    assert read_index(repository.records, FS, index_id) is None


def test_an_index_that_is_associated_while_it_is_removed_is_kept(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_id = deployed.indexed(1, ARN)
    deployed.vaults.points.clear()
    planned = deployed.plan()
    late = replace(point("s-1", "copy"), recovery_point_arn=f"{ARN}9")
    add_point(deployed.repository.records, "s-1", late, lambda *_: "")
    done = remove_planned(deployed.repository.s3, deployed.repository.records, REPOSITORY, planned)
    assert done.changed == (index_id,)
    assert deployed.repository.key(index_id, "manifest.json") in deployed.repository.listed()


def test_the_index_of_points_that_cannot_be_listed_is_kept(deployed: Deployed) -> None:
    deployed.indexed(1, ARN)
    deployed.vaults.points.clear()
    deployed.vaults.is_denied = True
    planned = deployed.plan()
    assert planned.is_empty
    assert [(each.why, each.detail) for each in planned.kept] == [(Kept.UNCLEAR, ARN)]


def test_a_point_that_its_vault_holds_exists_although_the_list_lacks_it(deployed: Deployed) -> None:
    deployed.indexed(1, ARN)
    deployed.vaults.is_complete = False
    assert deployed.plan().is_empty
    deployed.vaults.points.clear()
    assert not deployed.plan().is_empty


def test_points_of_an_account_that_denies_access_are_unknown() -> None:
    def refuse(account: str) -> Clients:
        raise SiteNotAccessible(account, REGION, "no")

    assert HeldPoints(refuse, FS).look_up([ARN]) == {ARN: PointState.UNKNOWN}


def test_files_of_lost_workers_are_removed_next_to_an_index_that_is_kept(deployed: Deployed) -> None:
    repository, index_id = deployed.repository, deployed.indexed(1, ARN)
    for name in LEFT:
        repository.s3.put_object(Bucket=BUCKET, Key=repository.key(index_id, name), Body=b"left")
    (removal,) = deployed.plan().removals
    assert (removal.why, removal.objects, removal.size_bytes) == (Why.LEFTOVER, len(LEFT), 4 * len(LEFT))
    deployed.prune()
    assert repository.listed() == {repository.key(index_id, name) for name in OWN}


def test_an_index_without_a_record_is_never_removed(deployed: Deployed) -> None:
    deployed.repository.index(1, None, OWN)
    planned = plan_for(
        deployed.repository.s3,
        deployed.repository.records,
        REPOSITORY,
        lambda _account: deployed.vaults,  # type: ignore[arg-type,return-value]  # a fake
        FS,
        LATER + timedelta(days=36_500),
    )
    assert planned.is_empty
    assert [each.why for each in planned.kept] == [Kept.NO_RECORD]


def test_the_index_of_a_restored_point_is_removed_with_its_point_but_not_its_results(
    deployed: Deployed,
) -> None:
    s3 = deployed.repository.s3
    test = RestoreTest(
        restore_job_id="job",
        recovery_point_arn=ARN,
        backup_started_at=START,
        backup_ended_at=START,
        index_id="",
        exact_index_id="fs-exact",
    )
    ended = replace(
        new_restore("test-job"),
        file_system=FS,
        kind="test",
        test=test,
        status=SessionStatus.SUCCESS,
        started_at=START,
        ended_at=START,
    )
    open_restore(deployed.repository.records, ended)
    below = f"{PREFIX}restores/{FS}/test-job/"
    for name in ("results/summary.json", f"indexes/{FS}/fs-exact/manifest.json"):
        s3.put_object(Bucket=BUCKET, Key=below + name, Body=b"1")
    deployed.vaults.points.add(ARN)
    assert deployed.plan().is_empty
    deployed.vaults.points.clear()
    (removal,) = deployed.plan().removals
    assert (removal.why, removal.index_id, removal.objects) == (Why.TESTED, "test-job", 1)
    deployed.prune()
    assert deployed.repository.listed() == {f"{below}results/summary.json"}


def test_file_systems_are_found_in_the_repository(deployed: Deployed) -> None:
    s3 = deployed.repository.s3
    deployed.repository.index(1, None, OWN)
    other = FileSystem("999999999999", "us-east-1", "fs-0123456789abcdef9")
    s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}restores/{other}/restore-1/plan.json", Body=b"1")
    assert list(indexed_file_systems(s3, REPOSITORY)) == sorted([FS, other])


def test_a_manifest_that_names_a_log_of_versions_is_recognized(deployed: Deployed) -> None:
    named = json.dumps({"parts": [], "side_files": [{"file": "attempt-1/history.parquet"}]}).encode()
    repository = deployed.repository
    has, lacks = (
        repository.index(1, None, ["manifest.json"], named),
        repository.index(2, None, ["manifest.json"]),
    )
    broken = repository.index(3, None, ["manifest.json"], b"?")
    logs = HistoryLogs(repository.s3, REPOSITORY, FS)
    assert [each in logs for each in (has, lacks, broken, "missing")] == [True, False, False, False]
    assert stored_indexes(repository.s3, REPOSITORY, FS)[has].has_manifest
