"""Step Functions: state machines in JSONata, executed here.

moto has an interpreter too. This one stands in its place because what a local cloud is for hangs on what
moto's lacks: JSONata, redrive, time that can be scaled, tokens and heartbeats without races, aborts that
end at once, and a second less for every definition it parses.

A definition is checked when it is created, by rules that AWS documents and by one of our own: a variable
that nothing can have assigned is refused (`variables`). Sizes are limited while an execution runs (`limits`).

Left out: JSONPath definitions (refused when created), activities, versions and aliases, express workflows'
own API, Map's ItemReader, ItemBatcher and ResultWriter (refused when created;
distributed mode runs like inline mode).
"""

from __future__ import annotations

from localcloud.core.cloud import Cloud
from localcloud.core.role_clients import Clients
from localcloud.stepfunctions.api import StepFunctions
from localcloud.stepfunctions.integrations import Integrations
from localcloud.stepfunctions.scope import Runtime
from localcloud.stepfunctions.tokens import Tokens


def install(cloud: Cloud) -> None:
    """Answer Step Functions' operations."""
    runtime = Runtime(
        clock=cloud.clock,
        timeout_scale=cloud.timeout_scale,
        tokens=Tokens(),
        integrations=Integrations(Clients(cloud)),
    )
    api = StepFunctions(runtime)
    cloud.answer("stepfunctions", **api.operations())
    for operation in ("SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"):
        # The Service Authorization Reference names no resource; refusals of AWS's name the state machine.
        cloud.resource_finders["stepfunctions", operation] = lambda params, _: runtime.tokens.machine_of(
            str(params.get("taskToken"))
        )
    cloud.at_shutdown(api.close)
