"""A deployment on moto in which any handler can be called."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from lambdas import _step
from tests.aws.account import NIGHTLY, REGION, SETTINGS, create_tables, the_clients
from tidemark.aws.clients import Clients
from tidemark.policy.policy import Policy, policy_parameter
from tidemark.sessions.session import Point, Session
from tidemark.settings import LambdaSettings

CONTEXT = SimpleNamespace(
    function_name="tidemark-step",
    memory_limit_in_mb=256,
    invoked_function_arn=f"arn:aws:lambda:{REGION}:123456789012:function:tidemark-step",
    aws_request_id="request-1",
)


@dataclass
class ToldTags:
    """Stands for the tags of recovery points; remembers which point was told which index."""

    told: list[tuple[str, str]] = field(default_factory=list)

    def for_new_point(self, session: Session, *, retention_days: int | None) -> dict[str, str]:
        return {"session": session.session_id, "days": str(retention_days)}

    def tell_index(self, _session: Session, point: Point, index_id: str) -> None:
        self.told.append((point.recovery_point_arn, index_id))


Call = Callable[[str, Any], Any]


@pytest.fixture(autouse=True)
def _no_images_of_amazon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # thousands, for every test anew


@pytest.fixture
def clients() -> Iterator[Clients]:
    with mock_aws():
        yield the_clients()


@pytest.fixture
def settings(clients: Clients) -> LambdaSettings:
    topic = clients.of("sns", REGION).create_topic(Name="sessions")["TopicArn"]
    cluster = clients.of("ecs", REGION).create_cluster(clusterName="tidemark")["cluster"]["clusterArn"]
    return replace(SETTINGS, topic=topic, cluster=cluster)


@pytest.fixture
def deployment(
    clients: Clients, settings: LambdaSettings, monkeypatch: pytest.MonkeyPatch
) -> _step.Deployment:
    """The tables, the policy `nightly`, and tags that only remember."""
    create_tables(clients)
    made = _step.Deployment(settings, clients)
    made.__dict__["tags"] = ToldTags()
    monkeypatch.setattr(_step, "_here", [made])
    deploy_policy(clients, NIGHTLY)
    return made


def deploy_policy(clients: Clients, policy: Policy) -> None:
    clients.of("ssm", REGION).put_parameter(
        Name=policy_parameter("tidemark", policy.name), Value=policy.to_json(), Type="String", Overwrite=True
    )


@pytest.fixture
def call(deployment: _step.Deployment) -> Call:
    """Call a handler as Lambda does."""

    def invoke(step: str, event: Any) -> Any:
        return importlib.import_module(f"lambdas.{step}").handler(event, CONTEXT)

    return invoke
