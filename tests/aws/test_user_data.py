"""The script of an EC2 worker, run with stand-ins for every command it calls."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.aws.account import ACCOUNT, FS, REGION, SETTINGS
from tidemark.aws.ec2 import user_data
from tidemark.settings import WorkerSettings

COMMANDS = ("aws", "dnf", "systemctl", "mkdir", "mount", "docker", "shutdown")
STAND_IN = """#!/bin/bash
echo "{name} $*" >> "$CALLS"
[[ "{name} $*" != $FAILS* ]]
"""


def environment(root: Path) -> WorkerSettings:
    return WorkerSettings(
        task_token="AQCE+/x$y 'z'",
        index_id="index-1",
        account=ACCOUNT,
        region=REGION,
        file_system_id=FS.file_system_id,
        repository="s3://repository/below",
        root=str(root),
    )


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in COMMANDS:
        (directory / name).write_text(STAND_IN.format(name=name))
        (directory / name).chmod(0o755)
    return directory


def run(commands: Path, fails: str = "nothing", **changes: str) -> tuple[int, list[str]]:
    """Run the script with one command failing; return its exit code and the commands that it called.

    `changes` are those of the worker's environment.
    """
    calls = commands / "calls"
    calls.touch()
    script = user_data(SETTINGS, replace(environment(commands / "root"), **changes))  # type: ignore[arg-type]  # texts
    done = subprocess.run(
        ["bash", "-c", script],
        env={"PATH": f"{commands}:/usr/bin:/bin", "CALLS": str(calls), "FAILS": fails},
        capture_output=True,
        check=False,
    )
    return done.returncode, calls.read_text().splitlines()


def test_the_worker_runs_and_the_instance_ends(commands: Path) -> None:
    code, calls = run(commands)
    assert code == 0
    assert f"mount -t efs -o tls,iam,ro {FS.file_system_id}:/ {commands}/root" in calls
    ran = next(call for call in calls if call.startswith("docker run"))
    assert ran.endswith(SETTINGS.worker_image)
    assert "TIDEMARK_TASK_TOKEN=AQCE+/x$y 'z'" in ran
    assert f":{commands}/root:ro" in ran
    assert calls[-1] == "shutdown -h now"
    assert not [call for call in calls if "send-task-failure" in call], "the worker answers for itself"


@pytest.mark.parametrize("fails", ["dnf", "systemctl", "mount", "docker login", "docker pull"])
def test_a_worker_that_cannot_start_is_reported_and_the_instance_ends(commands: Path, fails: str) -> None:
    code, calls = run(commands, fails)
    assert code != 0
    (answer,) = [call for call in calls if "send-task-failure" in call]
    assert "--task-token AQCE+/x$y 'z' --error WorkerCannotRun" in answer
    assert {"dnf": "install", "systemctl": "install", "mount": "mount"}.get(fails, "image from ECR") in answer
    assert calls[-1] == "shutdown -h now"
    assert not [call for call in calls if call.startswith("docker run")]


@pytest.mark.parametrize(
    ("ended", "error", "words"),
    [
        (1, "WorkerCannotRun", "exit code 1"),
        (137, "WorkerStopped", "signal 9"),
        (143, "WorkerStopped", "signal 15"),
    ],
)
def test_a_worker_that_may_have_sent_no_result_is_reported_and_the_instance_ends(
    commands: Path, ended: int, error: str, words: str
) -> None:
    """If the worker has sent a result, Step Functions refuses the token, which stops nothing."""
    docker = f'#!/bin/bash\necho "docker $*" >> "$CALLS"\n[ "$1" != run ] || exit {ended}\n'
    (commands / "docker").write_text(docker)
    code, calls = run(commands, "aws stepfunctions send-task-failure")
    assert code == ended
    answer = calls[-2]
    assert f"send-task-failure --region {REGION} --task-token AQCE+/x$y 'z' --error {error}" in answer
    assert words in answer
    assert calls[-1] == "shutdown -h now"


def test_the_instance_ends_even_if_the_report_is_refused(commands: Path) -> None:
    (commands / "mount").write_text("#!/bin/bash\nexit 1\n")
    (commands / "aws").write_text(f'#!/bin/bash\necho "aws" >> "{commands}/calls"; exit 1\n')
    _, calls = run(commands)
    assert calls[-1] == "shutdown -h now"


def test_the_shell_never_interprets_names(commands: Path, tmp_path: Path) -> None:
    evil = f"$(touch {tmp_path}/pwned)`touch {tmp_path}/pwned`;touch {tmp_path}/pwned '\""
    settings = replace(SETTINGS, worker_image=evil, worker_log_group=evil, region=evil)
    script = user_data(settings, replace(environment(tmp_path / "root"), index_id=evil, task_token=evil))
    subprocess.run(
        ["bash", "-c", script],
        env={"PATH": f"{commands}:/usr/bin:/bin", "CALLS": str(commands / "calls"), "FAILS": "nothing"},
        check=False,
    )
    assert not (tmp_path / "pwned").exists()


def test_bash_and_shellcheck_find_no_error_in_the_script(tmp_path: Path) -> None:
    script = tmp_path / "user-data.sh"
    script.write_text(user_data(SETTINGS, environment(Path("/mnt/efs"))))
    subprocess.run(["bash", "-n", str(script)], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", str(script)], check=True)


KEYS_OF_ROLE = """#!/bin/bash
echo "aws $* as ${AWS_ACCESS_KEY_ID:-itself}" >> "$CALLS"
if [[ "$1 $2" == "sts assume-role" ]]; then printf 'AKIA\\tsecret\\ttoken\\n'; fi
"""


def test_a_worker_of_another_account_answers_with_the_role_for_it(commands: Path) -> None:
    (commands / "aws").write_text(KEYS_OF_ROLE)
    role = f"arn:aws:iam::{ACCOUNT}:role/tidemark-callback-111111111111"
    code, calls = run(
        commands,
        "mount*",
        home_region="us-east-1",
        callback_role=role,
        callback_external_id="0123456789abcdef",
    )
    asked, failed = [call for call in calls if call.startswith("aws ")]
    assert f"sts assume-role --region {REGION} --role-arn {role} --role-session-name index-1" in asked
    assert "--external-id 0123456789abcdef" in asked
    assert asked.endswith(" as itself")
    assert failed.startswith("aws stepfunctions send-task-failure --region us-east-1 --task-token AQCE")
    assert failed.endswith(" as AKIA")
    assert code != 0


def test_a_worker_whose_role_is_refused_ends_its_instance(commands: Path) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/tidemark-callback-111111111111"
    _, calls = run(commands, "aws sts*", callback_role=role, callback_external_id="0123456789abcdef")
    assert calls[-1] == "shutdown -h now"
