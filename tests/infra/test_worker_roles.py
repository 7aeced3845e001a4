"""A worker reads or changes one file system and writes its own results; all other requests are refused."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from infra.file_systems import MOST_NAMED
from infra.worker_roles import file_systems_by_worker
from tests.infra import largest
from tests.infra.assemblies import assembly
from tests.infra.judge import allows
from tests.infra.recording import Recording
from tests.infra.service_requests import protecting, requests_of_services
from tests.infra.simulator import ALLOWED, DENIED, Request, simulate
from tests.infra.template import Template, as_list, resources, statements, text_of
from tidemark.aws.regions import sdk_regions
from tidemark.aws.workers import FILE_SYSTEM, arn_for
from tidemark.policy.configuration import load
from tidemark.policy.policy import Policy

ROLE = re.compile(r"cellar-((?:restore-)?(?:task|ec2))-(fs-[0-9a-f]+)")


def worker_roles(main: Template) -> dict[str, tuple[str, str]]:
    """Return name prefix and file system of each worker role, by logical ID."""
    found = {
        identifier: ROLE.fullmatch(str(role.get("RoleName")))
        for identifier, role in resources(main, "AWS::IAM::Role").items()
    }
    return {identifier: (match[1], match[2]) for identifier, match in found.items() if match}


def test_each_file_system_has_roles_for_the_workers_that_its_policies_use(main: Template) -> None:
    """The second is in a policy with an index, and in one without."""
    assert sorted(worker_roles(main).values()) == [
        ("ec2", "fs-0123456789abcdef2"),
        ("restore-ec2", "fs-0123456789abcdef2"),
        ("restore-task", "fs-0123456789abcdef0"),
        ("restore-task", "fs-0123456789abcdef1"),
        ("task", "fs-0123456789abcdef0"),
        ("task", "fs-0123456789abcdef1"),
    ]
    profiles = resources(main, "AWS::IAM::InstanceProfile").values()
    assert sorted(profile["InstanceProfileName"] for profile in profiles) == [
        "cellar-ec2-fs-0123456789abcdef2",
        "cellar-restore-ec2-fs-0123456789abcdef2",
    ]


def test_a_role_names_its_file_system_and_no_other(main: Template) -> None:
    own = worker_roles(main)
    for identifier, statement in statements(main):
        named = {
            fs
            for resource in as_list(statement["Resource"])
            for fs in re.findall(r"fs-\w+", text_of(resource))
        }
        prefixes = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix")
        if identifier in own:
            assert named <= {own[identifier][1]}
            assert prefixes is None or f"/{own[identifier][1]}/*" in text_of(prefixes)
        actions = [action for action in as_list(statement["Action"]) if "elasticfilesystem:Client" in action]
        assert not actions or identifier in own, "who mounts is a worker"


@pytest.mark.parametrize("named", [True, False])
def test_many_file_systems_share_their_roles(tmp_path: Path, named: bool) -> None:
    path = tmp_path / "tidemark.yaml"
    count = MOST_NAMED if named else MOST_NAMED + 1
    path.write_text(largest.configuration(policies=1, file_systems=count, vaults=1))
    assert len(file_systems_by_worker(load(path, sdk_regions()).policies)["fargate"]) == count
    stacks = assembly(path.read_text())
    for stack, task in (("", "task"), ("-restore", "restore-task")):
        text = (stacks / f"Tidemark-{'d' * 20}{stack}.template.json").read_text()
        own = set(re.findall(rf'"RoleName": ?"d{{20}}-{task}-fs-\w+"', text))
        assert len(own) == (count if named else 0)
        # the launching function: it names the roles of all file systems, or the shared one
        assert (f"{'d' * 20}-{task}-{FILE_SYSTEM}" in text) == named


def test_a_file_system_can_be_restored_although_no_policy_indexes_it_now() -> None:
    policy = Policy(name="any", region="eu-central-1", file_systems=("fs-01",), vault="wine", keep_days=5)
    unindexed = [dataclasses.replace(policy, index=False)]
    assert file_systems_by_worker(unindexed) == {"fargate": [], "ec2": []}
    assert file_systems_by_worker(unindexed, all_policies=True) == {"fargate": ["fs-01"], "ec2": []}


@pytest.mark.parametrize("digits", [8, 17, 40])
@pytest.mark.parametrize("worker", ["task", "ec2", "restore-task", "restore-ec2"])
def test_names_of_roles_are_accepted_and_differ(digits: int, worker: str) -> None:
    pattern = f"arn:aws:iam::123456789012:role/{'d' * 20}-{worker}-{FILE_SYSTEM}"
    arns = {arn_for(pattern, f"fs-{number:0{digits}x}") for number in range(100)}
    assert len(arns) == 100
    assert all(len(arn.rpartition("/")[2]) <= 64 for arn in arns)  # IAM, CreateRole, RoleName
    assert arn_for("arn:aws:iam::123456789012:role/all", "fs-1") == "arn:aws:iam::123456789012:role/all"


@pytest.mark.cloud
def test_requests_of_a_worker_are_refused_to_the_worker_of_another_file_system(
    recording: Recording, tmp_path: Path
) -> None:
    """Evaluates every request of a worker, or on its behalf, with the role of another file system."""
    found = {arn: re.search(r"-(?:task|ec2)-(fs-[0-9a-f]+)$", arn) for arn in recording.statements}
    own = {arn: match[1] for arn, match in found.items() if match}
    assert len(set(own.values())) > 1
    requests = [
        Request(
            principal=one.role,
            action=one.action,
            resource=one.resource,
            context=one.context,
            statements=recording.statements[one.role],
            resource_policy=protecting(recording, one.resource),
        )
        for one in {str(one): one for one in recording.asked}.values()
        if one.role in own
    ]
    requests += [one for one in requests_of_services(recording) if one.principal in own]
    of_their_own = [
        one for one in requests if own[one.principal] in " ".join((one.resource, *one.context.values()))
    ]
    assert {one.action for one in of_their_own} >= {
        "s3:GetObject",
        "s3:PutObject",
        "s3:ListBucket",
        "elasticfilesystem:ClientMount",
    }
    foreign = [
        dataclasses.replace(one, principal=other, statements=recording.statements[other])
        for one in of_their_own
        for other in own
        if own[other] != own[one.principal]
    ]
    allowed = simulate(of_their_own, account=recording.account, directory=tmp_path)
    refused = simulate(foreign, account=recording.account, directory=tmp_path)
    assert set(allowed) == {ALLOWED}
    assert set(refused) == {DENIED}
    assert not [
        str(one)
        for one in foreign
        if allows(list(one.statements or ()), one.action, one.resource, one.context)
    ]


def worker_requests(recording: Recording, worker: str, requests: Iterable[tuple[str, str]]) -> list[Request]:
    """Return these requests, (action, resource), by the role of a worker of `home` on Fargate."""
    names = (f"/tidemark-{worker}", f"/tidemark-{worker}-{home(recording)}")
    (role,) = (arn for arn in recording.statements if arn.endswith(names))
    return [
        Request(
            principal=role,
            action=action,
            resource=resource,
            context={"elasticfilesystem:AccessedViaMountTarget": "true"},
            statements=recording.statements[role],
            resource_policy=protecting(recording, resource),
        )
        for action, resource in requests
    ]


def home(recording: Recording) -> str:
    """Return a file system that has been indexed and restored on Fargate."""
    restored = (one for one in recording.asked if "/tidemark-restore-task-" in one.role)
    return next(f"fs-{one.role.rpartition('-fs-')[2]}" for one in restored)


@pytest.mark.cloud
def test_no_worker_can_do_the_work_of_another_purpose(recording: Recording, tmp_path: Path) -> None:
    fs, account, region = home(recording), recording.account, recording.region
    bucket = next(arn for arn in recording.resource_policies if arn.startswith("arn:aws:s3:::"))
    restores = f"{bucket}/restores/{account}/{region}/{fs}"
    indexes = f"{bucket}/indexes/{account}/{region}/{fs}"
    file_system = f"arn:aws:elasticfilesystem:{region}:{account}:file-system/{fs}"
    own = {
        "restore-task": [
            ("s3:PutObject", f"{restores}/restore-1/results/totals-1.json"),
            ("s3:GetObject", f"{restores}/plans/plan-1.json"),
            ("s3:GetObject", f"{indexes}/index-1/manifest.json"),
            ("elasticfilesystem:ClientWrite", file_system),
        ],
        "task": [("s3:PutObject", f"{indexes}/index-1/attempt-1/entries.parquet")],
    }
    refused = {
        "restore-task": [
            *own["task"],
            ("s3:PutObject", f"{restores}/plans/plan-1.json"),
            ("s3:PutObject", f"{restores}/restore-1/jobs.json"),
            ("s3:PutObject", f"{indexes}/index-1/manifest.json"),
            ("s3:DeleteObject", f"{restores}/restore-1/results/totals-1.json"),
            (
                "states:SendTaskSuccess",
                f"arn:aws:states:{region}:{account}:stateMachine:tidemark-indexing-session",
            ),
        ],
        "task": [
            *(one for one in own["restore-task"] if "indexes" not in one[1]),
            (
                "states:SendTaskSuccess",
                f"arn:aws:states:{region}:{account}:stateMachine:tidemark-restore-session",
            ),
        ],
    }
    # A worker of a new file system mounts it without its role.
    refused["restore-new-task"] = [*refused["restore-task"], own["restore-task"][-1]]
    accepted = [one for worker, asked in own.items() for one in worker_requests(recording, worker, asked)]
    attacks = [one for worker, asked in refused.items() for one in worker_requests(recording, worker, asked)]
    for requests, answer in ((accepted, ALLOWED), (attacks, DENIED)):
        answers = simulate(requests, account=account, directory=tmp_path)
        # The second judge wants no resource for SendTask*: see test_second_opinion.py.
        wrong = [one for one, got in zip(requests, answers, strict=True) if got != answer]
        assert [str(one) for one in wrong if not one.action.startswith("states:SendTask")] == []
        assert [
            str(one)
            for one in requests
            if allows(list(one.statements or ()), one.action, one.resource, one.context)
            != (answer == ALLOWED)
        ] == []
