from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tidemark.aws.vaults import copy_error, vault_error
from tidemark.errors import AccessDenied, VaultNotFound


def answer(code: str, operation: str = "DescribeBackupVault") -> ClientError:
    error = {"Error": {"Code": code, "Message": "Insufficient privileges"}}
    return ClientError(error, operation)  # type: ignore[arg-type]  # the other members do not matter


def test_a_vault_is_missing_or_possibly_missing() -> None:
    assert isinstance(vault_error(answer("ResourceNotFoundException"), "v", "r"), VaultNotFound)
    denied = vault_error(answer("AccessDeniedException"), "v", "r")
    assert isinstance(denied, AccessDenied)
    for words in ("vault v in r", "does not exist", "deploy again", "grant backup:DescribeBackupVault"):
        assert words in str(denied)
    assert vault_error(answer("ThrottlingException"), "v", "r") is None


@pytest.mark.parametrize(
    ("code", "error"), [("ResourceNotFoundException", VaultNotFound), ("AccessDeniedException", AccessDenied)]
)
def test_a_refused_copy_names_the_point_and_the_vault_as_possibly_missing(
    code: str, error: type[Exception]
) -> None:
    found = copy_error(answer(code, "StartCopyJob"), vault="copies in r", source="point in vault main")
    assert isinstance(found, error)
    for words in ("vault copies in r", "point in vault main", "Insufficient privileges", "deploy again"):
        assert words in str(found)


def test_other_errors_of_a_copy_are_not_translated() -> None:
    assert copy_error(answer("LimitExceededException", "StartCopyJob"), vault="v", source="p") is None
