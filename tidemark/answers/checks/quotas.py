"""Whether the quotas of the account suffice for the workers of a run.

Sources: Amazon ECS Developer Guide, "AWS Fargate service quotas"; Amazon EC2 User Guide, "On-Demand Instance
quotas", by the first letter of the type; AWS Lambda Developer Guide, "Lambda quotas". Other workloads of the
account count against the same quotas.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidemark.answers.checks.result import CheckResult, Outcomes, check
from tidemark.answers.checks.scope import Scope
from tidemark.policy.policy import DEFAULT_INSTANCE_TYPE, Policy

FARGATE_VCPUS = ("fargate", "L-3032A538")
STANDARD_VCPUS = ("ec2", "L-1216C47A")  # instances of the families A, C, D, H, I, M, R, T and Z
LAMBDA_AT_ONCE = ("lambda", "L-B99A9384")
_STANDARD_FAMILIES = "acdhimrtz"


def quota_checks(scope: Scope) -> Iterator[CheckResult]:
    """Yield the results for each policy that indexes, and for Lambda."""
    for policy in scope.policies:
        if policy.index:
            yield from _of_worker(scope, policy)
    most = max((len(policy.file_systems) for policy in scope.policies), default=0)
    with check("quota", "Lambda", f"functions of {most} sessions can run concurrently") as outcomes:
        limit = scope.quota(*LAMBDA_AT_ONCE)
        if limit < most:
            outcomes.warn(
                f"{limit:,.0f} functions can run concurrently, and a run has {most} sessions",
                _increase(scope, LAMBDA_AT_ONCE),
            )
    yield from outcomes.results


def _of_worker(scope: Scope, policy: Policy) -> Iterator[CheckResult]:
    instance = policy.worker.instance_type or DEFAULT_INSTANCE_TYPE
    is_fargate = policy.worker.kind == "fargate"
    subject = f"workers of {policy.name}"
    with check("quota", subject, "the vCPUs of the workers are within the account's quota") as outcomes:
        if is_fargate:
            _compare(scope, outcomes, FARGATE_VCPUS, policy.worker.cpu_units / 1024, len(policy.file_systems))
        elif instance[0] in _STANDARD_FAMILIES:
            ec2 = scope.clients.of("ec2", scope.region)
            # any type's name
            described = ec2.describe_instance_types(InstanceTypes=[instance])["InstanceTypes"]  # type: ignore[list-item]
            vcpus = float(described[0].get("VCpuInfo", {}).get("DefaultVCpus", 1))
            _compare(scope, outcomes, STANDARD_VCPUS, vcpus, len(policy.file_systems))
        else:
            outcomes.warn(
                f"could not be checked: the quota of {instance} is not known",
                "see the quotas of EC2 in the console of Service Quotas",
            )
    yield from outcomes.results


def _compare(scope: Scope, outcomes: Outcomes, quota: tuple[str, str], vcpus: float, workers: int) -> None:
    limit = scope.quota(*quota)
    if limit < vcpus:
        outcomes.fail(
            f"a worker needs {vcpus:g} vCPUs, and the account's quota is {limit:g}", _increase(scope, quota)
        )
    elif limit < vcpus * workers:
        outcomes.warn(
            f"the {workers} workers of a run need {vcpus * workers:g} vCPUs, and the account's quota "
            f"is {limit:g}, so some of them may fail",
            _increase(scope, quota),
        )


def _increase(scope: Scope, quota: tuple[str, str]) -> str:
    service, code = quota
    return (
        f"request more: aws service-quotas request-service-quota-increase --region {scope.region} "
        f"--service-code {service} --quota-code {code} --desired-value NUMBER"
    )
