"""raise_damage_alarm, and the copies that an open alarm holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from lambdas import _handler
from tests.aws.account import FS as OWN
from tests.aws.account import NIGHTLY, REGION
from tests.damage.building import comparison, scope
from tests.lambdas.answers import answered
from tests.lambdas.conftest import POINT, deploy_policy
from tests.sessions.world import new_session
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.damage.document import next_document
from tidemark.damage.settings import DamageSettings
from tidemark.errors import DamageSuspected, IndexingFailed
from tidemark.policy.policy import Policy
from tidemark.sessions.damage_alarms import DamageAlarm, read_alarm, release_alarm
from tidemark.sessions.indexing import Association
from tidemark.sessions.overlap import open_session
from tidemark.sessions.schema import INDEXES
from tidemark.sessions.session import Point
from tidemark.sessions.transactions import Put

FS, ACCOUNT = OWN.file_system_id, OWN.account
HOLDING = replace(NIGHTLY, hold_days=90)


@pytest.fixture
def notes(clients: Clients) -> Iterator[list[dict[str, Any]]]:
    """The notifications that were published."""
    sent: list[dict[str, Any]] = []

    def publish(parameters: dict[str, Any]) -> dict[str, str]:
        sent.append(parameters)
        return {"MessageId": "1"}

    with answered(clients.of("sns", REGION), {"Publish": publish}):
        yield sent


def recorded(deployment: _handler.Deployment) -> None:
    """Record the point of the index before the damage."""
    point = Point(
        recovery_point_arn=POINT,
        kind="backup",
        account=ACCOUNT,
        region=REGION,
        vault="tidemark",
        job_id="job",
        size_bytes=1,
        completed_at=utc_now(),
    )
    open_session(
        deployment.records, replace(new_session("good"), file_system=OWN, points=(point,)), utc_now()
    )
    good = Association(file_system=OWN, recovery_point_arn=POINT, index_id="index-008", session_id="good")
    deployment.records.transact(Put(table=INDEXES, item=good.to_item()))


def event(clients: Clients, *, number: int = 9, replaced: int = 400) -> dict[str, str]:
    """Store the record of a suspicious index; return the step's input."""
    document = None
    for each in range(1, 9):
        document = next_document(f"index-{each:03}", document, comparison(each), [], DamageSettings())
    attack = comparison(number, {"/home/": scope(500, replaced=replaced)}, previous_index_id="index-008")
    name = f"index-{number:03}"
    document = next_document(name, document, attack, [], DamageSettings())
    s3 = clients.of("s3", REGION)
    if not s3.list_buckets()["Buckets"]:
        place = {"LocationConstraint": "eu-central-1"}
        s3.create_bucket(Bucket="repository", CreateBucketConfiguration=place)
    key = f"indexes/{OWN}/{name}/attempt-0a1b2c3d/damage.json"
    s3.put_object(Bucket="repository", Key=f"below/{key}", Body=document.to_json())
    return {"index_id": name, "file_system": FS, "policy": "nightly", "damage_key": key}


def alarm(deployment: _handler.Deployment) -> DamageAlarm:
    found = read_alarm(deployment.records, OWN)
    assert found is not None
    return found


def test_an_alarm_is_recorded_and_names_directory_point_and_command(call, clients, deployment, notes):
    recorded(deployment)
    result = call("raise_damage_alarm", event(clients))
    assert (result["first_index_id"], result["last_good_index_id"], result["held"]) == (
        "index-009",
        "index-008",
        [],
    )
    found = alarm(deployment)
    assert (found.is_open, found.holds, found.directories) == (True, False, ("/home",))
    (note,) = notes
    text = json.loads(note["Message"])["default"]
    assert "/home/: 400 of 500 files were replaced" in text
    assert f"tidemark restore /home --file-system {FS} --point {POINT} --to /restored" in text
    assert note["MessageAttributes"]["status"]["StringValue"] == "damage"


def test_a_step_that_is_called_twice_notifies_once(call, clients, deployment, notes):
    twice = event(clients)
    assert call("raise_damage_alarm", twice) == call("raise_damage_alarm", twice)
    assert len(notes) == 1
    call("raise_damage_alarm", event(clients, number=10))
    assert len(notes) == 2
    assert (alarm(deployment).first_index_id, alarm(deployment).newest_index_id) == ("index-009", "index-010")


def test_a_policy_that_holds_postpones_the_deletion_of_the_last_good_point(call, clients, deployment, notes):
    deploy_policy(clients, HOLDING)
    recorded(deployment)
    created = datetime.now(UTC) - timedelta(days=30)
    described = {"CreationDate": created, "Lifecycle": {"DeleteAfterDays": 35}}
    with Stubber(clients.of("backup", REGION)) as stub:
        for keep in (35, 121):  # the second attempt finds the retention that the first one has set
            described["Lifecycle"] = {"DeleteAfterDays": keep}
            stub.add_response("describe_recovery_point", dict(described))
            if keep == 35:
                expected = {"BackupVaultName": "tidemark", "RecoveryPointArn": POINT, "Lifecycle": ANY}
                stub.add_response("update_recovery_point_lifecycle", {}, expected)
            call("raise_damage_alarm", event(clients))
        stub.assert_no_pending_responses()
    (held,) = alarm(deployment).held
    assert (held.recovery_point_arn, held.keep_days) == (POINT, 35)
    assert held.held_days in (120, 121)  # 90 days from now
    assert "held until you release the alarm" in json.loads(notes[0]["Message"])["default"]


def test_the_refusal_of_a_locked_vault_is_recorded(call, clients, deployment, notes):
    deploy_policy(clients, HOLDING)
    recorded(deployment)
    described = {"CreationDate": datetime.now(UTC), "Lifecycle": {"DeleteAfterDays": 35}}
    with Stubber(clients.of("backup", REGION)) as stub:
        stub.add_response("describe_recovery_point", described)
        stub.add_client_error(
            "update_recovery_point_lifecycle", "InvalidRequestException", "the vault is locked"
        )
        result = call("raise_damage_alarm", event(clients))
    assert "the vault is locked" in result["problems"][0]
    assert alarm(deployment).problems == tuple(result["problems"])
    assert "the vault is locked" in json.loads(notes[0]["Message"])["default"]


def test_an_alarm_without_a_policy_holds_nothing(call, clients, deployment, notes):
    call("raise_damage_alarm", {**event(clients), "policy": "removed"})
    assert (alarm(deployment).is_open, alarm(deployment).holds) == (True, False)


@pytest.mark.parametrize("key", ["indexes/other/damage.json", "indexes/{own}/index-009/none.json"])
def test_another_key_than_that_of_the_index_is_refused(call, clients, deployment, notes, key):
    with pytest.raises(IndexingFailed):
        call("raise_damage_alarm", {**event(clients), "damage_key": key.format(own=OWN)})
    assert read_alarm(deployment.records, OWN) is None


def test_a_record_without_suspicion_raises_no_alarm(call, clients, deployment, notes):
    with pytest.raises(IndexingFailed, match="differs from the verdict"):
        call("raise_damage_alarm", event(clients, replaced=3))
    assert read_alarm(deployment.records, OWN) is None


def copy_event() -> dict[str, Any]:
    target = {"region": "eu-west-1", "vault": "copies", "account": None, "keep_days": 35}
    session = {
        "session_id": "later",
        "policy": "nightly",
        "file_system": FS,
        "index_wanted": True,
        "copies": [target],
    }
    return {"session": session, "attempt": 0, "recovery_point_arn": POINT, "target": target}


@pytest.mark.parametrize(("policy", "held"), [(HOLDING, True), (NIGHTLY, False)])
def test_copies_start_unless_an_open_alarm_holds_them(call, clients, deployment, notes, policy: Policy, held):
    deploy_policy(clients, policy)
    open_session(deployment.records, replace(new_session("later"), file_system=OWN), utc_now())
    call("raise_damage_alarm", event(clients))
    with Stubber(clients.of("backup", REGION)) as stub:
        if held:
            with pytest.raises(DamageSuspected, match="not copied to eu-west-1"):
                call("start_copy", copy_event())
            release_alarm(deployment.records, alarm(deployment), utc_now())
        stub.add_response("start_copy_job", {"CopyJobId": "copy"})
        assert call("start_copy", copy_event())["job_id"] == "copy"
