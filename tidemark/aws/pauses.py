"""Reads and writes the pauses of policies, which are SSM parameters below the policies' names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of
from tidemark.errors import ConfigurationError
from tidemark.policy.pause import Pause, pause_parameter

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_MOST_AT_ONCE = 10  # source: GetParameters, Names


def read_pauses(client: SSMClient, deployment: str, policies: Sequence[str]) -> dict[str, Pause]:
    """Return the recorded pauses by policy, also those whose end is past; none for policies without one.

    Raises ConfigurationError for a parameter that was edited and does not record a pause.
    """
    of = {pause_parameter(deployment, policy): policy for policy in policies}
    names: list[str] = list(of)
    found: dict[str, Pause] = {}
    for start in range(0, len(names), _MOST_AT_ONCE):
        answer = client.get_parameters(Names=names[start : start + _MOST_AT_ONCE])
        for each in answer["Parameters"]:
            found[of[each["Name"]]] = _parsed(each["Name"], each["Value"], of[each["Name"]])
    return found


def write_pause(client: SSMClient, deployment: str, policy: str, pause: Pause) -> None:
    """Record the pause of a policy; replaces an earlier one."""
    client.put_parameter(
        Name=pause_parameter(deployment, policy),
        Description=f"Pause of policy {policy}; end it with: tidemark policy resume {policy}",
        Value=pause.to_json(),
        Type="String",
        Overwrite=True,
    )


def remove_pause(client: SSMClient, deployment: str, policy: str) -> bool:
    """Remove the pause of a policy; return whether there was one."""
    try:
        client.delete_parameter(Name=pause_parameter(deployment, policy))
    except ClientError as error:
        # A name with characters that SSM does not allow is a ValidationException: no policy has that name.
        if code_of(error) in {"ParameterNotFound", "ValidationException"}:
            return False
        raise
    return True


def _parsed(name: str, text: str, policy: str) -> Pause:
    try:
        return Pause.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"the SSM parameter {name} does not record a pause; remove it with: "
            f"tidemark policy resume {policy}"
        ) from error
