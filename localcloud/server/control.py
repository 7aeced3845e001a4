"""The control interface of the local cloud: `/_localcloud/...`, JSON in and out.

Requests are signed with the user's own access key, for a service named "localcloud".

GET    /_localcloud/calls         the call log
GET    /_localcloud/processes     running functions and workers
POST   /_localcloud/faults        add a fault; DELETE removes all faults
POST   /_localcloud/images        {"uri": image URI, "directory": build context}
GET    /_localcloud/accounts      all accounts and their keys; POST creates one (services/accounts.py)
POST   /_localcloud/suspended-accounts  {"id": account, "suspended": true or false}
POST   /_localcloud/role-credentials    {"role": ARN, "region": ...}: environment of a process with the role
GET    /_localcloud/file-systems  {file system id: its present directory}
POST   /_localcloud/backup-durations  {"backup": unscaled seconds, ...}, for later jobs
POST   /_localcloud/file-systems  {"name", "directory", "region", "account"} -> {"id": ...}
POST   /_localcloud/writable-directory {"file_system": id}: its directory, a copy of the user's
POST   /_localcloud/restore-items {"most": number or null}: items that a restore job may have
POST   /_localcloud/schedules     {"name", "group", "region", "account"}: fires the schedule now
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request, Response

from localcloud.core.cloud import Cloud
from localcloud.core.faults import Fault

CONTROL_PATH = "/_localcloud/"


def install(cloud: Cloud) -> None:
    """Register the controls that belong to no other module."""

    def processes(_: dict[str, Any]) -> object:
        return [
            {"pid": child.pid, "kind": child.kind, "name": child.name} for child in cloud.processes.running()
        ]

    def image(value: dict[str, Any]) -> None:
        cloud.images[value["uri"]] = Path(value["directory"])

    cloud.control("GET", "calls", lambda _: [call.to_json() for call in cloud.call_log.all()])
    cloud.control("GET", "processes", processes)
    cloud.control("POST", "faults", lambda value: cloud.faults.add(Fault.from_json(value)))
    cloud.control("DELETE", "faults", lambda _: cloud.faults.clear())
    cloud.control("POST", "images", image)


class ControlApplication:
    """The WSGI application below CONTROL_PATH."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        handler = self.cloud.controls.get((request.method, request.path.removeprefix(CONTROL_PATH)))
        if handler is None:
            response = _json(
                {"error": f"the local cloud does not support {request.method} {request.path}"}, 404
            )
        else:
            try:
                response = _json(handler(json.loads(request.get_data() or b"{}")))
            except ValueError as error:
                response = _json({"error": str(error)}, 400)
        answer: Iterable[bytes] = response(environ, start_response)
        return answer


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value), status=status, content_type="application/json")
