"""Whether workers can mount the file systems, and reach AWS's services."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidemark.answers.checks.result import CheckResult, Outcomes, check
from tidemark.answers.checks.scope import Scope
from tidemark.answers.checks.traffic import traffic_checks
from tidemark.aws.file_system_policy import READ, WRITE, denied_actions, mount_context, policy_of
from tidemark.aws.network import WorkerNetwork, choose_networks
from tidemark.aws.preflight import check_file_system
from tidemark.aws.reachability import missing_services
from tidemark.policy.policy import Policy
from tidemark.sessions.session import FileSystem


def mounting_checks(scope: Scope) -> Iterator[CheckResult]:
    """Yield the results for each file system of each policy; checks that need an earlier one follow it."""
    seen: set[tuple[str, object]] = set()
    for policy in scope.policies:
        for each in policy.file_systems:
            if (each, policy.worker) not in seen or not policy.index:
                yield from _of(scope, policy, scope.connection.file_system(each))
            if policy.index:  # only then its network was checked
                seen.add((each, policy.worker))


def _of(scope: Scope, policy: Policy, file_system: FileSystem) -> Iterator[CheckResult]:
    subject = file_system.file_system_id
    passes = "exists, with an available mount target" if policy.index else "exists"
    with check("file-system", subject, passes) as outcomes:
        check_file_system(scope.clients, policy, file_system)
    yield from outcomes.results
    if not policy.index or not _passed(outcomes):
        return
    efs, ec2 = scope.clients.of("efs", scope.region), scope.clients.of("ec2", scope.region)
    networks: list[WorkerNetwork] = []
    passes = "the worker's subnet has a mount target, and reaches the services that it calls"
    with check("network", subject, passes) as outcomes:
        networks = choose_networks(efs, ec2, file_system, policy.worker)
        _warn_of_skipped(scope, policy, networks, outcomes)
    yield from outcomes.results
    if networks:
        yield from traffic_checks(scope, file_system, networks)
        yield from _dns(scope, subject, networks)
    yield from _file_system_policy(scope, policy, file_system)


def _passed(outcomes: Outcomes) -> bool:
    return all(result.status == "pass" for result in outcomes.results)


def _warn_of_skipped(
    scope: Scope, policy: Policy, networks: Sequence[WorkerNetwork], outcomes: Outcomes
) -> None:
    """Warn of subnets that the policy names and that cannot be used."""
    named = policy.worker.subnets
    usable = {subnet for network in networks for subnet in network.subnets}
    skipped = [subnet for subnet in named if subnet not in usable]
    if skipped:
        missing = missing_services(
            scope.clients.of("ec2", scope.region),
            scope.connection.resources.account,
            scope.region,
            skipped,
            public_address=policy.worker.public_address,
        )
        for subnet in skipped:
            outcomes.warn(
                f"{subnet} is not used, because it cannot reach {', '.join(missing[subnet])}",
                "route it through a NAT gateway, or create VPC endpoints for these services",
            )


def _dns(scope: Scope, subject: str, networks: Sequence[WorkerNetwork]) -> Iterator[CheckResult]:
    """Yield whether the names of mount targets resolve. Source: EFS User Guide, "Mounting with DNS names"."""
    ec2 = scope.clients.of("ec2", scope.region)
    subnets = sorted({subnet for network in networks for subnet in network.subnets})
    passes = "the VPC resolves DNS names, and has DNS hostnames"
    with check("dns", subject, passes) as outcomes:
        found = ec2.describe_subnets(SubnetIds=subnets)["Subnets"]
        for vpc in sorted({subnet["VpcId"] for subnet in found}):
            support = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsSupport")
            names = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
            off = {
                "DNS support": not support.get("EnableDnsSupport", {}).get("Value", True),
                "DNS hostnames": not names.get("EnableDnsHostnames", {}).get("Value", True),
            }
            options = {"DNS support": "--enable-dns-support", "DNS hostnames": "--enable-dns-hostnames"}
            for what in (each for each, is_off in off.items() if is_off):
                outcomes.fail(
                    f"{what} of {vpc} is off, so the name of the file system does not resolve",
                    f"switch it on: aws ec2 modify-vpc-attribute --region {scope.region} --vpc-id {vpc} "
                    f"{options[what]}",
                )
    yield from outcomes.results


def _file_system_policy(scope: Scope, policy: Policy, file_system: FileSystem) -> Iterator[CheckResult]:
    """Yield whether the file system's policy admits the workers that index it and restore to it."""
    subject = file_system.file_system_id
    kind = "RolesTask" if policy.worker.kind == "fargate" else "RolesInstance"
    with check("file-system-policy", subject, "the file-system policy admits the workers") as outcomes:
        document = policy_of(scope.clients.of("efs", scope.region), subject)
        for stack, logical, actions in (("main", f"Workers{kind}", READ), ("restore", kind, WRITE)):
            name = scope.role_of(stack, logical, subject) if document else None
            if document is None or name is None:
                continue
            arn = scope.role_arn(name)
            context = mount_context(arn, file_system.account)
            answers = denied_actions(
                document, actions, resource=file_system.arn, role_arn=arn, context=context
            )
            denied = [action for action, answer in answers.items() if answer == "denied"]
            unknown = [action for action, answer in answers.items() if answer == "unknown"]
            step = (
                f"add the role to the exceptions of the statement that denies it: aws efs "
                f"describe-file-system-policy --region {scope.region} --file-system-id {subject}"
            )
            if denied:
                outcomes.fail(f"the file-system policy denies {', '.join(denied)} to {arn}", step)
            elif unknown:
                outcomes.warn(
                    f"the file-system policy may deny {', '.join(unknown)} to {arn}: it has conditions that "
                    f"cannot be evaluated here",
                    step,
                )
    yield from outcomes.results
