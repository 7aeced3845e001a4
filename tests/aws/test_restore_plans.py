"""Plans and jobs of restores in the repository, and the notification of an ended session."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from tests.aws.account import FS, REGION, SETTINGS, the_clients
from tests.aws.restore_plans import plan_of, point_plan
from tidemark.aws.clients import Clients
from tidemark.aws.notification import Notification, publish
from tidemark.aws.restore_plans import jobs_key, plan_key, read_plan, write_jobs, write_plan
from tidemark.errors import RestoreFailed
from tidemark.sessions.restore_session import RestoreJob

PLAN = plan_of(point_plan(["/home/ann/a.txt"]))
REPOSITORY = SETTINGS.repository
KEY = f"below/restores/{FS}/plans/plan-1.json"


@pytest.fixture
def s3(clients: Clients) -> Any:
    made = clients.of("s3", REGION)
    made.create_bucket(Bucket="repository", CreateBucketConfiguration={"LocationConstraint": REGION})
    return made


def test_a_plan_is_read_as_it_was_written_and_by_its_digest(s3: Any) -> None:
    digest = write_plan(s3, REPOSITORY, PLAN)
    body = s3.get_object(Bucket="repository", Key=KEY)["Body"].read()
    assert digest == hashlib.sha256(body).hexdigest()
    assert read_plan(s3, REPOSITORY, FS, "plan-1", digest) == PLAN
    assert plan_key(FS, "plan-1") == KEY.removeprefix("below/")


def test_a_plan_that_was_replaced_is_not_executed(s3: Any) -> None:
    digest = write_plan(s3, REPOSITORY, PLAN)
    write_plan(s3, REPOSITORY, replace(PLAN, on_conflict="replace"))
    with pytest.raises(RestoreFailed, match=r"not the one that was confirmed.*tidemark restore"):
        read_plan(s3, REPOSITORY, FS, "plan-1", digest)


def test_a_missing_plan_is_named(s3: Any) -> None:
    with pytest.raises(RestoreFailed, match=r"plans/plan-2\.json cannot be read \(NoSuchKey\)"):
        read_plan(s3, REPOSITORY, FS, "plan-2", "0" * 64)


@pytest.mark.parametrize(("code", "raised"), [("AccessDenied", RestoreFailed), ("SlowDown", ClientError)])
def test_only_a_plan_that_is_not_there_is_reported_as_missing(code: str, raised: type[Exception]) -> None:
    client = the_clients().of("s3", REGION)
    with Stubber(client) as stub:
        stub.add_client_error("get_object", code)
        with pytest.raises(raised):
            read_plan(client, REPOSITORY, FS, "plan-1", "0" * 64)


def test_the_worker_gets_the_times_and_ranges_of_the_finished_jobs(s3: Any) -> None:
    started = datetime(2026, 11, 22, 10, tzinfo=UTC)
    done = RestoreJob(
        job_id="one",
        point=0,
        first=3,
        end=7,
        attempt=1,
        started_at=started,
        state="COMPLETED",
        began_at=started + timedelta(seconds=1),
        completed_at=started + timedelta(minutes=9),
    )
    without_times = replace(done, job_id="two", began_at=None, completed_at=None)
    write_jobs(s3, REPOSITORY, FS, "restore-1", [done, without_times])
    key = f"below/restores/{FS}/restore-1/jobs.json"
    assert jobs_key(FS, "restore-1") == key.removeprefix("below/")
    found = json.loads(s3.get_object(Bucket="repository", Key=key)["Body"].read())
    assert [(job["job_id"], job["point"], job["first"], job["end"]) for job in found] == [
        ("one", 0, 3, 7),
        ("two", 0, 3, 7),
    ]
    assert [datetime.fromisoformat(job["began_at"]) for job in found] == [done.began_at, started]
    assert datetime.fromisoformat(found[0]["completed_at"]) == done.completed_at
    assert found[1]["completed_at"] is None


def test_a_notification_can_be_filtered_by_its_status_and_fits() -> None:
    sent: dict[str, Any] = {}
    client = the_clients().of("sns", REGION)
    client.meta.events.register(
        "provide-client-params.sns.Publish", lambda params, **_: sent.update(params), unique_id="sent"
    )
    notification = Notification(status="warning", subject="x" * 200, lines=("one", "two"))
    with Stubber(client) as stub:
        stub.add_response("publish", {"MessageId": "m"})
        publish(client, SETTINGS.topic, notification)
    client.meta.events.unregister("provide-client-params.sns.Publish", unique_id="sent")
    assert sent["TopicArn"] == SETTINGS.topic
    assert len(sent["Subject"]) == 100, "the most that SNS accepts"
    assert sent["Subject"].startswith("Tidemark warning: xxx")
    assert sent["MessageAttributes"]["status"] == {"DataType": "String", "StringValue": "warning"}
    assert json.loads(sent["Message"]) == {"default": "one\ntwo"}
