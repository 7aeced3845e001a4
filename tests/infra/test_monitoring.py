"""The alarms watch metrics that somebody writes, and tell the topic."""

from __future__ import annotations

import re
from pathlib import Path

from infra.monitoring import METRICS_DIMENSIONS, METRICS_NAMESPACE
from tests.infra.template import Template, resources, text_of

LAMBDAS = Path(__file__).parents[2] / "lambdas"


def test_three_things_call_somebody(main: Template) -> None:
    alarms = {alarm["AlarmName"]: alarm for alarm in resources(main, "AWS::CloudWatch::Alarm").values()}
    assert {name: alarm["MetricName"] for name, alarm in alarms.items()} == {
        "cellar-failed-session": "ExecutionsFailed",
        "cellar-expired-lease": "ExpiredLeases",
        "cellar-dead-letters": "ApproximateNumberOfMessagesVisible",
    }
    (topic,) = resources(main, "AWS::SNS::Topic")
    for alarm in alarms.values():
        assert [text_of(action) for action in alarm["AlarmActions"]] == [f"<{topic}>"]
        assert (alarm["Threshold"], alarm["TreatMissingData"]) == (1, "notBreaching")


def test_the_metric_of_expired_leases_is_the_one_the_sweeper_writes() -> None:
    assert 'name="ExpiredLeases"' in (LAMBDAS / "sweep.py").read_text()
    written = re.search(
        r'METRICS_NAMESPACE = "(\w+)".*Metrics\(namespace=METRICS_NAMESPACE, service="(\w+)"\)',
        (LAMBDAS / "_step.py").read_text(),
        re.DOTALL,
    )
    assert written
    assert (written[1], {"service": written[2]}) == (METRICS_NAMESPACE, METRICS_DIMENSIONS)


def test_the_mail_address_is_subscribed(main: Template) -> None:
    (subscription,) = resources(main, "AWS::SNS::Subscription").values()
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "you@example.com")


def test_alarms_may_publish_to_the_encrypted_topic(main: Template) -> None:
    keys = resources(main, "AWS::KMS::Key")
    (key,) = [key for identifier, key in keys.items() if identifier.startswith("Notifications")]
    services = [s["Principal"].get("Service") for s in key["KeyPolicy"]["Statement"]]
    assert "cloudwatch.amazonaws.com" in services
