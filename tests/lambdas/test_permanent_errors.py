"""A failure to write tags ends no session: each step with each error, and the resulting records."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lambdas import sweep
from lambdas._handler import Deployment
from tests.aws.account import ACCOUNT, FS, REGION
from tests.lambdas.conftest import AT_TWO, STARTED, close, propose
from tests.sessions.world import new_session, point
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.aws.point_tags import PointTags
from tidemark.errors import AwsUnreachable
from tidemark.sessions.overlap import add_point, claim, complete, open_session
from tidemark.sessions.queries import associations_of, record_job, wait_for_index
from tidemark.sessions.records import read_session
from tidemark.sessions.session import Job, Point, SessionStatus

INDEX = f"{FS.file_system_id}-20261122T020000Z-0a1b2c"
KEY_FILE = {"Bucket": "repository", "Key": "below/tag-keys/1.json"}
Answer = dict[str, Any] | Exception


class Account:
    """Two sessions that share an index, with points whose tags are real; AWS Backup is stubbed."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment, self.clients = deployment, deployment.clients
        self.tags = deployment.tags
        self._answers: dict[str, Answer] = {}
        self._undo: list[Callable[[], None]] = []

    def answer(self, service: str, operation: str, answer: Answer, of: str = "") -> None:
        """Make an operation return or raise this from now on; `of` restricts it to URLs whose path contains
        it."""
        name = f"before-call.{service}.{operation}"
        if name not in self._answers:
            events = self.clients.of(service, REGION).meta.events

            def handle(params: Any, **_: Any) -> tuple[Any, dict[str, Any]] | None:
                if of not in params["url_path"]:
                    return None
                given = self._answers[name]
                if isinstance(given, Exception):
                    raise given
                return SimpleNamespace(status_code=200), given

            events.register_first(name, handle)
            self._undo.append(lambda: events.unregister(name, handle))
        self._answers[name] = answer

    def refuse(self, service: str, operation: str, code: str, of: str = "") -> None:
        answer = {"Error": {"Code": code, "Message": f"{operation} is refused"}}
        self.answer(service, operation, ClientError(answer, operation), of)

    def restore(self) -> None:
        for undo in self._undo:
            undo()

    def begin(self) -> None:
        """Open the sessions s and t, which share the index, each with its own point."""
        records = self.deployment.records
        for name in ("s", "t"):
            opened = replace(new_session(name), file_system=FS, opened_at=utc_now() - timedelta(hours=1))
            open_session(records, opened, utc_now())
            claim(records, name, INDEX, utc_now())
            add_point(records, name, made(name), lambda *_: "")
            wait_for_index(records, name, f"token-{name}")

    def complete(self) -> None:
        complete(self.deployment.records, FS, INDEX, {"files": 1}, utc_now())

    def index_of(self, name: str) -> str | None:
        found = next(associations_of(self.deployment.records, made(name).recovery_point_arn), None)
        return None if found is None else found.index_id


def made(name: str) -> Point:
    return replace(point(name, "backup"), region=REGION, account=ACCOUNT)


@pytest.fixture
def account(deployment: Deployment, settings: Any) -> Iterator[Account]:
    clients = deployment.clients
    location = {"LocationConstraint": REGION}
    clients.of("s3", REGION).create_bucket(Bucket="repository", CreateBucketConfiguration=location)
    clients.of("s3", REGION).put_bucket_versioning(
        Bucket="repository", VersioningConfiguration={"Status": "Enabled"}
    )
    key = clients.of("kms", REGION).create_key()["KeyMetadata"]["Arn"]
    deployment.__dict__["tags"] = PointTags(
        clients=clients, deployment="tidemark", region=REGION, repository=settings.repository, kms_key=key
    )
    found = Account(deployment)
    found.begin()
    session = read_session(deployment.records, "s")
    sealed = found.tags.for_new_point(session, retention_days=1, has_history=lambda: False)
    found.answer("backup", "ListTags", {"Tags": sealed})
    found.answer("backup", "TagResource", {})
    found.answer("stepfunctions", "SendTaskSuccess", {})
    yield found
    found.restore()


def damage(account: Account) -> None:
    account.clients.of("s3", REGION).put_object(**KEY_FILE, Body=b"{")


def delete(account: Account) -> None:
    account.clients.of("s3", REGION).delete_object(**KEY_FILE)


ERRORS: dict[str, tuple[Callable[[Account], None], str]] = {
    "a service control policy denies TagResource": (
        lambda account: account.refuse("backup", "TagResource", "AccessDeniedException"), "backup:TagResource"
    ),
    "ListTags is denied": (
        lambda account: account.refuse("backup", "ListTags", "AccessDeniedException"), "backup:ListTags"
    ),
    "the point is gone": (
        lambda account: account.refuse("backup", "ListTags", "ResourceNotFoundException"), ""
    ),
    "the tags are refused": (
        lambda account: account.refuse("backup", "TagResource", "InvalidParameterValueException"),
        "TagResource is refused",
    ),
    "the key's file is damaged": (damage, "restore an older version"),
    "the key's file is deleted": (delete, "the repository does not hold"),
    "the repository is denied": (
        lambda account: account.refuse("s3", "GetObject", "AccessDenied", of="tag-keys"),
        "GetObject is refused",
    ),
    "KMS denies": (
        lambda account: account.refuse("kms", "Decrypt", "AccessDeniedException"), "Decrypt is refused"
    ),
    "the KMS key is disabled": (
        lambda account: account.refuse("kms", "Decrypt", "DisabledException"), "Decrypt is refused"
    ),
    "the tags were changed": (
        lambda account: account.answer("backup", "ListTags", {"Tags": {"Owner": "ada"}}),
        "no Tidemark tags",
    ),
    "no response": (
        lambda account: account.answer(
            "backup", "ListTags", EndpointConnectionError(endpoint_url="https://backup")
        ),
        "check the network",
    ),
}  # fmt: skip


def check_backup(account: Account, call: Any) -> None:
    account.complete()
    done = {"State": "COMPLETED", "RecoveryPointArn": made("s").recovery_point_arn, "BackupVaultName": "v"}
    account.answer("backup", "DescribeBackupJob", done)
    account.answer("backup", "DescribeRecoveryPoint", {"CreationDate": AT_TWO})
    value = {"session_id": "s", "file_system": FS.file_system_id}
    assert call("check_backup", {"session": value, "backup": STARTED})["finished"]


def check_copy(account: Account, call: Any) -> None:
    account.complete()
    done = {
        "State": "COMPLETED",
        "DestinationRecoveryPointArn": "arn:s:copy",
        "DestinationBackupVaultArn": f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:v",
    }
    account.answer("backup", "DescribeCopyJob", {"CopyJob": done})
    account.answer("backup", "DescribeRecoveryPoint", {"CreationDate": AT_TWO})
    target = {"region": REGION, "vault": "v", "account": None, "keep_days": None}
    copy = {**STARTED, "target": target}
    session = {"session_id": "s", "file_system": FS.file_system_id}
    assert call("check_copy", {"session": session, "copy": copy})["finished"]


def claim_index(account: Account, call: Any) -> None:
    account.complete()
    call("claim_index", {"session": {"session_id": "s", "file_system": FS.file_system_id}})


def close_session(account: Account, call: Any) -> None:
    account.complete()
    close(call)


def complete_index(account: Account, call: Any) -> None:
    totals = propose(account.clients, FS.file_system_id, INDEX)
    call("complete_index", {"index_id": INDEX, "file_system": FS.file_system_id, "totals": totals})


def sweep_up(account: Account, call: Any) -> None:
    account.complete()
    call("sweep", {})
    assert read_session(account.deployment.records, "s").status is SessionStatus.ABORTED


STEPS = {
    step.__name__: step
    for step in (check_backup, check_copy, claim_index, close_session, complete_index, sweep_up)
}


@pytest.fixture(autouse=True)
def _executions_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "ended_as", lambda *_: "aborted")


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("step", STEPS)
def test_the_association_is_written_and_the_session_reports_missing_tags(
    account: Account, call: Any, step: str, error: str
) -> None:
    cause, said = ERRORS[error]
    cause(account)
    STEPS[step](account, call)
    points = read_session(account.deployment.records, "s").points
    for each in points:  # by this step itself, not by close_session
        (association,) = associations_of(account.deployment.records, each.recovery_point_arn)
        assert association.index_id == INDEX
    if step == "sweep_up":
        reasons = read_session(account.deployment.records, "s").reasons
    else:
        closed = close(call)
        reasons = closed["reasons"]
        assert closed["status"] == ("warning" if said else "success"), reasons
    untold = [reason for reason in reasons if "do not name the index" in reason]
    assert len(untold) == (len(points) if said else 0)
    assert all(said in reason and REGION in reason for reason in untold)


@pytest.mark.parametrize("error", ERRORS)
def test_sessions_that_share_the_index_are_associated_and_get_the_result(
    account: Account, call: Any, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    answered: list[str] = []
    monkeypatch.setattr(
        "tidemark.aws.notify_sessions.answer_waiting", lambda _client, token, _index: answered.append(token)
    )
    ERRORS[error][0](account)
    complete_index(account, call)
    assert answered == ["token-s", "token-t"]
    assert [account.index_of(name) for name in ("s", "t")] == [INDEX, INDEX]


def test_tags_are_written_after_the_error_is_fixed(account: Account, call: Any) -> None:
    account.refuse("backup", "TagResource", "AccessDeniedException")
    complete_index(account, call)
    account.answer("backup", "TagResource", {})
    assert close(call)["status"] == "success"


@pytest.mark.parametrize(("service", "operation"), [("sns", "Publish"), ("stepfunctions", "SendTaskSuccess")])
def test_an_error_with_one_session_does_not_block_the_others(
    account: Account, call: Any, service: str, operation: str
) -> None:
    account.refuse(service, operation, "AccessDeniedException")
    if service == "sns":
        closed = close(call)
        assert closed["status"] == "warning"
        assert any("no notification was sent" in reason for reason in closed["reasons"])
        assert read_session(account.deployment.records, "s").status is SessionStatus.WARNING
        return
    with pytest.raises(Exception, match="SendTaskSuccess"):
        complete_index(account, call)
    assert [account.index_of(name) for name in ("s", "t")] == [INDEX, INDEX]


def test_a_damaged_record_does_not_block_the_sweep_of_other_sessions(
    account: Account, call: Any, clients: Clients
) -> None:
    clients.of("dynamodb", REGION).update_item(
        TableName="tidemark-sessions",
        Key={"session_id": {"S": "s"}},
        UpdateExpression="REMOVE execution_arn",
    )
    account.complete()
    with pytest.raises(KeyError):
        call("sweep", {})
    assert read_session(account.deployment.records, "t").status is SessionStatus.ABORTED


def test_reasons_of_any_length_fit_into_the_record(account: Account, call: Any) -> None:
    account.complete()
    failures = [{"failure": {"Error": "E", "Cause": "x" * 32_768}} for _ in range(20)]
    assert close(call, copies=failures)["status"] == "warning"


@pytest.mark.parametrize("step", ["check_backup", "check_copy", "sweep_up"])
def test_a_job_counts_as_ended_only_when_its_point_is_recorded(
    account: Account, call: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """If the step is interrupted, the sweeper polls the job again."""
    records = account.deployment.records
    kind = "copy" if step == "check_copy" else "backup"
    job = Job(job_id="job", kind=kind, account=ACCOUNT, region=REGION, vault="v", started_at=utc_now())
    record_job(records, "s", job)

    def stopped(*_: Any) -> None:
        raise AwsUnreachable("the function was stopped")

    module = importlib.import_module(f"lambdas.{'sweep' if step == 'sweep_up' else step}")
    monkeypatch.setattr(module, "add_point", stopped)
    done = {"State": "COMPLETED", "RecoveryPointArn": "arn:s:new", "BackupVaultName": "v"}
    account.answer("backup", "DescribeBackupJob", done)
    with pytest.raises(AwsUnreachable):
        STEPS[step](account, call)
    assert [each.job_id for each in read_session(records, "s").open_jobs] == ["job"]
