from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud import Fault, LocalCloud
from localcloud.core.clock import ScaledClock
from localcloud.core.faults import Faults, InjectedFault, KillCaller


@pytest.fixture(autouse=True)
def no_faults_stay(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "cloud" in request.fixturenames:
        request.getfixturevalue("cloud").faults.clear()


def struck(faults: Faults, times: int, text: str = "", region: str = "eu-central-1") -> list[bool]:
    results = []
    for _ in range(times):
        try:
            faults.check("s3", "PutObject", region, text)
        except InjectedFault:
            results.append(True)
        else:
            results.append(False)
    return results


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ((1, 1), [True, False, False, False]),
        ((2, 3), [False, True, True, False]),
        ((3, None), [False, False, True, True]),
    ],
)
def test_the_nth_calls_are_struck(calls: tuple[int, int | None], expected: list[bool]) -> None:
    faults = Faults(ScaledClock())
    faults.add(Fault(service="s3", operation="PutObject", action="fail", calls=calls))
    assert struck(faults, 4) == expected


def test_only_matching_calls_are_counted() -> None:
    faults = Faults(ScaledClock())
    faults.add(Fault(service="s3", operation="*", action="fail", match="parts/", region="eu-west-1"))
    assert struck(faults, 2, "/bucket/manifest") == [False, False]
    assert struck(faults, 1, "/bucket/parts/1") == [False]
    assert struck(faults, 2, "/bucket/parts/1", "eu-west-1") == [True, True]


def test_throttling_has_the_services_own_code() -> None:
    faults = Faults(ScaledClock())
    faults.add(Fault(service="s3", operation="*", action="throttle"))
    with pytest.raises(InjectedFault) as fault:
        faults.check("s3", "GetObject", "eu-central-1")
    assert (fault.value.code, fault.value.status) == ("SlowDown", 503)


def test_a_delay_ends_when_its_fault_is_removed() -> None:
    faults = Faults(ScaledClock())
    faults.add(Fault(service="s3", operation="PutObject", action="delay", seconds=3600))
    delayed = threading.Thread(target=faults.check, args=("s3", "PutObject", "eu-central-1"), daemon=True)
    delayed.start()
    delayed.join(0.2)
    assert delayed.is_alive()
    faults.clear()
    delayed.join(30)
    assert not delayed.is_alive()


def test_a_kill_is_a_separate_error() -> None:
    faults = Faults(ScaledClock())
    faults.add(Fault(service="s3", operation="PutObject", action="kill", principal="role/worker"))
    faults.check("s3", "PutObject", "eu-central-1", principal="arn:aws:iam::1:role/other")
    with pytest.raises(KillCaller):
        faults.check("s3", "PutObject", "eu-central-1", principal="arn:aws:iam::1:role/worker")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"service": "s3", "operation": "*"}, "missing"),
        ({"service": "s3", "operation": "*", "action": "explode"}, "explode"),
        ({"service": "s3", "operation": "*", "action": "fail", "cals": [1, 1]}, "cals"),
    ],
)
def test_a_bad_fault_is_refused_in_words(value: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Fault.from_json(value)


def test_a_fault_reads_back_as_written() -> None:
    fault = Fault(service="s3", operation="GetObject", action="delay", seconds=1.5, calls=(2, None))
    assert Fault.from_json(json.loads(json.dumps(fault.to_json()))) == fault


def test_a_file_of_faults_is_read(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps([{"service": "s3", "operation": "PutObject", "action": "fail"}]))
    faults = Faults(ScaledClock())
    faults.load(path)
    assert struck(faults, 2) == [True, True]


@pytest.mark.parametrize(
    ("service", "operation", "call"),
    [
        ("dynamodb", "ListTables", lambda client: client.list_tables()),
        ("s3", "ListBuckets", lambda client: client.list_buckets()),
        ("sns", "ListTopics", lambda client: client.list_topics()),
        ("ec2", "DescribeVpcs", lambda client: client.describe_vpcs()),
        ("backup", "ListBackupVaults", lambda client: client.list_backup_vaults()),
    ],
)
def test_every_protocol_carries_the_code_and_status(
    cloud: LocalCloud, service: str, operation: str, call: Any
) -> None:
    client = _without_retries(cloud, service)
    cloud.faults.add(
        Fault(
            service=service,
            operation=operation,
            action="fail",
            error_code="OutOfOrder",
            status=503,
            calls=(1, 1),
        )
    )
    with pytest.raises(ClientError) as failed:
        call(client)
    assert failed.value.response["Error"]["Code"] == "OutOfOrder"
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    call(client)


def test_a_delay_is_real_time(cloud: LocalCloud) -> None:
    sns = cloud.client("sns")
    cloud.faults.add(Fault(service="sns", operation="ListTopics", action="delay", seconds=0.7, calls=(1, 1)))
    started = time.monotonic()
    sns.list_topics()
    assert 0.7 <= time.monotonic() - started < 5


def test_the_sdk_retries_a_throttled_call(cloud: LocalCloud) -> None:
    cloud.faults.add(Fault(service="dynamodb", operation="ListTables", action="throttle", calls=(1, 2)))
    cloud.client("dynamodb").list_tables()
    calls = [one for one in cloud.calls() if one["operation"] == "ListTables"]
    assert [one["status"] for one in calls[-3:]] == [400, 400, 200]


def _without_retries(cloud: LocalCloud, service: str) -> Any:
    import boto3

    keys = cloud.environment
    return boto3.client(
        service,
        region_name=cloud.region,
        endpoint_url=cloud.endpoint_url,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.mark.parametrize("service", ["ssm", "sqs", "ec2", "s3", "stepfunctions"])
def test_an_unknown_region_is_refused_in_aws_form(cloud: LocalCloud, service: str) -> None:
    operations = {"ssm": "describe_parameters", "sqs": "list_queues", "ec2": "describe_vpcs"}
    operations |= {"s3": "list_buckets", "stepfunctions": "list_state_machines"}
    client = cloud.client(service, region="mars-north-1")
    with pytest.raises(ClientError) as caught:
        getattr(client, operations[service])()
    assert "not 'mars-north-1'" in caught.value.response["Error"]["Message"]
