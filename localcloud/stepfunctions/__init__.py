"""Step Functions: state machines in JSONata, executed here.

This interpreter replaces moto's, which lacks JSONata, redrive, scaled time, tokens and heartbeats without
races, and immediate aborts, and takes a second longer to parse a definition.

Definitions are validated on creation, by the rules that AWS documents and one additional rule: a variable
that no path can have assigned is refused (`variables`). Sizes are checked while an execution runs (`limits`).

Not supported: JSONPath definitions (refused when created), activities, versions and aliases, express
workflows' own API, Map's ItemReader, ItemBatcher and ResultWriter (refused when created; distributed mode
runs like inline mode).
"""

from __future__ import annotations

from localcloud.core.cloud import Cloud
from localcloud.core.role_clients import Clients
from localcloud.stepfunctions.api import StepFunctions
from localcloud.stepfunctions.integrations import Integrations
from localcloud.stepfunctions.scope import Runtime
from localcloud.stepfunctions.tokens import Tokens


def install(cloud: Cloud) -> None:
    """Register Step Functions' operations."""
    runtime = Runtime(
        clock=cloud.clock,
        timeout_scale=cloud.timeout_scale,
        tokens=Tokens(),
        integrations=Integrations(Clients(cloud)),
    )
    api = StepFunctions(runtime)
    cloud.answer("stepfunctions", **api.operations())
    for operation in ("SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"):
        # The Service Authorization Reference names no resource; AWS's error messages name the state machine.
        cloud.resource_finders["stepfunctions", operation] = lambda params, *_: runtime.tokens.machine_of(
            str(params.get("taskToken"))
        )
    cloud.at_shutdown(api.close)
