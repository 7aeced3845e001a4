"""Permissions that only the documentation of an operation names, extracted from its sentences.

DescribeMountTargetSecurityGroups of EFS also needs ec2:DescribeNetworkInterfaceAttribute. The Service
Authorization Reference does not list it; the operation's own documentation, which is part of botocore, does.
"""

from __future__ import annotations

import functools
import html
import re
from dataclasses import dataclass

from moto.core.utils import get_service_model

_TAG = re.compile(r"<[^>]+>")
_SPACE = re.compile(r"\s+")
# A list's items begin in lower case ("ec2:DescribeSubnets action on ...") and stay in their sentence.
_END_OF_SENTENCE = re.compile(r"(?<=[.!?]) +(?=[A-Z])")
_ACTION = re.compile(r"\b[a-z][a-z0-9-]+:[A-Z][A-Za-z]+\b(?!:)\*?")
_DEMAND = re.compile(
    r"requires? (the |explicit )?permissions?\b|required permissions?\b"
    r"|permissions? (\w+ )?(is|are) required\b|must (also )?have\b.*\bpermissions?\b|must grant\b"
    r"|needs? (the |explicit )?(permissions?\b|[a-z0-9-]+:[A-Z])|needs?\b.*\bpermissions?\b"
    r"|is authorized against\b|additional authorization\b|to be granted permissions?\b",
    re.IGNORECASE,
)
# Permissions that are not needed, or that a principal other than the caller needs.
_DENIAL = re.compile(
    r"\bnot required\b|\b(is|are)n.t authorized\b|\bdo(es)?n.t (need|require)\b|\bdo not need\b"
    r"|\bservice principal\b|\bgrant it permission\b"
)
_REST_OF_DENIAL = re.compile(r",? not against .*")
# Conditions that apply to some calls only: certain parameters, encrypted objects, directory buckets.
# "Also" and "therefore" continue a sentence that has named the condition.
_CONDITION = re.compile(
    r"\b(if|when|unless|then|therefore)\b|\b(you|requester) (must )?also\b|\byou will need\b|\bencrypt"
    r"|\bto use the\b.*\bparameter\b|^to use this operation to\b|\bdirectory buckets?\b"
    r"|\bspecific headers\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A sentence that demands permissions of the caller."""

    sentence: str
    actions: frozenset[str]  # as in IAM: service prefix and name; a name may end with *
    always: bool  # False if the sentence names a condition


@functools.cache
def demands_of(service: str, operation: str) -> tuple[Demand, ...]:
    """Return the demands in the documentation of an operation, by botocore's names.

    Source: botocore's service models, `documentation` of operations; it is the text of the API references.
    """
    return tuple(read_demands(get_service_model(service).operation_model(operation).documentation))


def read_demands(documentation: str) -> list[Demand]:
    """Return the demands in a text with HTML tags, in its order."""
    text = _SPACE.sub(" ", html.unescape(_TAG.sub(" ", documentation))).strip()
    found = []
    for sentence in _END_OF_SENTENCE.split(text):
        demanded = _REST_OF_DENIAL.sub("", sentence)
        actions = frozenset(_ACTION.findall(demanded))
        if actions and _DEMAND.search(demanded) and not _DENIAL.search(demanded):
            always = not _CONDITION.search(demanded)
            found.append(Demand(sentence=sentence, actions=actions, always=always))
    return found


def always_demanded(service: str, operation: str) -> frozenset[str]:
    """Return the actions that every call of an operation needs according to its documentation."""
    return frozenset(
        action for demand in demands_of(service, operation) if demand.always for action in demand.actions
    )
