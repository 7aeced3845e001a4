"""EventBridge Scheduler: moto stores the schedules; this package fires them.

Schedules follow the clock's faster calendar (clock.ScaledClock.calendar): with time_scale 0.001, a nightly
schedule fires every 86 s. `LocalCloud.fire_schedule` (POST /_localcloud/schedules) fires one immediately.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from localcloud.core.cloud import Cloud
from localcloud.core.role_clients import Clients
from localcloud.core.schedule_expressions import BadExpression, check
from localcloud.scheduler.targets import Targets
from localcloud.scheduler.ticker import Ticker


def install(cloud: Cloud) -> None:
    """Start the ticker, and refuse invalid schedule expressions."""
    _refuse_bad_expressions()
    targets = Targets(cloud, Clients(cloud))
    ticker = Ticker(cloud, targets)

    def fire(value: dict[str, Any]) -> None:
        account = cloud.accounts.named(value.get("account", cloud.account_id))
        schedule = ticker.find(account.id, value["region"], value.get("group", "default"), value["name"])
        if schedule is None:
            raise ValueError(
                f"there is no schedule {value['name']} in {value['region']} of account {account.id}"
            )
        targets.fire(schedule, cloud.clock.calendar())

    cloud.control("POST", "schedules", fire)
    threading.Thread(target=ticker.run, daemon=True).start()


def _refuse_bad_expressions() -> None:
    """Let moto refuse, as AWS does, expressions that it would accept and that would never fire."""
    from moto.scheduler.exceptions import ValidationException
    from moto.scheduler.models import EventBridgeSchedulerBackend

    def checked(operation: Callable[..., Any]) -> Callable[..., Any]:
        if hasattr(operation, "__wrapped__"):  # patched by another local cloud in this process
            return operation

        @functools.wraps(operation)
        def call(self: Any, *arguments: Any, **fields: Any) -> Any:
            expression, zone = fields["schedule_expression"], fields["schedule_expression_timezone"]
            try:
                check(expression, zone or "UTC")
            except BadExpression as error:
                raise ValidationException(f"Invalid Schedule Expression {expression}. ({error})") from error
            return operation(self, *arguments, **fields)

        return call

    backend: Any = EventBridgeSchedulerBackend
    backend.create_schedule = checked(backend.create_schedule)
    backend.update_schedule = checked(backend.update_schedule)
