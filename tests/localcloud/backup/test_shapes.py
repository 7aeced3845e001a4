"""Requests and answers held to botocore's model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.model import OperationModel

from localcloud.backup.errors import InvalidParameterValue, MissingParameterValue
from localcloud.backup.shapes import WrongAnswer, check_answer, check_request

GOOD = {"BackupVaultName": "main", "ResourceArn": "arn:x", "IamRoleArn": "arn:y"}


def operation(name: str) -> OperationModel:
    return botocore.session.get_session().get_service_model("backup").operation_model(name)


def test_a_request_that_fits_passes() -> None:
    check_request(
        operation("StartBackupJob"), {**GOOD, "StartWindowMinutes": 60, "RecoveryPointTags": {"a": "b"}}
    )


@pytest.mark.parametrize("name", list(GOOD))
def test_a_missing_parameter_has_its_own_error(name: str) -> None:
    with pytest.raises(MissingParameterValue, match=name):
        check_request(operation("StartBackupJob"), {key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize(
    "wrong",
    [
        {"BackupVaultName": "x"},
        {"BackupVaultName": "with space"},
        {"StartWindowMinutes": "sixty"},
        {"Index": "SOMETIMES"},
        {"Lifecycle": {"DeleteAfterDays": "7"}},
        {"RecoveryPointTags": {"a": 1}},
        {"NoSuchParameter": 1},
    ],
)
def test_a_wrong_parameter_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterValue):
        check_request(operation("StartBackupJob"), {**GOOD, **wrong})


def test_an_answer_that_fits_passes_without_what_is_none() -> None:
    now = datetime.now(UTC)
    answer = {"BackupJobId": "1", "CreationDate": now, "StatusMessage": None}
    assert check_answer(operation("DescribeBackupJob"), answer) == {"BackupJobId": "1", "CreationDate": now}


@pytest.mark.parametrize(
    "wrong",
    [
        {"NoSuchMember": 1},
        {"PercentDone": 50},
        {"CreationDate": 12345},
        {"BackupSizeInBytes": "5"},
        {"BackupSizeInBytes": True},
        {"State": "DONE"},
        {"RecoveryPointLifecycle": {"DeleteAfterWeeks": 1}},
    ],
)
def test_an_answer_that_aws_would_not_give_is_caught(wrong: dict[str, Any]) -> None:
    with pytest.raises(WrongAnswer):
        check_answer(operation("DescribeBackupJob"), wrong)
