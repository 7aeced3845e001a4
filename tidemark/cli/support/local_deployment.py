"""A local cloud with Tidemark deployed in it, from the same template that goes to AWS.

Shared by `demo` and `local up`: starts the local cloud, writes a tidemark.yaml for its file systems, runs
app.py to synthesize, and deploys the assembly. From then on this process reaches the local cloud as a user
reaches AWS: through the environment.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tidemark.answers.connection import Connection, connect
from tidemark.errors import ConfigurationError, LocalCloudError
from tidemark.scratch import scratch_directory
from tidemark.settings import enter_environment

if TYPE_CHECKING:
    from localcloud.client.local_cloud import FileSystem, LocalCloud

SOURCES = Path(__file__).resolve().parents[3]
REGION, COPY_REGION = "eu-central-1", "eu-west-1"
_PLACE_NAME = re.compile(r"[a-z][a-z0-9-]{0,24}")
# The policy names that the configuration accepts.
_POLICY_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDeployment:
    """A running local cloud with Tidemark in it."""

    cloud: LocalCloud
    connection: Connection
    configuration: Path  # the tidemark.yaml that was written
    file_systems: Mapping[str, FileSystem]  # by the last part of their names


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The account, Region and name of a file system to create."""

    name: str  # also of its policy
    region: str
    account: str  # its name; empty for the default account

    @classmethod
    def parse(cls, text: str) -> Place:
        """Return the place of `NAME`, `REGION/NAME` or `ACCOUNT/REGION/NAME`; raise ConfigurationError."""
        *before, name = text.split("/")
        account, region = ("", REGION) if not before else ("", before[0]) if len(before) == 1 else before[:2]
        if len(before) > 2 or not all(map(_PLACE_NAME.fullmatch, before)):
            raise ConfigurationError(
                f"{text!r} cannot name a file system; use a name such as home, or "
                f"production/eu-west-1/home to create it in an account and Region of its own"
            )
        return cls(name=name, region=region, account=account)

    @property
    def is_home(self) -> bool:
        """Whether it is the home site of the deployment."""
        return (self.account, self.region) == ("", REGION)

    @property
    def prefix(self) -> str:
        """What precedes the id in tidemark.yaml."""
        if self.account:
            return f"{self.account}/{self.region}/"
        return "" if self.is_home else f"{self.region}/"

    @property
    def account_id(self) -> str:
        """The id of its account, derived from its name; empty for the default account."""
        digest = int.from_bytes(hashlib.sha256(self.account.encode()).digest()[:8])
        return f"{10**11 + digest % (9 * 10**11)}" if self.account else ""


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

    The names are as in `Place.parse`; with other accounts, they and the default one form an organization.
    Raises ConfigurationError for an invalid name or directory, and LocalCloudError if the local cloud does
    not start or Tidemark cannot be deployed in it.
    """
    from localcloud.client.local_cloud import LocalCloud  # importing boto3 takes 0.2 s

    places = {text: Place.parse(text) for text in directories}
    for text, directory in directories.items():
        check(places[text].name, directory)
    if len({place.name for place in places.values()}) < len(places):
        raise ConfigurationError("two file systems have one name in different places; give each its own name")
    home = {place.name: directories[text] for text, place in places.items() if place.is_home}
    others = {text: place for text, place in places.items() if not place.is_home}
    if others and state is not None:
        raise ConfigurationError(
            "--state keeps file systems of the default account and Region only; remove it, or name no others"
        )
    with scratch_directory() as scratch:
        cloud_run = LocalCloud.start(
            file_systems=home,
            accounts={place.account: place.account_id for place in others.values() if place.account},
            time_scale=time_scale,
            state=state,
            region=REGION,
            port=port,
            writable=writable,
        )
        with translated_cloud_errors(), say("Starting the local cloud"):
            cloud = cloud_run.__enter__()
        try:
            file_systems = dict(cloud.file_systems)
            for text, place in others.items():
                file_systems[place.name] = cloud.create_file_system(
                    place.name,
                    directories[text],
                    region=place.region,
                    account=place.account_id or cloud.account_id,
                )
            if others:
                share = {"isCrossAccountBackupEnabled": "true"}
                cloud.client("backup").update_global_settings(GlobalSettings=share)
            ids = {text: file_systems[place.name].id for text, place in places.items()}
            written = scratch / "tidemark.yaml"
            written.write_text(configuration(ids, account=cloud.account_id if others else ""))
            with say("Synthesizing the CDK application"):
                synthesize(written, scratch / "cdk.out")
            with say("Deploying it"), translated_cloud_errors():
                cloud.deploy(scratch / "cdk.out")
            enter_environment(cloud.environment)
            yield LocalDeployment(
                cloud=cloud,
                connection=connect(),
                configuration=written,
                file_systems=file_systems,
            )
        finally:
            kept = "removing its copies" if state is None else f"keeping what is in {state}"
            with say(f"Stopping the local cloud, {kept}"):
                cloud_run.__exit__(None, None, None)


def configuration(file_systems: Mapping[str, str], *, account: str = "") -> str:
    """Return a tidemark.yaml with a policy for each name and file system id: indexed, with one copy.

    The names are as in `Place.parse`; `account` is the id of the default account, if there are others.
    """
    places = {text: Place.parse(text) for text in file_systems}
    lines = [
        "# Written for a local cloud; a deployment to AWS has its own, see the tidemark.yaml of the sources.",
        f"region: {REGION}",
        *_sites(list(places.values()), account),
        "vaults:",
        f"  {REGION}: tidemark",
        f"  {COPY_REGION}: tidemark-copies",
        "policies:",
    ]
    for text, file_system_id in file_systems.items():
        place = places[text]
        # Copies of other sites go to the deployment's account and Region.
        to = f"region: {COPY_REGION}" if place.is_home else f"region: {REGION}, account: home"
        lines += [
            f'  "{place.name}":',
            f"    file_systems: [{place.prefix}{file_system_id}]",
            "    keep: 35 days",
            f"    copies: [{{{to}, keep: 90 days}}]",
        ]
    return "\n".join(lines) + "\n"


def _sites(places: Sequence[Place], account: str) -> list[str]:
    """Return the lines about accounts and Regions."""
    own = sorted({place.region for place in places if not place.account and not place.is_home})
    lines = [f'account: "{account}"'] if account else []
    lines += [f"regions: [{', '.join(own)}]"] if own else []
    named = {place.account: place for place in places if place.account}
    lines += ["accounts:"] if named else []
    for name, one in named.items():
        regions = sorted({place.region for place in places if place.account == name})
        external_id = hashlib.sha256(f"external id of {name}".encode()).hexdigest()[:16]
        lines.append(
            f'  {name}: {{id: "{one.account_id}", regions: [{", ".join(regions)}], '
            f'external_id: "{external_id}"}}'
        )
    return lines


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
