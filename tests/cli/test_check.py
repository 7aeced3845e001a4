"""tidemark check: output and exit code; tests/e2e/test_check.py has the checks themselves."""

from __future__ import annotations

import pytest

from tidemark.answers.checks.result import CheckResult, Status
from tidemark.cli.commands import check as command
from tidemark.errors import CheckFailed, FileSystemNotInPolicy, PolicyNotFound

PASSED = Status.PASSED


def result(name: str, subject: str, status: Status = PASSED, message: str = "fine") -> CheckResult:
    return CheckResult(
        name=name, subject=subject, status=status, message=message, fix="" if status is PASSED else "do this"
    )


@pytest.fixture
def checked(monkeypatch):
    """Let the checks have given results."""

    def let(*results: CheckResult) -> None:
        monkeypatch.setattr(command, "run_checks", lambda _scope: iter(results))

    return let


def test_passes_of_one_check_are_one_line_and_others_have_their_fix(tidemark, deployment, checked):
    checked(
        *(result("permissions", f"role-{number}") for number in range(3)),
        result("permissions", "role-3", Status.FAILED, "may not"),
        result("permissions", "role-4"),
        result("dns", "fs-1", Status.WARNED, "could not be checked"),
    )
    found = tidemark("check")
    assert found.code == CheckFailed.exit_code
    lines = [line.split(maxsplit=1)[1] for line in found.out.splitlines()[:-1]]
    assert lines == [
        "permissions         role-0 and 2 more: pass",
        "permissions         role-3: may not",
        "this",
        "permissions         role-4: fine",
        "dns                 fs-1: could not be checked",
        "this",
    ]
    assert found.out.splitlines()[-1] == "4 passed, 1 warned, 1 failed"
    assert found.err == "tidemark: 1 of 6 checks failed; fix them, and check again\n"


def test_warnings_alone_are_no_failure(tidemark, deployment, checked):
    checked(result("dns", "fs-1", Status.WARNED, "could not be checked"))
    assert tidemark("check").code == 0
    found = tidemark("check", "--json")
    assert found.code == 0
    assert found.document == {
        "checks": [
            {
                "name": "dns",
                "subject": "fs-1",
                "status": "warn",
                "message": "could not be checked",
                "fix": "do this",
            }
        ],
        "passed": 0,
        "warned": 1,
        "failed": 0,
    }


def test_json_is_complete_although_a_check_failed(tidemark, deployment, checked):
    checked(result("a", "b", Status.FAILED))
    found = tidemark("check", "--json")
    assert found.code == CheckFailed.exit_code
    assert found.document["failed"] == 1


def test_what_to_check_must_be_deployed(tidemark, deployment, checked):
    checked()
    assert tidemark("check", "nothing").code == PolicyNotFound.exit_code
    found = tidemark("check", "fs-99999999999999999")
    assert found.code == FileSystemNotInPolicy.exit_code
    assert tidemark("check", deployment.file_system.file_system_id).code == 0
