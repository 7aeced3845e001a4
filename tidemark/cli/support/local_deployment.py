"""A local cloud with Tidemark deployed in it, from the same template that goes to AWS.

Shared by `demo` and `local up`: starts the local cloud, writes a tidemark.yaml for its file systems, runs
app.py to synthesize, and deploys the assembly. From then on this process reaches the local cloud as a user
reaches AWS: through the environment.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tidemark.answers.connection import Connection, connect
from tidemark.errors import ConfigurationError, LocalCloudError
from tidemark.scratch import scratch_directory
from tidemark.settings import enter_environment

if TYPE_CHECKING:
    from localcloud.client.local_cloud import LocalCloud

SOURCES = Path(__file__).resolve().parents[3]
REGION, COPY_REGION = "eu-central-1", "eu-west-1"
# The policy names that the configuration accepts.
_POLICY_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDeployment:
    """A running local cloud with Tidemark in it."""

    cloud: LocalCloud
    connection: Connection
    configuration: Path  # the tidemark.yaml that was written


# Shows a message while the `with` block runs.
ReportProgress = Callable[[str], AbstractContextManager[object]]


def no_progress(_: str) -> AbstractContextManager[object]:
    """Show nothing."""
    return nullcontext()


@contextmanager
def deploy_locally(
    directories: Mapping[str, Path],
    *,
    time_scale: float,
    port: int = 0,
    state: Path | None = None,
    writable: bool = False,
    say: ReportProgress = no_progress,
) -> Iterator[LocalDeployment]:
    """Run a local cloud with one file system and one policy for each name, until the block ends.

    Raises ConfigurationError for an invalid name or directory, and LocalCloudError if the local cloud does
    not start or Tidemark cannot be deployed in it.
    """
    from localcloud.client.local_cloud import LocalCloud  # importing boto3 takes 0.2 s

    for name, directory in directories.items():
        check(name, directory)
    with scratch_directory() as scratch:
        cloud_run = LocalCloud.start(
            file_systems=directories,
            time_scale=time_scale,
            state=state,
            region=REGION,
            port=port,
            writable=writable,
        )
        with translated_cloud_errors(), say("Starting the local cloud"):
            cloud = cloud_run.__enter__()
        try:
            written = scratch / "tidemark.yaml"
            written.write_text(configuration({name: one.id for name, one in cloud.file_systems.items()}))
            with say("Synthesizing the CDK application"):
                synthesize(written, scratch / "cdk.out")
            with say("Deploying it"), translated_cloud_errors():
                cloud.deploy(scratch / "cdk.out")
            enter_environment(cloud.environment)
            yield LocalDeployment(
                cloud=cloud,
                connection=connect(),
                configuration=written,
            )
        finally:
            kept = "removing its copies" if state is None else f"keeping what is in {state}"
            with say(f"Stopping the local cloud, {kept}"):
                cloud_run.__exit__(None, None, None)


def configuration(file_systems: Mapping[str, str]) -> str:
    """Return a tidemark.yaml with a policy for each name and file system id: one copy Region, indexed."""
    lines = [
        "# Written for a local cloud; a deployment to AWS has its own, see the tidemark.yaml of the sources.",
        f"region: {REGION}",
        "vaults:",
        f"  {REGION}: tidemark",
        f"  {COPY_REGION}: tidemark-copies",
        "policies:",
    ]
    for name, file_system_id in file_systems.items():
        lines += [
            f'  "{name}":',
            f"    file_systems: [{file_system_id}]",
            "    keep: 35 days",
            f"    copies: [{{region: {COPY_REGION}, keep: 90 days}}]",
        ]
    return "\n".join(lines) + "\n"


def synthesize(configuration_file: Path, assembly: Path) -> None:
    """Write the CDK assembly of a configuration, by running app.py as `cdk synth` does."""
    app = SOURCES / "app.py"
    if not app.is_file():
        raise LocalCloudError(
            f"the CDK application is not at {app}: run tidemark from a clone of its sources (README)"
        )
    result = subprocess.run(
        [sys.executable, str(app), "--config", str(configuration_file), "--output", str(assembly)],
        cwd=SOURCES,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        last = "\n".join(f"  {line}" for line in result.stderr.strip().splitlines()[-12:])
        raise LocalCloudError(f"the CDK application was not synthesized; output of {app}:\n{last}")


def check(name: str, directory: Path) -> None:
    """Return if `directory` and `name` are valid for a file system; otherwise raise ConfigurationError."""
    if not _POLICY_NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} cannot name a file system and its policy; use 1-30 of a-z, 0-9 and '-', such as home"
        )
    if not directory.is_dir():
        raise ConfigurationError(f"{directory} is not a directory; name one whose files can be read")
    if not os.access(directory, os.R_OK | os.X_OK):
        raise ConfigurationError(f"{directory} cannot be read by this user; name another directory")


@contextmanager
def translated_cloud_errors() -> Iterator[None]:
    """Raise errors of the local cloud as Tidemark's LocalCloudError."""
    from localcloud.core.errors import LocalCloudError as CloudError

    try:
        yield
    except CloudError as error:
        raise LocalCloudError(str(error)) from error
