"""The alarms use metrics that the functions publish, and notify the topic."""

from __future__ import annotations

import json

from tests.infra.template import Template, resources, text_of


def test_the_alarms_notify_the_topic(main: Template) -> None:
    alarms = {alarm["AlarmName"]: alarm for alarm in resources(main, "AWS::CloudWatch::Alarm").values()}
    assert {name: alarm["MetricName"] for name, alarm in alarms.items()} == {
        "cellar-failed-session": "ExecutionsFailed",
        "cellar-failed-prune": "ExecutionsFailed",
        "cellar-unprotected": "UnprotectedFileSystems",
        "cellar-failed-drill": "ExecutionsFailed",
        "cellar-failed-restore-test": "RestoreTestsFailed",
        "cellar-expired-lease": "ExpiredLeases",
        "cellar-damage": "DamageAlarms",
        "cellar-dead-letters": "ApproximateNumberOfMessagesVisible",
    }
    (topic,) = resources(main, "AWS::SNS::Topic")
    for alarm in alarms.values():
        assert [text_of(action) for action in alarm["AlarmActions"]] == [f"<{topic}>"]
        assert (alarm["Threshold"], alarm["TreatMissingData"]) == (1, "notBreaching")


def test_alarms_and_dashboard_use_the_metrics_of_this_deployment(main: Template) -> None:
    """tests/lambdas/test_metrics.py checks the names of the published metrics."""
    alarms = [a for a in resources(main, "AWS::CloudWatch::Alarm").values() if a["Namespace"] == "Tidemark"]
    assert {alarm["MetricName"] for alarm in alarms} == {
        "ExpiredLeases",
        "RestoreTestsFailed",
        "UnprotectedFileSystems",
        "DamageAlarms",
    }
    for alarm in alarms:
        assert alarm["Dimensions"] == [{"Name": "deployment", "Value": "cellar"}]
    (dashboard,) = resources(main, "AWS::CloudWatch::Dashboard").values()
    ours = {
        tuple(metric[1:4])
        for widget in json.loads(text_of(dashboard["DashboardBody"]))["widgets"]
        for metric in widget["properties"].get("metrics", ())
        if metric[0] == "Tidemark"
    }
    sessions = {"SessionsSuccess", "SessionsWarning", "SessionsFailed", "SessionsAborted", "SessionDuration"}
    drills = {"DrillsSucceeded", "DrillsFailed", "DrilledFiles"}
    tests = {f"RestoreTests{status}" for status in ("Success", "Warning", "Failed", "Aborted")}
    indexes = {"IndexedEntries", "IndexedEntriesPerSecond", "IndexLag"}
    protection = {"UnprotectedFileSystems", "OldestBackupAge"}
    names = {*sessions, *drills, *tests, *indexes, *protection, "ExpiredLeases", "DamageAlarms"}
    assert ours == {(name, "deployment", "cellar") for name in names}


def test_the_dashboard_lists_file_systems_from_the_log_of_the_function_that_measures(main: Template) -> None:
    (dashboard,) = resources(main, "AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(text_of(dashboard["DashboardBody"]))["widgets"]
    (query,) = [each["properties"]["query"] for each in widgets if each["type"] == "log"]
    assert query.startswith("SOURCE '<FunctionsReportProtectionLog")
    for field in ("age_hours", "newest_backup", "unprotected", "policies", "file_system"):
        assert field in query, "tests/lambdas/test_report_protection.py checks that the log has it"


def test_the_mail_address_is_subscribed(main: Template) -> None:
    (subscription,) = resources(main, "AWS::SNS::Subscription").values()
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "you@example.com")


def test_alarms_may_publish_to_the_encrypted_topic(main: Template) -> None:
    keys = resources(main, "AWS::KMS::Key")
    (key,) = [key for identifier, key in keys.items() if identifier.startswith("Notifications")]
    services = [s["Principal"].get("Service") for s in key["KeyPolicy"]["Statement"]]
    assert "cloudwatch.amazonaws.com" in services
