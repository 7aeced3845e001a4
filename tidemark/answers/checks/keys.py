"""Whether KMS keys can be used."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from tidemark.answers.checks.result import CheckResult, check
from tidemark.aws.clients import Clients
from tidemark.aws.errors import code_of

# What helps for each state in which a key does not work. Source: AWS KMS Developer Guide, "Key states".
_FIXES = {
    "Disabled": "enable it: aws kms enable-key --key-id {key} --region {region}",
    "PendingDeletion": "cancel the deletion, and enable it: aws kms cancel-key-deletion --key-id {key} "
    "--region {region}; aws kms enable-key --key-id {key} --region {region}",
}


def check_key(clients: Clients, key: str, region: str, name: str, subject: str) -> Iterator[CheckResult]:
    """Yield whether a key, by its ARN or alias, is enabled."""
    with check(name, subject, f"the key {key.rpartition('/')[2]} is enabled") as outcomes:
        try:
            state = (
                clients.of("kms", region).describe_key(KeyId=key)["KeyMetadata"].get("KeyState", "Enabled")
            )
        except ClientError as error:
            if code_of(error) != "NotFoundException":
                raise
            outcomes.fail(f"the key {key} does not exist", "deploy again: cdk deploy --all")
        else:
            if state != "Enabled":
                fix = _FIXES.get(state, "see its state in the console of KMS")
                outcomes.fail(f"the key {key} is in state {state}", fix.format(key=key, region=region))
    yield from outcomes.results
