from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from localcloud import Fault, LocalCloud
from localcloud.core.cloud import WARM_FUNCTIONS
from tests.localcloud.function_code import zipped

CODE = """
import json, os, sys, time
def handler(event, context):
    print("got", json.dumps(event))
    match event.get("do"):
        case "raise": raise KeyError("missing")
        case "exit": os._exit(7)
        case "sleep": time.sleep(event["seconds"])
        case "import": return bool(__import__(event["name"]))
        case "who":
            import boto3
            return boto3.client("sts").get_caller_identity()["Arn"]
        case "place": return {"cwd": os.getcwd(), "root": os.environ["LAMBDA_TASK_ROOT"], "pid": os.getpid()}
        case "left": return context.get_remaining_time_in_millis()
    return {"event": event, "variable": os.environ.get("VARIABLE"), "name": context.function_name}
"""


@pytest.fixture(scope="module")
def role(cloud: LocalCloud) -> str:
    made = cloud.client("iam").create_role(RoleName="functions", AssumeRolePolicyDocument="{}")
    return made["Role"]["Arn"]


@pytest.fixture
def function(
    cloud: LocalCloud, role: str, request: pytest.FixtureRequest
) -> Callable[..., Callable[..., Any]]:
    """Create a function and return how to invoke it: (error, payload)."""

    def create(files: dict[str, str] | None = None, mode: int = 0o644, **settings: Any) -> Callable[..., Any]:
        name = "f-" + str(time.time_ns())
        client = cloud.client("lambda")
        client.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Code={"ZipFile": zipped(files or {"code.py": CODE}, mode)},
            **{"Handler": "code.handler", "Timeout": 10, **settings},
        )

        def invoke(_how: str = "RequestResponse", **event: Any) -> tuple[str | None, Any]:
            answer = client.invoke(FunctionName=name, Payload=json.dumps(event), InvocationType=_how)
            text = answer["Payload"].read()
            return answer.get("FunctionError"), json.loads(text) if text else None

        invoke.name = name  # type: ignore[attr-defined]  # for the logs
        return invoke

    return create


def no_error(answer: tuple[str | None, Any]) -> bool:
    """Return whether a call went well; where it did not, the assertion shows what it said."""
    return answer[0] is None


def test_the_result_comes_back(function: Any) -> None:
    invoke = function(Environment={"Variables": {"VARIABLE": "value"}})
    error, result = invoke(a=[1, None])
    assert error is None
    assert result["event"] == {"a": [1, None]}
    assert result["variable"] == "value"
    assert result["name"] == invoke.name


def test_an_exception_is_reported_by_its_type(function: Any) -> None:
    error, result = function()(do="raise")
    assert error == "Unhandled"
    assert result["errorType"] == "KeyError"
    assert result["errorMessage"] == "'missing'"
    assert "handler" in result["stackTrace"][0]


def test_a_process_that_exits_is_an_exit_error_and_the_next_call_works(function: Any) -> None:
    invoke = function()
    error, result = invoke(do="exit")
    assert (error, result["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert "exit status 7" in result["errorMessage"]
    assert no_error(invoke())


def test_a_time_out_ends_the_process(function: Any) -> None:
    invoke = function(Timeout=1)
    started = time.monotonic()
    error, result = invoke(do="sleep", seconds=60)
    assert time.monotonic() - started < 30
    assert (error, result["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert "1.00 seconds" in result["errorMessage"]
    assert no_error(invoke())


def test_a_module_that_fails_to_import_is_an_import_error(function: Any) -> None:
    error, result = function({"code.py": "import nowhere"})()
    assert error == "Unhandled"
    assert result["errorType"] == "Runtime.ImportModuleError"
    assert "nowhere" in result["errorMessage"]


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_file_that_only_its_owner_reads_is_not_read_by_a_function(function: Any, mode: int) -> None:
    """Source: AWS Lambda Developer Guide, "Troubleshoot deployment issues", permission denied."""
    error, result = function(mode=mode)()
    assert error == "Unhandled"
    assert result["errorMessage"] == "[Errno 13] Permission denied: '/var/task/code.py'"


def test_the_function_sees_the_runtime_and_not_our_environment(function: Any) -> None:
    invoke = function()
    assert invoke(do="import", name="boto3") == (None, True)
    assert invoke(do="import", name="awslambdaric") == (None, True)
    for ours in ("moto", "localcloud", "pytest", "pip"):
        assert invoke(do="import", name=ours)[1]["errorType"] == "ModuleNotFoundError"


def test_it_calls_as_its_role(function: Any, cloud: LocalCloud, role: str) -> None:
    assert function()(do="who")[1].startswith("arn:aws:sts::123456789012:assumed-role/functions/f-")
    [call, *_] = [one for one in reversed(cloud.calls()) if one["operation"] == "GetCallerIdentity"]
    assert call["principal"] == role


def test_a_fault_can_kill_the_process_that_makes_a_call(function: Any, cloud: LocalCloud) -> None:
    invoke = function()
    cloud.faults.add(
        Fault(
            service="sts",
            operation="GetCallerIdentity",
            action="kill",
            principal="role/functions$",
            calls=(1, 1),
        )
    )
    error, result = invoke(do="who")
    assert (error, result["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert "signal: 9" in result["errorMessage"]
    assert no_error(invoke(do="who"))


def test_a_process_is_used_again(function: Any) -> None:
    invoke = function()
    first, second = invoke(do="place")[1], invoke(do="place")[1]
    assert first["pid"] == second["pid"]
    assert first["cwd"] == first["root"]


def test_concurrent_calls_run_concurrently_and_few_processes_stay(function: Any, cloud: LocalCloud) -> None:
    invoke = function()
    started = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: invoke(do="sleep", seconds=1.5), range(6)))
    assert all(error is None for error, _ in results)
    assert time.monotonic() - started < 8  # one after the other would be 9 s and more
    assert len([process for process in cloud.processes() if process["kind"] == "function"]) <= WARM_FUNCTIONS


def test_the_deadline_is_the_functions_own(function: Any) -> None:
    assert 8_000 < function(Timeout=10)(do="left")[1] <= 10_000


def test_output_goes_to_cloudwatch_logs(function: Any, cloud: LocalCloud) -> None:
    invoke = function()
    invoke(do="raise", mark="find me")
    logs = cloud.client("logs")
    for _ in range(50):
        time.sleep(0.1)
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{invoke.name}")["logGroups"]
        if not groups:
            continue
        events = logs.filter_log_events(logGroupName=groups[0]["logGroupName"])["events"]
        text = "\n".join(event["message"] for event in events)
        if "REPORT" in text:
            break
    assert 'got {"do": "raise", "mark": "find me"}' in text
    assert "KeyError" in text


def test_an_event_is_tried_three_times_and_then_sent_on(function: Any, cloud: LocalCloud) -> None:
    invoke = function()
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="failed-events")["QueueUrl"]
    cloud.client("lambda").put_function_event_invoke_config(
        FunctionName=invoke.name,
        DestinationConfig={
            "OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:123456789012:failed-events"}
        },
    )
    assert invoke("Event", do="raise") == (None, None)
    messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=15).get("Messages", [])
    record = json.loads(messages[0]["Body"])
    assert record["requestPayload"] == {"do": "raise"}
    assert record["responsePayload"]["errorType"] == "KeyError"


def test_a_missing_function_is_not_found(cloud: LocalCloud) -> None:
    client = cloud.client("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nobody")


def wheel(name: str, version: str, tag: str) -> dict[str, str]:
    return {
        f"{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{name}-{version}.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n",
    }


def test_binaries_for_another_machine_are_replaced_by_ours(function: Any) -> None:
    import cryptography

    foreign = wheel("cryptography", cryptography.__version__, "cp311-abi3-manylinux_2_28_sparc64")
    code = """
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
def handler(event, context):
    return len(AESSIV.generate_key(512))
"""
    files = {"code.py": code, "cryptography/__init__.py": "raise ImportError('wrong machine')", **foreign}
    files |= wheel("cffi", __import__("cffi").__version__, "cp313-cp313-manylinux2014_sparc64")
    assert function(files)() == (None, 64)


def test_binaries_that_nothing_here_can_replace_are_named(function: Any, cloud: LocalCloud) -> None:
    files = {"code.py": CODE, **wheel("cryptography", "1.2.3", "cp313-cp313-manylinux2014_sparc64")}
    client = cloud.client("lambda")
    with pytest.raises(client.exceptions.ClientError, match=r"pip install cryptography==1\.2\.3"):
        function(files)()
