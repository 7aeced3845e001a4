"""ECS tasks and EC2 instances whose containers are real processes of this machine.

There is no container engine. An image is its build context, and its Dockerfile defines what to run. In
environment and arguments, mount points are replaced by the directory of the file system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.core.cloud import Cloud


def install(cloud: Cloud) -> None:
    """Register ECS's operations on tasks, and boot EC2 instances."""
    # Imported here: the commands of instances import from this package too and must start quickly.
    from localcloud.compute.ecs import TaskOperations
    from localcloud.compute.instances import Machines
    from localcloud.compute.task_definitions import install_checks
    from localcloud.compute.task_runner import TaskRunner
    from localcloud.core.role_clients import Clients
    from localcloud.services.event_bridge import EventBus

    clients = Clients(cloud)
    events = EventBus(cloud, clients)
    tasks = TaskOperations(cloud, TaskRunner(cloud, clients, events))
    cloud.answer(
        "ecs",
        RunTask=tasks.run_task,
        DescribeTasks=tasks.describe_tasks,
        StopTask=tasks.stop_task,
        ListTasks=tasks.list_tasks,
    )
    install_checks()
    Machines(cloud, clients, events).install()
