"""ECS tasks and EC2 instances whose containers are real processes of this machine.

There is no container engine: an image is its build context, its Dockerfile says what to run, and where a file
system would be mounted, environment and arguments name the file system's directory instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.core.cloud import Cloud


def install(cloud: Cloud) -> None:
    """Answer ECS's operations on tasks, and let EC2's instances boot."""
    # Imported here, because the commands of instances import from this package too, and quickly.
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
