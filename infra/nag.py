"""Acknowledged cdk-nag findings, each with its reason."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Acknowledge a finding of `rule` on `construct` with the reason why it is not a defect."""
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))
