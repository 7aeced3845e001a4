"""cdk-nag's findings that stand, each with its reason."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Say why a finding of `rule` on `construct` is no defect."""
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))
