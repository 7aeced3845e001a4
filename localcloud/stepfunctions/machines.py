"""State machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localcloud.core.cloud import AwsError
from localcloud.core.partitions import partition_of
from localcloud.stepfunctions.definition import BadDefinition, parse_definition


@dataclass(slots=True, kw_only=True)
class StateMachine:
    """The current version of a state machine."""

    arn: str
    name: str
    definition: str
    role_arn: str
    type: str
    created_at: datetime
    settings: dict[str, Any]  # logging, tracing and encryption: stored, without effect
    program: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.program = parsed(self.definition, self.region)

    @property
    def region(self) -> str:
        """The Region's name."""
        return self.arn.split(":")[3]

    def describe(self) -> dict[str, Any]:
        """Return DescribeStateMachine's response."""
        described = {
            **self.summary(),
            "status": "ACTIVE",
            "definition": self.definition,
            "roleArn": self.role_arn,
            "description": self.program.get("Comment"),
            "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
            "tracingConfiguration": {"enabled": False},
            **self.settings,
        }
        return {name: value for name, value in described.items() if value is not None}

    def summary(self) -> dict[str, Any]:
        """Return a member of ListStateMachines."""
        return {
            "stateMachineArn": self.arn,
            "name": self.name,
            "type": self.type,
            "creationDate": self.created_at,
        }


def parsed(definition: str, region: str) -> dict[str, Any]:
    """Parse a definition for a machine in `region`; raises AwsError InvalidDefinition."""
    try:
        return parse_definition(definition, partition_of(region))
    except BadDefinition as error:
        raise AwsError("InvalidDefinition", f"Invalid State Machine Definition: '{error}'") from error
