"""Whether each role of the deployment may make the calls that it makes in sessions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from botocore.exceptions import ClientError

from tidemark.answers.checks.result import CheckResult, check
from tidemark.answers.checks.role_calls import RoleCall, recorded_calls
from tidemark.answers.checks.scope import ROLES_OF_FILE_SYSTEMS, Scope
from tidemark.aws.errors import code_of
from tidemark.aws.simulation import Refusal, refusals

NAME = "permissions"
STACKS = ("main", "restore")
_AT_ONCE = 4  # roles; IAM throttles simulations
_SHOWN = 3


def permission_checks(scope: Scope) -> Iterator[CheckResult]:
    """Yield one result for each role, and one for a stack that cannot be read."""
    found: list[str] = []
    for stack in STACKS:
        with check("stack", scope.stack_name(stack), "its resources are known") as outcomes:
            if scope.resources_of(stack) is not None:
                found.append(stack)
            else:
                outcomes.warn(
                    "the stack does not exist" + ", so nothing can be restored" * (stack == "restore"),
                    "deploy all stacks: cdk deploy --all",
                )
        yield from outcomes.results
    roles = [role for stack in found for role in _roles(scope, stack)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for results in pool.map(partial(_of_role, scope), roles):
            yield from results


def _roles(scope: Scope, stack: str) -> Iterator[tuple[str, str, list[RoleCall]]]:
    """Yield name, ARN and calls of each role of a stack that exists."""
    resources = scope.resources_of(stack) or {}
    for key, made in recorded_calls().by_role.items():
        owner, _, logical = key.partition(".")
        if owner != stack:
            continue
        for file_system in scope.file_systems if key in ROLES_OF_FILE_SYSTEMS else (None,):
            name = (
                resources.get(logical) if file_system is None else scope.role_of(stack, logical, file_system)
            )
            if name is None:  # not part of this deployment: such as the role of instances
                continue
            filled = [call for each in made for call in scope.filled(each, file_system)]
            yield name, scope.role_arn(name), filled


def _of_role(scope: Scope, role: tuple[str, str, list[RoleCall]]) -> list[CheckResult]:
    name, arn, calls = role
    by_context: defaultdict[tuple[tuple[str, str], ...], list[tuple[str, str]]] = defaultdict(list)
    for call in dict.fromkeys(calls):
        by_context[call.context].append((call.action, call.resource))
    passes = f"may make the {len(calls)} calls of its sessions"
    with check(NAME, name, passes) as outcomes:
        refused: list[Refusal] = []
        for context, same in by_context.items():
            try:
                refused += refusals(scope.iam, arn, same, dict(context))
            except ClientError as error:
                if code_of(error) not in {"NoSuchEntity", "NoSuchEntityException"}:
                    raise
                outcomes.fail("the role does not exist", "deploy again: cdk deploy --all")
                break
        if refused:
            listed = [f"{each.action} on {each.resource} ({each.reason})" for each in refused]
            more = f", and {len(listed) - _SHOWN} more" * (len(listed) > _SHOWN)
            outcomes.fail(
                f"may not call {', '.join(listed[:_SHOWN])}{more}",
                "deploy again to restore the role's policies; a permissions boundary, or a policy of the "
                "organization, must allow these actions",
            )
    return outcomes.results
