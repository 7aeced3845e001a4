"""A second evaluator: the npm package @cloud-copilot/iam-simulate, which shares no code with judge.py.

It validates policies, actions, resources and condition keys against AWS's own lists, and evaluates resource
policies and trust policies too. Its licence is the AGPL: it runs in a separate process, for tests only.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.node import BIN
from tests.infra.judge import Statement

DRIVER = Path(__file__).with_name("iam_simulate.mjs")
ALLOWED, DENIED, FORBIDDEN = "Allowed", "ImplicitlyDenied", "ExplicitlyDenied"
# Context of every request with boto3's default configuration.
OF_EVERY_REQUEST = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """One authorization request to IAM."""

    principal: str  # ARN of a role, or the name of a service: states.amazonaws.com
    action: str
    resource: str
    context: Mapping[str, str] = dataclasses.field(default_factory=dict)
    statements: Sequence[Statement] | None = None  # of the principal; None for a service
    resource_policy: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.principal}: {self.action} on {self.resource} with {dict(self.context)}"


def simulate(requests: Iterable[Request], *, account: str, directory: Path) -> list[str]:
    """Return the result of each request: ALLOWED, DENIED, FORBIDDEN, or "Invalid: ..." with the reason.

    One Node process evaluates all requests. Its input file is written to `directory`.
    """
    ids: dict[str, str] = {}  # of policies, by their text

    def id_of(document: Mapping[str, Any] | None) -> str | None:
        text = json.dumps(document)
        return None if document is None else ids.setdefault(text, f"p{len(ids)}")

    written = [
        {
            "principal": one.principal,
            "action": one.action,
            "resource": one.resource,
            "context": {**OF_EVERY_REQUEST, **one.context},
            "identity": id_of(
                {"Version": "2012-10-17", "Statement": one.statements} if one.statements else None
            ),
            "resourcePolicy": id_of(one.resource_policy),
        }
        for one in requests
    ]
    policies = {identifier: json.loads(text) for text, identifier in ids.items()}
    file = directory / "requests.json"
    file.write_text(json.dumps({"account": account, "policies": policies, "requests": written}))
    ran = subprocess.run([BIN / "node", DRIVER, file], check=True, stdout=subprocess.PIPE)
    answers: list[str] = json.loads(ran.stdout)
    assert len(answers) == len(written)
    return answers
