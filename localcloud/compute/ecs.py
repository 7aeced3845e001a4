"""RunTask, DescribeTasks, StopTask and ListTasks; moto handles clusters and task definitions."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ecs.models import ecs_backends

from localcloud.compute.task_runner import TaskRunner
from localcloud.compute.tasks import Container, StopRequest, Task
from localcloud.core.cloud import ApiCall, AwsError, Cloud
from localcloud.core.faults import InjectedFault, KillCaller
from localcloud.core.partitions import regional_arn

LONGEST = {"clientToken": 64, "startedBy": 128}
LONGEST_OVERRIDES = 8192
MOST_SUBNETS, MOST_SECURITY_GROUPS = 16, 5
MOST_TASKS = 10
MOST_DESCRIBED = 100
PLATFORM_VERSIONS = {"LATEST": "1.4.0", "1.4.0": "1.4.0", "1.3.0": "1.3.0"}
Answer = dict[str, Any]


class TaskOperations:
    """The tasks of all accounts and Regions.

    Fault: service="ecs", operation="TaskPlacement", action="fail" makes RunTask answer `failures` with
    `error_code` as the reason (RESOURCE:MEMORY, Capacity is unavailable at this time...) and no task. A fault
    on RunTask itself is an exception, as for every operation.
    """

    def __init__(self, cloud: Cloud, runner: TaskRunner) -> None:
        self.cloud, self.runner = cloud, runner
        self._tasks: dict[str, Task] = {}
        # (account, Region, token) -> request, tasks
        self._answers: dict[tuple[str, str, str], tuple[str, list[Task]]] = {}
        self._lock = threading.RLock()

    def run_task(self, call: ApiCall) -> Answer:
        """Place tasks; each runs in a thread."""
        params = call.params
        with self._lock:
            token, request = params.get("clientToken"), json.dumps(params, sort_keys=True)
            known = (call.account_id, call.region, token or "")
            if token and known in self._answers:
                earlier, tasks = self._answers[known]
                if earlier != request:
                    message = "The clientToken was used with other parameters"
                    raise AwsError("ConflictException", message, resourceIds=[t.arn for t in tasks])
                return {"tasks": [task.description(with_tags=True) for task in tasks], "failures": []}
            tasks = [self._task(call) for _ in range(self._checked_count(params))]
            try:
                self.cloud.faults.check("ecs", "TaskPlacement", call.region, request, call.principal)
            except (InjectedFault, KillCaller) as fault:
                reason = fault.code if isinstance(fault, InjectedFault) else "RESOURCE:ENI"
                detail = fault.message if isinstance(fault, InjectedFault) else None
                failure = {"arn": tasks[0].cluster_arn, "reason": reason, "detail": detail}
                return {"tasks": [], "failures": [{k: v for k, v in failure.items() if v}]}
            if token:
                self._answers[known] = (request, tasks)
            for task in tasks:
                self._tasks[task.arn] = task
                threading.Thread(target=self.runner.run, args=(task,), name=task.arn, daemon=True).start()
        return {"tasks": [task.description(with_tags=True) for task in tasks], "failures": []}

    def describe_tasks(self, call: ApiCall) -> Answer:
        """Return the current state of tasks; unknown ones become failures."""
        cluster, wanted = self._cluster(call), call.params["tasks"]
        if not 1 <= len(wanted) <= MOST_DESCRIBED:
            raise AwsError("InvalidParameterException", f"tasks must have 1 to {MOST_DESCRIBED} items")
        with_tags = "TAGS" in call.params.get("include", [])
        answer: Answer = {"tasks": [], "failures": []}
        for name in wanted:
            task = self._find(cluster.arn, name)
            if task:
                answer["tasks"].append(task.description(with_tags=with_tags))
            else:
                arn = name if name.startswith("arn:") else self._arn(call, cluster.name, name)
                answer["failures"].append({"arn": arn, "reason": "MISSING"})
        return answer

    def stop_task(self, call: ApiCall) -> Answer:
        """Stop a task; returns a stopped task unchanged."""
        task = self._find(self._cluster(call).arn, call.params["task"])
        if task is None:
            raise AwsError("InvalidParameterException", "The referenced task was not found.")
        with self._lock:
            if task.desired_status != "STOPPED":
                reason = call.params.get("reason") or "Task stopped by user"
                task.desired_status = "STOPPED"
                task.stop_request = StopRequest(code="UserInitiated", reason=reason)
                task.stop_requested.set()
        return {"task": task.description(with_tags=True)}

    def list_tasks(self, call: ApiCall) -> Answer:
        """Return the ARNs of the tasks of a cluster, by default the RUNNING ones."""
        cluster, params = self._cluster(call), call.params
        wanted = {
            "cluster_arn": cluster.arn,
            "desired_status": params.get("desiredStatus", "RUNNING"),
            "started_by": params.get("startedBy"),
            "launch_type": params.get("launchType"),
        }
        arns = [
            task.arn
            for task in self._tasks.values()
            if all(value is None or getattr(task, name) == value for name, value in wanted.items())
            and params.get("family") in (None, task.definition.family)
        ]
        start, size = int(params.get("nextToken") or 0), params.get("maxResults") or 100
        answer: Answer = {"taskArns": arns[start : start + size]}
        if start + size < len(arns):
            answer["nextToken"] = str(start + size)
        return answer

    def _task(self, call: ApiCall) -> Task:
        params, cluster = call.params, self._cluster(call)
        definition = self._definition(call)
        network = (params.get("networkConfiguration") or {}).get("awsvpcConfiguration")
        self._check(params, definition, network)
        subnets, groups = self._network(call, network)
        version = PLATFORM_VERSIONS.get(params.get("platformVersion", "LATEST"))
        if version is None:
            raise AwsError("PlatformUnknownException", "The specified platform version does not exist.")
        if version < "1.4.0" and any("efsVolumeConfiguration" in volume for volume in definition.volumes):
            raise AwsError(
                "PlatformTaskDefinitionIncompatibilityException",
                "One or more of the requested capabilities are not supported: EFS needs version 1.4.0",
            )
        arn = self._arn(call, cluster.name, uuid.uuid4().hex)
        zone = ec2_backends[call.account_id][call.region].get_subnet(subnets[0]).availability_zone
        return Task(
            arn=arn,
            cluster_arn=cluster.arn,
            definition=definition,
            region=call.region,
            group=params.get("group") or f"family:{definition.family}",
            launch_type="FARGATE",
            platform_version=version,
            started_by=params.get("startedBy"),
            subnets=subnets,
            security_groups=groups,
            public_address=(network or {}).get("assignPublicIp", "DISABLED") == "ENABLED",
            zone=zone,
            overrides=params.get("overrides") or {"containerOverrides": []},
            tags=params.get("tags") or [],
            created_at=self.cloud.clock.now(),
            containers=[
                Container(definition=one, arn=f"{arn.replace(':task/', ':container/')}/{uuid.uuid4()}")
                for one in definition.container_definitions
            ],
        )

    def _check(self, params: Mapping[str, Any], definition: Any, network: Mapping[str, Any] | None) -> None:
        problem = None
        names = {container["name"] for container in definition.container_definitions}
        overridden = [
            one.get("name") for one in (params.get("overrides") or {}).get("containerOverrides", [])
        ]
        strange = [str(name) for name in overridden if name not in names]
        if any(len(params.get(name) or "") > longest for name, longest in LONGEST.items()):
            problem = "clientToken has at most 64 characters, startedBy 128"
        elif len(json.dumps(params.get("overrides") or {})) > LONGEST_OVERRIDES:
            problem = f"Overrides length must be at most {LONGEST_OVERRIDES}"
        elif strange:
            problem = f"Override for container named {strange[0]} is not a container in the TaskDefinition."
        elif params.get("launchType", "FARGATE") != "FARGATE" or params.get("capacityProviderStrategy"):
            problem = "No Container Instances were found in your cluster."
        elif "FARGATE" not in (definition.requires_compatibilities or []):
            problem = "Task definition does not support launch_type FARGATE."
        elif network is None:
            problem = "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        if problem:
            raise AwsError("InvalidParameterException", problem)
        if definition.status != "ACTIVE":
            raise AwsError("ClientException", "TaskDefinition is inactive")

    def _network(self, call: ApiCall, network: Mapping[str, Any] | None) -> tuple[list[str], list[str]]:
        backend = ec2_backends[call.account_id][call.region]
        subnets = list((network or {}).get("subnets") or [])
        groups = list((network or {}).get("securityGroups") or [])
        if not 1 <= len(subnets) <= MOST_SUBNETS or len(groups) > MOST_SECURITY_GROUPS:
            raise AwsError(
                "InvalidParameterException", "subnets must have 1 to 16 items, securityGroups at most 5"
            )
        known = {subnet.id: subnet for subnet in backend.describe_subnets()}
        for subnet in subnets:
            if subnet not in known:
                raise AwsError(
                    "InvalidParameterException",
                    f"Error retrieving subnet information for [{subnet}]: The subnet ID does not exist",
                )
        vpcs = {known[subnet].vpc_id for subnet in subnets}
        for group in groups:
            found = backend.get_security_group_from_id(group)
            if found is None:
                raise AwsError(
                    "InvalidParameterException",
                    f"Error retrieving security group information for [{group}]: it does not exist",
                )
            vpcs.add(found.vpc_id)
        if len(vpcs) > 1:
            raise AwsError("InvalidParameterException", "Subnets and security groups must be in one VPC")
        if not groups:
            groups = [backend.get_default_security_group(vpcs.pop()).id]
        return subnets, groups

    def _checked_count(self, params: Mapping[str, Any]) -> int:
        count = params.get("count", 1)
        if not 1 <= count <= MOST_TASKS:
            raise AwsError("InvalidParameterException", f"count must be 1 to {MOST_TASKS}")
        return int(count)

    def _cluster(self, call: ApiCall) -> Any:
        name = call.params.get("cluster", "default").rsplit("/", 1)[-1]
        cluster = ecs_backends[call.account_id][call.region].clusters.get(name)
        if cluster is None:
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        return cluster

    def _definition(self, call: ApiCall) -> Any:
        name = call.params["taskDefinition"].rsplit("/", 1)[-1]
        family, _, revision = name.partition(":")
        revisions = ecs_backends[call.account_id][call.region].task_definitions.get(family, {})
        active = [number for number, one in revisions.items() if one.status == "ACTIVE"]
        wanted = int(revision) if revision.isdigit() else max(active, default=0)
        if wanted not in revisions:
            raise AwsError("ClientException", "TaskDefinition not found.")
        return revisions[wanted]

    def _find(self, cluster_arn: str, name: str) -> Task | None:
        task_id = name.rsplit("/", 1)[-1]
        found = (task for task in list(self._tasks.values()) if task.cluster_arn == cluster_arn)
        return next((task for task in found if task.id == task_id), None)

    @staticmethod
    def _arn(call: ApiCall, cluster: str, task_id: str) -> str:
        return regional_arn("ecs", call.region, call.account_id, f"task/{cluster}/{task_id}")
