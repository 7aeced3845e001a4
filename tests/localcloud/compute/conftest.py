"""A cluster, a role and an image whose program prints its environment and then follows its orders."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from localcloud import LocalCloud

PROGRAM = """
import json, os, signal, sys, time
print("started", flush=True)
order = os.environ.get("ORDER", "report")
if order == "report":
    import botocore.session
    sts = botocore.session.get_session().create_client("sts")
    print(json.dumps({
        "environment": dict(os.environ),
        "arguments": sys.argv[1:],
        "listing": sorted(os.listdir(os.environ["ROOT"])),
        "caller": sts.get_caller_identity()["Arn"],
    }), flush=True)
if order == "write":
    with open(os.path.join(os.environ["ROOT"], "written"), "w") as file:
        file.write("by the program")
if order == "obey":
    signal.signal(signal.SIGTERM, lambda *_: (print("stopping", flush=True), sys.exit(7)))
if order == "ignore":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if order == "puts":
    import botocore.session
    s3 = botocore.session.get_session().create_client("s3")
    for number in range(100):
        s3.put_object(Bucket=os.environ["BUCKET"], Key=f"{number}", Body=b"")
if order in ("obey", "ignore", "wait"):
    time.sleep(600)
sys.exit(int(os.environ.get("EXIT", "0")))
"""
DOCKERFILE = """
FROM python:3.13-slim
WORKDIR /opt/program
COPY program program
ENV FROM_IMAGE=1 \\
    TWO="two words"
ENTRYPOINT ["python", "-m", "program.main"]
CMD ["--default"]
"""
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/assets:program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What tasks and instances of these tests are made with."""

    cloud: LocalCloud
    role_arn: str
    role_name: str
    profile_arn: str
    subnet: str
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Return a boto3 client; making one takes longer than a call."""
        if service not in self._clients:
            self._clients[service] = self.cloud.client(service)
        return self._clients[service]

    @property
    def file_system(self) -> str:
        return self.cloud.file_systems["home"].id


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A cloud of its own: these tests set faults, and their tasks need not last."""
    with open_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@contextmanager
def open_site(directory: Path) -> Iterator[Site]:
    """Run a local cloud with all that a task or an instance needs."""
    home = directory / "home"
    home.mkdir()
    with LocalCloud.start(file_systems={"home": home}, time_scale=0.002, region="eu-central-1") as cloud:
        yield furnished(cloud, directory / "image")


def furnished(cloud: LocalCloud, context: Path) -> Site:
    (context / "program").mkdir(parents=True)
    (context / "program" / "__init__.py").touch()
    (context / "program" / "main.py").write_text(PROGRAM)
    (context / "Dockerfile").write_text(DOCKERFILE)
    cloud._control.ask("POST", "images", {"uri": IMAGE, "directory": str(context)})
    (cloud.file_systems["home"].directory / "hello.txt").write_text("hello")
    iam = cloud.client("iam")
    services = ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"]
    statement = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName="program-role", AssumeRolePolicyDocument=trust)["Role"]
    profile = iam.create_instance_profile(InstanceProfileName="program-profile")["InstanceProfile"]
    iam.add_role_to_instance_profile(InstanceProfileName="program-profile", RoleName="program-role")
    cloud.client("logs").create_log_group(logGroupName="/program")
    cloud.client("ecs").create_cluster(clusterName="main")
    targets = cloud.client("efs").describe_mount_targets(FileSystemId=cloud.file_systems["home"].id)
    return Site(
        cloud=cloud,
        role_arn=role["Arn"],
        role_name="program-role",
        profile_arn=profile["Arn"],
        subnet=targets["MountTargets"][0]["SubnetId"],
    )


def wait_for(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """Return the first true answer; fails after `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"still not after {seconds} s")
