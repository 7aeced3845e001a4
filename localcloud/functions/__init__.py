"""Lambda: moto stores the functions; AWS's runtime interface client runs each in a separate process."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from localcloud.core.clock import ShuttingDown
from localcloud.core.cloud import ApiCall, AwsError, Cloud
from localcloud.core.partitions import regional_arn
from localcloud.core.role_clients import Clients, queue_url
from localcloud.functions.logs import FunctionLogs
from localcloud.functions.pool import Pool
from localcloud.functions.sandbox import FunctionSettings, Outcome

# Source: Lambda Developer Guide, "Lambda quotas", invocation payload; Invoke, errors
LARGEST_REQUEST, LARGEST_RESPONSE = 6_291_456, 6_291_556  # bytes
ASYNC_RETRY_SECONDS = (60, 120)  # source: Lambda developer guide, asynchronous invocation


def install(cloud: Cloud) -> None:
    """Register Invoke, which runs the function."""
    _share_code()
    clients = Clients(cloud)
    pool = Pool(cloud, FunctionLogs(cloud, clients))

    def invoke(call: ApiCall) -> Mapping[str, Any]:
        payload = call.params.get("Payload") or b"{}"
        if len(payload) > LARGEST_REQUEST:
            message = f"Request must be smaller than {LARGEST_REQUEST} bytes for the InvokeFunction operation"
            raise AwsError("RequestTooLargeException", message)
        settings = _settings(
            call.account_id, call.region, call.params["FunctionName"], call.params.get("Qualifier")
        )
        _check_json(payload)
        if call.params.get("InvocationType") == "DryRun":
            return {"StatusCode": 204}
        if call.params.get("InvocationType") == "Event":
            threading.Thread(target=later, args=(settings, payload), daemon=True).start()
            return {"StatusCode": 202, "Payload": b""}
        outcome = _limited(pool.run(settings, payload))
        answer: dict[str, Any] = {
            "StatusCode": 200,
            "ExecutedVersion": "$LATEST",
            "Payload": outcome.payload,
        }
        if outcome.error:
            answer["FunctionError"] = outcome.error
        if call.params.get("LogType") == "Tail":
            answer["LogResult"] = base64.b64encode(outcome.log_tail[-4096:]).decode()
        return answer

    def later(settings: FunctionSettings, payload: bytes) -> None:
        config = _event_invoke_config(settings)
        outcome = pool.run(settings, payload)
        try:
            for wait in ASYNC_RETRY_SECONDS[: config.get("MaximumRetryAttempts", 2)]:
                if not outcome.error:
                    return
                cloud.clock.sleep(wait)
                outcome = pool.run(settings, payload)
        except ShuttingDown:
            return
        target = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if outcome.error and target:
            _send(clients, settings, target, _record(settings, payload, outcome))

    cloud.answer("lambda", Invoke=invoke)
    cloud.at_shutdown(pool.close)


def _share_code() -> None:
    """Read an asset from S3 once, for all functions that use it.

    moto holds and hashes a copy per function: 400 MB and some seconds for 17 functions that share one asset
    of 20 MB.
    """
    from moto.awslambda import models

    read = models._s3_content
    known: dict[str, Any] = {}

    def content(key: Any) -> Any:  # moto's S3 key -> bytes, size, hashes
        if key.etag not in known:
            known.clear()  # deployments upload assets one after the other
            known[key.etag] = read(key)
        return known[key.etag]

    models._s3_content = content


def _settings(account_id: str, region: str, name: str, qualifier: str | None) -> FunctionSettings:
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.models import lambda_backends

    if name.startswith("arn:"):
        parts = name.split(":")
        region, name = parts[3], parts[6]
    try:
        function = lambda_backends[account_id][region].get_function(name.split(":")[0], qualifier)
    except UnknownFunctionException as error:
        arn = regional_arn("lambda", region, account_id, f"function:{name}")
        raise AwsError("ResourceNotFoundException", f"Function not found: {arn}") from error
    return FunctionSettings(
        arn=function.function_arn,
        name=function.function_name,
        region=region,
        role=function.role,
        handler=function.handler,
        timeout=float(function.timeout or 3),
        memory=int(function.memory_size or 128),
        environment=dict(function.environment_vars),
        code_sha=function.code_sha_256,
        code=function.code_bytes,
    )


def _event_invoke_config(settings: FunctionSettings) -> dict[str, Any]:
    from moto.awslambda.models import lambda_backends

    account = settings.arn.split(":")[4]
    function = lambda_backends[account][settings.region].get_function(settings.name)
    return dict(function.event_invoke_config[-1].config) if function.event_invoke_config else {}


def _limited(outcome: Outcome) -> Outcome:
    """Return an outcome, or Lambda's error if its payload is too large."""
    if len(outcome.payload) <= LARGEST_RESPONSE:
        return outcome
    text = f"Response payload size exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes)."
    error = {"errorMessage": text, "errorType": "Function.ResponseSizeTooLarge"}
    return replace(outcome, payload=json.dumps(error).encode(), error="Unhandled")


def _check_json(payload: bytes) -> None:
    try:
        json.loads(payload)
    except ValueError as error:
        raise AwsError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from error


def _record(settings: FunctionSettings, payload: bytes, outcome: Outcome) -> str:
    """Return the record of a failed invocation. Source: Lambda developer guide, destinations."""
    return json.dumps(
        {
            "version": "1.0",
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": f"{settings.arn}:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 1 + len(ASYNC_RETRY_SECONDS),
            },
            "requestPayload": json.loads(payload),
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": outcome.error,
            },
            "responsePayload": json.loads(outcome.payload),
        }
    )


def _send(clients: Clients, settings: FunctionSettings, target: str, record: str) -> None:
    _, _, _, region, account, *rest = target.split(":")
    if ":sqs:" in target:
        sqs = clients.get("sqs", region, settings.role)
        url = queue_url(sqs, account, rest[-1], of_caller=settings.role.split(":")[4])
        sqs.send_message(QueueUrl=url, MessageBody=record)
    elif ":sns:" in target:
        clients.get("sns", region, settings.role).publish(TopicArn=target, Message=record)
