"""Puts tasks and instances that really run into the local cloud."""

from __future__ import annotations

from localcloud.clients import Clients
from localcloud.cloud import Cloud


def install(cloud: Cloud) -> None:
    """Answer ECS's operations on tasks, and let EC2's instances boot."""
    from localcloud.compute.ecs import TaskOperations
    from localcloud.compute.instances import Machines
    from localcloud.compute.task_definitions import install_checks
    from localcloud.compute.task_runner import TaskRunner

    clients = Clients(cloud)
    tasks = TaskOperations(cloud, TaskRunner(cloud, clients))
    cloud.answer(
        "ecs",
        RunTask=tasks.run_task,
        DescribeTasks=tasks.describe_tasks,
        StopTask=tasks.stop_task,
        ListTasks=tasks.list_tasks,
    )
    install_checks()
    Machines(cloud, clients).install()
