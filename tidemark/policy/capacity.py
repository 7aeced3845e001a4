"""Capacity of one deployment, derived from the AWS limits on the resources it creates.

tests/infra/test_limits.py deploys the largest configuration that passes here, and measures it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence

from tidemark.policy.cron_schedules import schedules_of
from tidemark.policy.documents import LONGEST_PARAMETER, documents
from tidemark.policy.policy import MOST_FILE_SYSTEMS, Policy
from tidemark.policy.yaml_lines import KeyPath

# A role has 10,240 characters for its policies, and some name file systems and every vault.
# Source: IAM User Guide, "IAM and AWS STS quotas".
MOST_VAULTS = 20
# A stack has 500 resources, and its template 1 MB; the rest is for the resources that are not policies.
# Source: AWS CloudFormation User Guide, "Understand CloudFormation quotas".
MOST_RESOURCES = 250
MOST_CHARACTERS = 300_000
# The worker gets the list in its environment, for which RunTask allows 8,192 characters, and a task token
# may take 2,048 of them; the user data of an instance has 16 KB and repeats the token. Source:
# RunTask, overrides; RunInstances, UserData; Step Functions service quotas.
LONGEST_EXCLUDE = 4_096

Found = tuple[KeyPath, str]
_ELSEWHERE = "move some to a second deployment (a tidemark.yaml with another name under deployment)"


def exclude_problems(where: KeyPath, exclude: Sequence[str]) -> Iterator[Found]:
    """Yield a problem if a list of excluded directories is too long for a worker's environment."""
    text = json.dumps(list(exclude))
    # The list is JSON within JSON in a task's overrides, and a shell word in an instance's user data.
    taken = max(len(json.dumps(text)), len(shlex.quote(text)))
    if taken > LONGEST_EXCLUDE:
        fact = (
            f"the list takes {taken:,} characters of a worker's environment; the limit is {LONGEST_EXCLUDE:,}"
        )
        yield where, f"{fact}; join paths with * and ?"


def policy_problems(where: KeyPath, policy: Policy) -> Iterator[Found]:
    """Yield a problem if a policy is too long to store, regardless of its number of file systems."""
    taken = len(documents(policy).own)
    if taken > LONGEST_PARAMETER:
        fact = f"without its file systems the policy takes {taken:,} characters of a parameter"
        yield (
            where,
            f"{fact}; the limit is {LONGEST_PARAMETER:,}; shorten index.exclude, schedules or copies",
        )


def vault_problems(vaults: Collection[str]) -> Iterator[Found]:
    """Yield a problem if the vaults are in too many Regions for a role."""
    if len(vaults) > MOST_VAULTS:
        yield (
            ("vaults", list(vaults)[MOST_VAULTS]),
            f"there are vaults in {len(vaults)} Regions; the limit is {MOST_VAULTS}; {_ELSEWHERE}",
        )


def deployment_problems(policies: Mapping[str, Policy]) -> Iterator[Found]:
    """Yield a problem if the policies are too many or too long, at the first one over the limit."""
    yield from _too_many_file_systems(policies)
    yield from _too_much_for_the_template(policies)


def _too_many_file_systems(policies: Mapping[str, Policy]) -> Iterator[Found]:
    total = len({one for policy in policies.values() for one in policy.file_systems})
    if total <= MOST_FILE_SYSTEMS:
        return
    seen: set[str] = set()
    for name, policy in policies.items():
        for number, file_system in enumerate(policy.file_systems):
            seen.add(file_system)
            if len(seen) > MOST_FILE_SYSTEMS:
                yield (
                    ("policies", name, "file_systems", number),
                    f"there are {total:,} file systems; the limit is {MOST_FILE_SYSTEMS:,}; {_ELSEWHERE}",
                )
                return


def _too_much_for_the_template(policies: Mapping[str, Policy]) -> Iterator[Found]:
    resources = characters = 0
    too_many = too_long = None
    for name, policy in policies.items():
        stored = documents(policy)
        resources += 1 + len(stored.lists) + len(schedules_of(policy))
        # Counted as text within the template's JSON, where a quote takes two characters.
        characters += len(json.dumps(stored.own)) + sum(len(text) for text in stored.lists.values())
        if resources > MOST_RESOURCES and too_many is None:
            too_many = name
        if characters > MOST_CHARACTERS and too_long is None:
            too_long = name
    if too_many is not None:
        fact = (
            f"{len(policies)} policies take {resources} resources of the stack; the limit is {MOST_RESOURCES}"
        )
        parts = "each takes one, another for each of its schedules, and more for a long list of file systems"
        yield ("policies", too_many), f"{fact} ({parts}); {_ELSEWHERE}"
    if too_long is not None:
        fact = f"{len(policies)} policies take {characters:,} characters of the stack's template"
        way_out = f"shorten index.exclude, or {_ELSEWHERE}"
        yield ("policies", too_long), f"{fact}; the limit is {MOST_CHARACTERS:,}; {way_out}"
