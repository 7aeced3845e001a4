"""Roles of workers: each reads one file system and writes its indexes, or places restored files in it.

Each file system has its own roles, so that a worker cannot reach the files or indexes of another file system.
Neither ECS nor EC2 supports session policies, and the credentials of an assumed role expire after at most 12
hours, which a crawl may exceed. The quota is 1,000 roles per account, so more than MOST_NAMED file systems
share their roles. Source: IAM User Guide, "IAM and AWS STS quotas"; AWS STS, AssumeRole, DurationSeconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.file_systems import EVERY, are_named, read_files, write_files
from infra.grants import Grant, role
from infra.names import Names
from infra.repository_grants import RepositoryGrants
from infra.services import service
from tidemark.aws.workers import FILE_SYSTEM, arn_for
from tidemark.policy.policy import Policy, WorkerKind
from tidemark.policy.selection import place_of
from tidemark.policy.sites import file_system_id_of

RESTORE_NEW_TASK = "restore-new-task"  # its name in a deployment
VERIFICATION_TASK = "verification-task"  # the same

FileSystems = Mapping[WorkerKind, Collection[str]]
# The grants of a worker's work, for a prefix `<account>/<region>/<file system>/` and these file systems.
Work = Callable[[str, Collection[str]], list[Grant]]


def file_systems_by_worker(
    policies: Iterable[Policy], *, all_policies: bool = False, prefix: str = ""
) -> dict[WorkerKind, list[str]]:
    """Return the file systems of each kind of worker: those it indexes, or those of all policies.

    `prefix` is that of a site; by default, the file systems are those of the home site.
    """
    found: dict[WorkerKind, set[str]] = {"fargate": set(), "ec2": set()}
    for policy in policies:
        if policy.index or all_policies:
            found[policy.worker.kind].update(at_site([policy], prefix))
    return {kind: sorted(file_systems) for kind, file_systems in found.items()}


def at_site(policies: Iterable[Policy], prefix: str = "") -> list[str]:
    """Return the ids of the file systems of policies in a site, sorted; by default in the home site.

    EVERY is among them if a policy selects file systems there when it runs.
    """
    found: set[str] = set()
    for policy in policies:
        found.update(file_system_id_of(name) for name in policy.file_systems if place_of(name) == prefix)
        if prefix in policy.listed_places:
            found.add(EVERY)
    return sorted(found)


class WorkerRoles(Construct):
    """The roles of Fargate tasks, and the roles and profiles of EC2 instances.

    The ARNs contain FILE_SYSTEM if each file system has its own role.
    """

    def __init__(
        self,
        scope: Construct,
        identifier: str,
        *,
        names: Names,
        file_systems: FileSystems,
        task: str,
        instance: str,
        description: str,
        work: Work,
        start: list[Grant],
        shared_suffix: str | None = None,
    ) -> None:
        """Create the roles, named `<task>-<file system>` and `<instance>-<file system>`.

        With `shared_suffix`, that follows the names of roles that all file systems share, too.
        `description` is what they permit. `start` are the grants to start a worker; on an instance, its own
        role needs them.
        """
        super().__init__(scope, identifier)
        self._names = names
        self._work = work
        self._shared_suffix = shared_suffix
        self._file_systems = file_systems
        self._are_shared = not are_named(set().union(*file_systems.values()))
        self.task_role_arn = role_pattern(names, "role", task)
        self.instance_role_arn = role_pattern(names, "role", instance)
        self.instance_profile_arn = role_pattern(names, "instance-profile", instance)
        for identifier, name, crawl in self._each("fargate", self.task_role_arn):
            made = role(
                self,
                f"Task{identifier}",
                role_name=name,
                assumed_by=tasks(names),
                description=f"Permissions of a Fargate worker: {description}",
                grants=crawl,
            )
            if self._are_shared:
                self.task_role_arn = made.role_arn
        for identifier, name, crawl in self._each("ec2", self.instance_role_arn):
            made = role(
                self,
                f"Instance{identifier}",
                role_name=name,
                assumed_by=service("ec2.amazonaws.com"),
                description=f"Permissions of an EC2 worker: start, {description}",
                grants=[*crawl, *start],
            )
            profile = iam.CfnInstanceProfile(
                self, f"Profile{identifier}", instance_profile_name=name, roles=[made.role_name]
            )
            if self._are_shared:
                self.instance_role_arn, self.instance_profile_arn = made.role_arn, profile.attr_arn

    def pass_to(self, service_name: str, role_arn: str) -> Grant:
        """Return the grant to pass the roles of workers to ECS or EC2."""
        return Grant(
            actions=("iam:PassRole",),
            resources=(role_arn.replace(FILE_SYSTEM, "fs-*"),),
            conditions={"StringEquals": {"iam:PassedToService": service_name}},
            why_pattern="Each file system has a role; limited to this deployment's workers.",
        )

    def _each(self, kind: WorkerKind, arn: str) -> Iterator[tuple[str, str | None, list[Grant]]]:
        """Yield identifier, name and grants of each role of a kind of worker. None: CloudFormation's name."""
        file_systems = self._file_systems[kind]
        if file_systems and self._are_shared:
            name = None
            if self._shared_suffix:
                name = arn.rpartition("/")[2].replace(FILE_SYSTEM, self._shared_suffix)
            yield "Shared", name, self._work(f"{Aws.ACCOUNT_ID}/", file_systems)
        for one in () if self._are_shared else file_systems:
            below = f"{Aws.ACCOUNT_ID}/{self._names.region}/{one}/"
            yield one.removeprefix("fs-"), arn_for(arn, one).rpartition("/")[2], self._work(below, [one])


def indexing(names: Names, repository: RepositoryGrants, answer: Grant | None = None) -> Work:
    """Return the work of an indexing worker: read the file system, propose indexes.

    `answer` is the grant to answer its session; by default, that of a worker in the home site.
    """
    return lambda below, file_systems: [
        *repository.propose(f"indexes/{below}"),
        *read_files(names, file_systems),
        answer or answering(names, "indexing-session"),
    ]


def placing(names: Names, repository: RepositoryGrants, answer: Grant | None = None) -> Work:
    """Return the work of a restore worker: read plans and indexes, change the file system, write results.

    `answer` is as in `indexing`.
    """
    return lambda below, file_systems: [
        *repository.read(f"indexes/{below}"),
        *repository.report(f"restores/{below}"),
        *write_files(names, file_systems),
        answer or answering(names, "restore-session"),
    ]


def placing_in_new(scope: Construct, names: Names, repository: RepositoryGrants) -> iam.Role:
    """Return the role of Fargate workers that place files in new file systems, without access to EFS.

    One for all: the file systems do not exist yet, and their workers mount without IAM.
    """
    return _task_without_efs(
        scope,
        "NewFileSystemTask",
        names,
        name=RESTORE_NEW_TASK,
        work="place restored files in a new file system",
        grants=[
            *repository.read(f"indexes/{Aws.ACCOUNT_ID}/"),
            *repository.report(f"restores/{Aws.ACCOUNT_ID}/"),
            answering(names, "restore-session"),
        ],
    )


def verifying(scope: Construct, names: Names, repository: RepositoryGrants) -> iam.Role:
    """Return the role of Fargate workers that verify the file systems of restore tests.

    One for all, as for new file systems. Without access to EFS: AWS Backup creates the file systems without a
    policy, and they are mounted without IAM.
    """
    return _task_without_efs(
        scope,
        "VerificationTask",
        names,
        name=VERIFICATION_TASK,
        work="index a restored file system, and compare it",
        grants=[
            *repository.read(f"indexes/{Aws.ACCOUNT_ID}/"),
            *repository.verify(f"restores/{Aws.ACCOUNT_ID}/"),
            answering(names, "restore-test"),
        ],
    )


def _task_without_efs(
    scope: Construct, identifier: str, names: Names, *, name: str, work: str, grants: list[Grant]
) -> iam.Role:
    return role(
        scope,
        identifier,
        role_name=names.named(name),
        assumed_by=tasks(names),
        description=f"Permissions of a Fargate worker: {work}",
        grants=grants,
    )


def answering(names: Names, workflow: str) -> Grant:
    """Return the grant to answer the sessions of a state machine in the deployment's account."""
    # The task token identifies the execution; a call without a valid token has no effect.
    return Grant(
        actions=("states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"),
        resources=(names.state_machine_arn(workflow),),
    )


def role_pattern(names: Names, kind: str, name: str) -> str:
    """Return the ARN of each file system's role or instance profile, with FILE_SYSTEM for its id."""
    return names.arn("iam", f"{kind}/{name}-{FILE_SYSTEM}", region="")


def tasks(names: Names) -> iam.ServicePrincipal:
    """Return ECS tasks as principal, for this account and Region only."""
    return service(
        "ecs-tasks.amazonaws.com",
        {
            "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
            "ArnLike": {"aws:SourceArn": names.arn("ecs", "*")},
        },
    )
