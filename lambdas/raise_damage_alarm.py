"""indexing-session: record the suspicious changes of an index, hold the last good points, and notify."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from lambdas._handler import Deployment, count, lambda_handler
from tidemark.aws.clock import utc_now
from tidemark.aws.damage_hold import hold, last_good_points, plan_hold
from tidemark.aws.notification import Notification, publish
from tidemark.aws.publication import read_damage_document
from tidemark.damage.verdict import Status
from tidemark.damage.words import directories, restore_line, sentences
from tidemark.errors import IndexingFailed, PolicyNotFound
from tidemark.sessions.damage_alarms import DamageAlarm, Suspicion, raise_alarm, update_alarm
from tidemark.sessions.metrics import DAMAGE_ALARMS
from tidemark.sessions.session import FileSystem

if TYPE_CHECKING:
    from tidemark.aws.clients import Clients
    from tidemark.damage.document import DamageDocument


class Event(TypedDict):
    """The index, the policy that made it, and the key of its damage.json."""

    index_id: str
    file_system: str
    policy: str
    damage_key: str


class Result(TypedDict):
    """The alarm."""

    index_id: str
    first_index_id: str
    last_good_index_id: str
    held: list[str]  # ARNs of recovery points
    problems: list[str]


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Return the alarm. Idempotent: holds and notifies once for an index. Raises IndexingFailed."""
    records, clients, settings = deployment.records, deployment.clients, deployment.settings
    now = utc_now()
    file_system = deployment.file_system(event["file_system"])

    def clients_of(account: str) -> Clients:
        return deployment.sites.clients_of(account, event["index_id"])

    s3 = clients.of("s3", settings.region)
    document = read_damage_document(
        s3, settings.repository, file_system, event["index_id"], key=event["damage_key"]
    )
    if document.verdict.status is not Status.SUSPICIOUS:
        raise IndexingFailed(
            f"{event['damage_key']} differs from the verdict of its worker; find out what replaced it"
        )
    hold_days = _hold_days(deployment, event["policy"])
    alarm = raise_alarm(records, _suspicion(file_system, document), holds=hold_days is not None, now=now)
    if hold_days is not None and alarm.is_open:
        planned = plan_hold(clients_of, records, alarm, hold_days, now)
        known = {point.recovery_point_arn: point for point in alarm.held}
        # The retention before the first hold is the one to set back.
        held = {point.recovery_point_arn: point for point in planned.points} | known
        alarm = update_alarm(records, alarm, held=tuple(held[arn] for arn in sorted(held)))
        refused = [problem for point in planned.points if (problem := hold(clients_of, point))]
        alarm = update_alarm(records, alarm, problems=(*planned.problems, *refused))
    if alarm.is_open and alarm.notified_index_id < event["index_id"]:
        notification = _notification(deployment, alarm)
        publish(clients.of("sns", settings.region), settings.topic, notification)
        alarm = update_alarm(records, alarm, notified_index_id=event["index_id"])
        count(DAMAGE_ALARMS, 1)
    return {
        "index_id": event["index_id"],
        "first_index_id": alarm.first_index_id,
        "last_good_index_id": alarm.last_good_index_id,
        "held": [point.recovery_point_arn for point in alarm.held],
        "problems": list(alarm.problems),
    }


def _hold_days(deployment: Deployment, policy: str) -> int | None:
    try:
        return deployment.policy(policy).hold_days
    except PolicyNotFound:  # removed while its index was made
        return None


def _suspicion(file_system: FileSystem, document: DamageDocument) -> Suspicion:
    verdict = document.verdict
    return Suspicion(
        file_system=file_system,
        index_id=document.index_id,
        last_good_index_id=verdict.last_good_index_id or "",
        findings=sentences(verdict),
        directories=directories(verdict),
    )


def _notification(deployment: Deployment, alarm: DamageAlarm) -> Notification:
    name = deployment.name_of(alarm.file_system)
    good = next(last_good_points(deployment.records, alarm), None)
    lines = [
        f"{name}: the changes of index {alarm.newest_index_id} look like damage",
        *(f"  {finding}" for finding in alarm.findings),
    ]
    if good is None:
        lines.append("  no recorded recovery point is older than the damage")
    else:
        index_id, points = good
        point = next((each for each in points if each.kind == "backup"), points[0])
        arn = point.recovery_point_arn
        lines += [
            f"  last good recovery point: {arn} in vault {point.vault}, index {index_id}",
            f"  restore with: {restore_line(alarm.directories, name, ['--point', arn])}",
        ]
    if alarm.holds:
        lines.append("  held until you release the alarm: copies, and the deletion of the last good points")
        lines += [f"  {problem}" for problem in alarm.problems]
    lines.append(f"  more: tidemark damage show {name}")
    lines.append(f"  if the changes are intended: tidemark damage release {name}")
    return Notification(status="damage", subject=name, lines=tuple(lines))
