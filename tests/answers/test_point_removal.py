"""Which points are deleted: one always remains, and what a lock or a hold keeps is never tried."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tidemark.answers.point_removal import HeldPoint, Kept, Locks, RemovalPlan, Selection, plan_removal
from tidemark.aws.recovery_points import RecoveryPoint
from tidemark.sessions.session import FileSystem
from tidemark.tags import Finding, OpenedTags, PointMetadata, TagProblem

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FILE_SYSTEMS = [FileSystem("123456789012", "eu-central-1", f"fs-0123456789abcdef{n}") for n in range(2)]
NO_LOCKS = Locks(vaults={}, held={})
ALTERED = TagProblem(finding=Finding.OTHER_INDEX, tag_key="", field="index", message="altered")


def held(
    number: int,
    *,
    days_ago: int = 1,
    policy: str | None = "nightly",
    status: str = "COMPLETED",
    is_copy: bool = False,
    is_manual: bool = False,
    file_system: FileSystem = FILE_SYSTEMS[0],
    vault: str = "tidemark",
    problems: tuple[TagProblem, ...] = (),
    recorded_in: str = "",
) -> HeldPoint:
    created = NOW - timedelta(days=days_ago)
    metadata = PointMetadata(
        session=f"s{number}",
        policy=policy or "",
        file_system=file_system.file_system_id,
        account=file_system.account,
        region=file_system.region,
        created=created,
        retention_days=35,
    )
    return HeldPoint(
        file_system=file_system,
        is_manual=is_manual,
        point=RecoveryPoint(
            recovery_point_arn=f"arn:{number}",
            region="eu-west-1" if is_copy else "eu-central-1",
            vault=vault,
            status=status,
            created_at=created,
            delete_at=None,
            size_bytes=1,
            is_copy=is_copy,
            tags=OpenedTags(metadata=metadata if policy else None, key_version=None, problems=problems),
            recorded_in=recorded_in,
        ),
    )


@st.composite
def points(draw: st.DrawFn) -> list[HeldPoint]:
    return [
        held(
            number,
            days_ago=draw(st.integers(0, 5)),
            policy=draw(st.sampled_from(["nightly", "weekly", None])),
            status=draw(st.sampled_from(["COMPLETED", "COMPLETED", "CREATING", "EXPIRED", "DELETING"])),
            is_copy=draw(st.booleans()),
            is_manual=draw(st.booleans()),
            file_system=draw(st.sampled_from(FILE_SYSTEMS)),
            vault=draw(st.sampled_from(["tidemark", "locked"])),
            problems=draw(st.sampled_from([(), (), (ALTERED,)])),
            recorded_in=draw(st.sampled_from(["", "", "999999999999"])),
        )
        for number in range(draw(st.integers(0, 8)))
    ]


selections = st.builds(
    Selection,
    policy=st.sampled_from([None, "nightly"]),
    copies=st.booleans(),
    manual=st.booleans(),
    before=st.sampled_from([None, NOW - timedelta(days=2)]),
)
LOCKS = Locks(
    vaults={("eu-central-1", "locked"): "a lock", ("eu-west-1", "locked"): "a lock"}, held={"arn:3": "a case"}
)


def restorable(found: list[HeldPoint], file_system: FileSystem) -> set[str]:
    """Return the points from which Tidemark can restore a file system."""
    return {
        each.point.recovery_point_arn
        for each in found
        if each.file_system == file_system
        and each.point.tags.metadata is not None
        and each.point.status == "COMPLETED"
    }


@given(points(), selections, st.booleans())
def test_a_file_system_keeps_a_point_unless_the_last_one_is_requested(
    found: list[HeldPoint], selection: Selection, last: bool
) -> None:
    plan = plan_removal(found, selection, LOCKS, last=last)
    removed = {each.point.recovery_point_arn for each in plan.removals}
    for file_system in FILE_SYSTEMS:
        before = restorable(found, file_system)
        if before and not last:
            assert before - removed
    if last:
        assert all(each.why is not Kept.LAST for each in plan.kept)


@given(points(), selections, st.booleans())
def test_exactly_the_selected_points_are_removed_or_reported(
    found: list[HeldPoint], selection: Selection, last: bool
) -> None:
    plan = plan_removal(found, selection, LOCKS, last=last)
    reported = [each.point.recovery_point_arn for each in plan.removals]
    reported += [each.held.point.recovery_point_arn for each in plan.kept]
    expected = set()
    for each in found:
        metadata, problems = each.point.tags.metadata, each.point.tags.problems
        if metadata is None and not problems:
            continue  # of another program
        if selection.policy and (metadata is None or metadata.policy != selection.policy):
            continue
        if selection.copies and not each.point.is_copy:
            continue
        if selection.manual and not each.is_manual:
            continue
        if selection.before and each.point.created_at >= selection.before:
            continue
        expected.add(each.point.recovery_point_arn)
    assert sorted(reported) == sorted(expected)


@given(points(), selections)
def test_no_point_that_a_lock_a_hold_or_another_account_keeps_is_removed(
    found: list[HeldPoint], selection: Selection
) -> None:
    for each in plan_removal(found, selection, LOCKS, last=True).removals:
        assert each.point.vault != "locked"
        assert each.point.recovery_point_arn != "arn:3"
        assert each.point.status in ("COMPLETED", "EXPIRED")
        assert each.point.tags.metadata is not None
        assert not each.point.recorded_in


def why(plan: RemovalPlan) -> dict[str, Kept]:
    return {each.held.point.recovery_point_arn: each.why for each in plan.kept}


def test_of_a_backup_and_its_copy_the_backup_is_the_last_point() -> None:
    found = [held(1, days_ago=3), held(2, days_ago=1, is_copy=True), held(3, days_ago=1)]
    plan = plan_removal(found, Selection(), NO_LOCKS, last=False)
    assert [each.point.recovery_point_arn for each in plan.removals] == ["arn:1", "arn:2"]
    assert why(plan) == {"arn:3": Kept.LAST}


def test_a_point_that_a_lock_keeps_is_the_point_that_remains() -> None:
    found = [held(1, days_ago=3, vault="locked"), held(2)]
    plan = plan_removal(found, Selection(), LOCKS, last=False)
    assert [each.point.recovery_point_arn for each in plan.removals] == ["arn:2"]
    assert why(plan) == {"arn:1": Kept.LOCKED}


def test_a_point_of_another_program_does_not_count_as_the_one_that_remains() -> None:
    found = [held(1, policy=None), replace(held(2))]
    assert why(plan_removal(found, Selection(), NO_LOCKS, last=False)) == {"arn:2": Kept.LAST}
