"""EventBridge Scheduler: moto keeps the schedules, they fire here.

Schedules live by the clock's faster calendar (clock.ScaledClock.calendar), so that with time_scale 0.001 a
nightly schedule fires every 86 s. `LocalCloud.fire_schedule` (POST /_localcloud/schedules) fires one at once.
"""

from __future__ import annotations

import threading
from typing import Any

from localcloud.clients import Clients
from localcloud.cloud import Cloud
from localcloud.scheduler.targets import Targets
from localcloud.scheduler.ticker import Ticker


def install(cloud: Cloud) -> None:
    """Watch the schedules."""
    targets = Targets(cloud, Clients(cloud))
    ticker = Ticker(cloud, targets)

    def fire(value: dict[str, Any]) -> None:
        schedule = ticker.find(value["region"], value.get("group", "default"), value["name"])
        if schedule is None:
            raise ValueError(f"no schedule {value['name']} in {value['region']}")
        targets.fire(schedule, cloud.clock.calendar())

    cloud.control("POST", "schedules", fire)
    threading.Thread(target=ticker.run, daemon=True).start()
