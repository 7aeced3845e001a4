"""A policy as SSM parameters: one, or one plus lists of its file systems.

An advanced parameter holds 8 KB, or about 340 file systems. The file systems of a longer policy are in
lists of 4 KB below its name. A list is named by its content, and the policy's own parameter names its lists:
a deployment creates new lists, then changes the policy, then deletes old lists, so that no reader sees a
partial change. Imports only the standard library, like `policy.py`.
Source: AWS Systems Manager User Guide, "Managing parameter tiers"; PutParameter, Value and Tier.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable

from tidemark.policy.policy import Policy, policy_parameter

LONGEST_PARAMETER = 8192  # characters of an advanced parameter
LONGEST_LIST = 4096  # characters of a standard parameter, which is free
_LISTS = "file_system_lists"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The values of a policy's parameters."""

    own: str  # of the parameter that `policy_parameter` names
    lists: dict[str, str]  # by the last part of their names; empty if the policy is one parameter


def documents(policy: Policy) -> Documents:
    """Return the parameter values of a policy. Its own document may be too long: see capacity.py."""
    whole = policy.to_json()
    if len(whole) <= LONGEST_PARAMETER:
        return Documents(own=whole, lists={})
    lists = {hashlib.sha256(text.encode()).hexdigest()[:16]: text for text in _lists(policy.file_systems)}
    rest = json.loads(whole)
    del rest[
        "file_systems"
    ]  # a version without lists would read an empty list as a policy without file systems
    own = json.dumps({**rest, _LISTS: list(lists)}, sort_keys=True, separators=(",", ":"))
    return Documents(own=own, lists=lists)


def list_parameter(deployment: str, policy: str, name: str) -> str:
    """Return the name of the SSM parameter that holds a list of a policy's file systems."""
    return f"{policy_parameter(deployment, policy)}/file-systems/{name}"


def lists_of(own: str) -> list[str]:
    """Return the lists, by the last part of their names, that a policy's own document needs."""
    return list(json.loads(own).get(_LISTS, ()))


def joined(own: str, lists: Iterable[str]) -> Policy:
    """Return the policy of `documents`: its own document, and its lists in the order of `lists_of`."""
    listed = [file_system for text in lists for file_system in text.split(",")]
    return Policy.from_json(json.dumps({"file_systems": listed, **json.loads(own)}))


def _lists(file_systems: Iterable[str]) -> list[str]:
    texts: list[str] = []
    for file_system in file_systems:
        if texts and len(texts[-1]) + 1 + len(file_system) <= LONGEST_LIST:
            texts[-1] += f",{file_system}"
        else:
            texts.append(file_system)
    return texts
