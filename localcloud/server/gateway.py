"""Identifies the operation of each request, injects faults, answers or forwards to moto, records the call."""

from __future__ import annotations

import contextlib
import functools
import io
import signal
import socket
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.session import get_session
from moto.core.exceptions import ServiceException
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY, Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from localcloud.authentication.credentials import CONTROL_SERVICE
from localcloud.authentication.refusals import code_and_status
from localcloud.authentication.request_signature import authenticate, likely_service, received
from localcloud.authentication.signatures import Received, Signature, Unauthentic, read
from localcloud.authentication.web_page_guard import refusal
from localcloud.core.call_record import Call
from localcloud.core.cloud import ApiCall, AwsError, Cloud
from localcloud.core.faults import InjectedFault, KillCaller
from localcloud.core.partitions import partition_of
from localcloud.iam.actions import parameters_of
from localcloud.iam.cross_account import Asked as AskedAcross
from localcloud.iam.passed_roles import passed_by
from localcloud.iam.permissions import NotPermitted, refuse_implied
from localcloud.iam.required_permissions import Check, checks_of
from localcloud.server.authorization import headers_of, serving_account
from localcloud.server.control import CONTROL_PATH, ControlApplication

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
# Signing names that differ from botocore's service names.
SERVICES = {
    "states": "stepfunctions",
    "elasticfilesystem": "efs",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
    "servicequotas": "service-quotas",
}
ENDPOINTS = {name: signing_name for signing_name, name in SERVICES.items()}
MOTO_ACCOUNT = "HTTP_X_MOTO_ACCOUNT_ID"  # the header from which moto takes the account
LARGEST_BODY = 4 * 1024 * 1024  # larger bodies (uploads of objects) are not read for faults and the log


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The operation of a request, as far as the request determines it."""

    service: str
    operation: OperationModel
    labels: dict[str, Any]
    region: str
    access_key: str


class Gateway:
    """The WSGI application in front of moto's."""

    def __init__(self, cloud: Cloud, moto: Wsgi) -> None:
        self.cloud, self.moto = cloud, moto
        self.control = ControlApplication(cloud)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if (why := refusal(environ, self.cloud.port)) is not None:
            return _forbidden(why, environ, start_response)
        arrived = received(environ, environ.get(PRESERVED_HEADER_NAMES_ENVIRON_KEY, {}))
        is_control = environ.get("PATH_INFO", "").startswith(CONTROL_PATH)
        try:
            caller = authenticate(arrived, environ, self.cloud.issuer, self.cloud.clock.now())
            _check_account(self.cloud, caller.credentials.account_id)
        except Unauthentic as error:
            if is_control:
                return _forbidden(error.message, environ, start_response)
            return _unauthentic(error, arrived, environ, start_response)
        if is_control or caller.signature.service == CONTROL_SERVICE:
            named = is_control and caller.signature.service == CONTROL_SERVICE
            if not named or caller.credentials is not self.cloud.owner:
                why = f"the control interface requires the user's key and signing name {CONTROL_SERVICE!r}"
                return _forbidden(why, environ, start_response)
            return self.control(environ, start_response)
        principal = caller.credentials.principal
        body = caller.body if len(caller.body) <= LARGEST_BODY else None
        request = Request(environ)
        asked = _asked(request, caller.signature)
        # identifying the operation of a query API has read it
        environ["wsgi.input"] = io.BytesIO(caller.body)
        account = caller.credentials.account_id
        environ[MOTO_ACCOUNT] = account
        if asked is None:
            return self.moto(environ, start_response)
        text = f"{environ.get('PATH_INFO', '')}?{environ.get('QUERY_STRING', '')} "
        text += (body or b"").decode(errors="replace")
        near = self.cloud.reach.get(asked.access_key)
        if near is not None and ENDPOINTS.get(asked.service, asked.service) not in near:
            return _no_answer(environ, start_response)
        name = asked.operation.name
        checks = list(checks_of(asked.service, name, asked.labels, text, account, asked.region))
        try:
            _check_region(asked.region, self.cloud.partition)
            checks = [self._with_resource(asked, check, text, account) for check in checks]
            checks += passed_by(asked.service, name, text, account, asked.region)
            refuse_implied(asked.service, principal, checks)
            across = AskedAcross(
                service=asked.service,
                operation=name,
                # the body of an S3 request is content
                params={**({} if asked.service == "s3" else parameters_of(text)), **asked.labels},
                query=dict(request.args.items()),
                body=text.partition(" ")[2],
                headers=headers_of(environ),
                checks=checks,
                account=account,
                region=asked.region,
            )
            account = serving_account(self.cloud, caller.credentials, across)
            environ[MOTO_ACCOUNT] = account
            self.cloud.faults.check(asked.service, asked.operation.name, asked.region, text, principal)
            operation = self.cloud.operations.get((asked.service, name))
            refusals = self.cloud.refusals.get((asked.service, name), []) if body is not None else []
            if operation is None and not refusals:
                return self._from_moto(environ, start_response, asked, principal, checks)
            call = ApiCall(
                params=_params(request, asked),
                account_id=account,
                region=asked.region,
                principal=principal,
                caller=caller.credentials,
            )
            for refuse in refusals:
                refuse(call)
            if operation is None:
                environ["wsgi.input"] = io.BytesIO(body or b"")  # because `_params` has consumed it
                return self._from_moto(environ, start_response, asked, principal, checks)
            response = _answer(request, asked, lambda: operation(call))
        except AwsError as refused:
            response = _answer(request, asked, _raiser(refused))
        except InjectedFault as fault:
            response = _answer(request, asked, _raiser(AwsError(fault.code, fault.message)))
            response.status_code = fault.status
        except KillCaller:
            child = self.cloud.processes.of_access_key(asked.access_key)
            if child:
                child.signal(signal.SIGKILL)
            response = Response(status=500)
        self._record(asked, principal, checks, response.status_code)
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def _from_moto(
        self,
        environ: dict[str, Any],
        start_response: Callable[..., Any],
        asked: _Asked,
        principal: str,
        checks: list[Check],
    ) -> Iterable[bytes]:
        def started(status: str, headers: list[tuple[str, str]], *rest: object) -> object:
            self._record(asked, principal, checks, int(status.split()[0]))
            return start_response(status, headers, *rest)

        return self.moto(environ, started)

    def _with_resource(self, asked: _Asked, check: Check, text: str, account: str) -> Check:
        """Return the check with the call's resource, if only the cloud's state determines it."""
        find = self.cloud.resource_finders.get((asked.service, asked.operation.name))
        if find is None or check.implied or check.resource != "*":
            return check
        found = find({**parameters_of(text), **asked.labels}, account, asked.region)
        return replace(check, resource=found or "*")

    def _record(self, asked: _Asked, principal: str, checks: list[Check], status: int) -> None:
        now = self.cloud.clock.now().timestamp()
        for check in checks:
            self.cloud.call_log.add(
                Call(
                    time=now,
                    principal=principal,
                    service=asked.service,
                    operation=asked.operation.name,
                    action=check.action,
                    resource=check.resource,
                    context=check.context,
                    region=asked.region,
                    status=status,
                )
            )


def _forbidden(why: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    response = Response(f"{why}\n", status=403, content_type="text/plain")
    answer: Iterable[bytes] = response(environ, start_response)
    return answer


def _no_answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Close the connection: the subnet has no route to the service. On AWS the caller waits longer."""
    with contextlib.suppress(OSError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    answer: Iterable[bytes] = Response(status=503)(environ, start_response)
    return answer


def _asked(request: Request, signature: Signature) -> _Asked | None:
    """Return the operation of a request; None if unknown, which leaves it to moto."""
    service = SERVICES.get(signature.service, signature.service)
    try:
        operation, labels = get_service_router(service).match(request)
    except (UnknownServiceError, ServiceException, HTTPException, NotImplementedError):
        return None
    return _Asked(
        service=service,
        operation=operation,
        labels=labels,
        region=signature.region,
        access_key=signature.access_key_id,
    )


def _unauthentic(
    error: Unauthentic, arrived: Received, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Refuse in the protocol of the service that the request names or most likely addresses."""
    service = likely_service(arrived)
    with contextlib.suppress(Unauthentic):
        signing_name = read(arrived).service
        service = SERVICES.get(signing_name, signing_name)
    try:
        model = get_service_model(service)
    except UnknownServiceError:
        return _forbidden(error.message, environ, start_response)
    try:
        protocol = determine_request_protocol(model, arrived.header("content-type"))
    except NotImplementedError:  # the protocol of this service is not supported
        protocol = str(model.protocol)
    code, status = code_and_status(service, protocol, error.reason)
    operation = model.operation_model(
        model.operation_names[0]
    )  # errors have the same format in all operations
    response = _written(service, protocol, operation, AwsError(code, error.message))
    response.status_code = status
    answer: Iterable[bytes] = response(environ, start_response)
    return answer


def _check_account(cloud: Cloud, account_id: str) -> None:
    """Raise Unauthentic for a suspended account, whose credentials AWS no longer accepts."""
    if cloud.accounts.is_suspended(account_id):
        raise Unauthentic("unknown-key", "The security token included in the request is invalid.")


def _check_region(region: str, partition: str) -> None:
    """Raise AwsError, as AWS does, unless the Region is in the account's partition.

    moto would answer with a web page for a Region that does not exist, and would serve every partition to
    one account. Source: AWS Fault Isolation Boundaries, "Partitions": credentials of one partition cannot be
    used in another.
    """
    if region not in _regions():
        raise AwsError(
            "InvalidSignatureException", f"Credential should be scoped to a valid Region, not {region!r}."
        )
    if partition_of(region) != partition:
        raise AwsError(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )


@functools.cache
def _regions() -> frozenset[str]:
    session = get_session()
    partitions = session.get_available_partitions()
    services = ("ec2", "iam")  # iam for pseudo-Regions such as aws-global
    return frozenset(
        region
        for service in services
        for partition in partitions
        for region in session.get_available_regions(service, partition, allow_non_regional=True)
    )


def _params(request: Request, asked: _Asked) -> dict[str, Any]:
    model = get_service_model(asked.service)
    protocol = determine_request_protocol(model, request.content_type)
    parser = PROTOCOL_PARSERS[protocol](asked.operation, map_type=dict)
    params: dict[str, Any] = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(),
            "url_path": request.path,
            "url_params": asked.labels,
        }
    )
    return params


def _raiser(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def _answer(request: Request, asked: _Asked, operation: Callable[[], Any]) -> Response:
    """Run an operation and return its result or error in the service's protocol."""
    protocol = determine_request_protocol(get_service_model(asked.service), request.content_type)
    try:
        result = operation() or {}
    except (AwsError, ServiceException) as error:
        result = error
    except Exception as error:  # as on AWS, an internal failure is a response, not a closed connection
        traceback.print_exc()
        result = AwsError("InternalFailure", f"the local cloud failed: {error!r}")
    response = _written(asked.service, protocol, asked.operation, result)
    if isinstance(result, NotPermitted):
        response.status_code = result.http_status
    return response


def _written(service: str, protocol: str, operation: OperationModel, result: Any) -> Response:
    """Return a result or an error in the service's protocol."""
    serializer = get_serializer_class(service, protocol)(operation)
    with (
        warnings.catch_warnings()
    ):  # moto warns about codes, such as ValidationError, that botocore does not model
        warnings.simplefilter("ignore")
        written = serializer.serialize(result)
    headers = Headers(written["headers"])
    headers.set("x-amzn-RequestId", f"{time.time_ns():032x}")
    return Response(written["body"], status=written["status_code"], headers=headers)
