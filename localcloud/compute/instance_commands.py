"""The commands in the PATH of an instance's user data script.

Runs as `python instance_commands.py NAME ARGUMENT...` in the environment of the script. The directory
LOCALCLOUD_INSTANCE holds `instance.json` (see instances.py) and the state that the commands share:
    root/            the root of directories that the script creates with mkdir
    mounts.json      mount point -> directory
    mounting/        N.request and N.answer of each `mount`; the server answers (instances.py)
    containers/      N.log, N.json (where the log goes) and N.pid of each `docker run`
    shutdown         exists once the script has called `shutdown`
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

INSTANCE = Path(os.environ.get("LOCALCLOUD_INSTANCE", "/nonexistent"))
DOCKER_SWITCHES = {
    "--rm",
    "--read-only",
    "--init",
    "--privileged",
    "-i",
    "-t",
    "-it",
    "--interactive",
    "--tty",
}
DOCKER_VALUES = {
    "--env": "env",
    "-e": "env",
    "--volume": "volume",
    "-v": "volume",
    "--log-opt": "log-opt",
    "--log-driver": "log-driver",
    "--entrypoint": "entrypoint",
    **dict.fromkeys(
        ("--stop-timeout", "--name", "--network", "--user", "-u", "--memory", "--cpus", "--tmpfs"), ""
    ),
    **dict.fromkeys(("--ulimit", "--platform", "--pull", "--cap-drop", "--security-opt"), ""),
}
# Commands of the AWS CLI whose endpoint has a different name.
ENDPOINTS = {"stepfunctions": "states", "ecr": "ecr.api"}
METADATA = {"instance-id": "id", "placement/region": "region", "placement/availability-zone": "zone"}


def settings() -> dict[str, Any]:
    """Return the content of instance.json."""
    known: dict[str, Any] = json.loads((INSTANCE / "instance.json").read_text())
    return known


def fail(message: str, code: int = 1) -> NoReturn:
    """Exit with a message on standard error."""
    sys.stderr.write(message + "\n")
    sys.exit(code)


def nothing(_: list[str]) -> None:
    """systemctl, modprobe, ...: succeed without effect."""


def packages(arguments: list[str]) -> None:
    """dnf and yum: succeed without effect if S3, which serves Amazon Linux's packages, is reachable."""
    if _cut_off("s3"):
        fail(
            "Error: Failed to download metadata for repo 'amazonlinux': Curl error (28): Timeout was reached"
        )
    nothing(arguments)


def shutdown(_: list[str]) -> None:
    """Request the shutdown of the instance."""
    (INSTANCE / "shutdown").touch()


def mkdir(arguments: list[str]) -> None:
    """Create directories below the instance's own root."""
    for path in (argument for argument in arguments if not argument.startswith("-")):
        (INSTANCE / "root" / path.lstrip("/")).mkdir(parents=True, exist_ok=True)


def mount(arguments: list[str]) -> None:
    """`mount -t efs -o OPTIONS FILE-SYSTEM:/PATH DIRECTORY`: record the mount.

    Without the option `ro`, the program gets a directory that it may change.
    """
    places: list[str] = []
    words = iter(arguments)
    kind, options = "", set[str]()
    for word in words:
        if word in ("-t", "-o"):
            value = next(words)
            kind = value if word == "-t" else kind
            options |= set(value.split(",")) if word == "-o" else set()
        else:
            places.append(word)
    if kind != "efs" or len(places) != 2:  # source and mount point
        fail(f"mount: {' '.join(arguments)}: the local cloud supports only EFS mounts", 32)
    source, target = places
    if not (INSTANCE / "root" / target.lstrip("/")).is_dir():
        fail(f"mount: {target}: mount point does not exist.", 32)
    file_system, _, path = source.partition(":")
    found = _asked_of_server(file_system, options)
    if "error" in found:
        fail(found["error"])
    mounts = _mounts()
    mounts[target.rstrip("/")] = str(Path(found["directory"]) / path.lstrip("/"))
    (INSTANCE / "mounts.json").write_text(json.dumps(mounts))


def umount(arguments: list[str]) -> None:
    """Remove the record of a mount."""
    mounts = _mounts()
    mounts.pop(arguments[-1].rstrip("/"), None)
    (INSTANCE / "mounts.json").write_text(json.dumps(mounts))


def docker(arguments: list[str]) -> None:
    """`docker login | pull IMAGE | run [OPTIONS] IMAGE [COMMAND]`."""
    match arguments[:1]:
        case ["login"]:
            sys.stdin.read()
            _need("ecr.dkr", "Error response from daemon: Get https://registry/v2/: dial tcp: i/o timeout")
        case ["pull"]:
            for service in ("ecr.dkr", "s3"):  # S3 serves the layers
                _need(service, f"Error response from daemon: Get https://{service}/: dial tcp: i/o timeout")
            _context(arguments[-1])
        case ["run"]:
            docker_run(arguments[1:])
        case _:
            fail(f"docker: the local cloud does not support docker {' '.join(arguments)}", 125)


def docker_run(arguments: list[str]) -> None:
    """Run the container's process with its output in a file."""
    options: dict[str, list[str]] = {name: [] for name in DOCKER_VALUES.values()}
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        name, given, value = rest.pop(0).partition("=")
        if name in DOCKER_SWITCHES:
            continue
        if name not in DOCKER_VALUES:
            fail(f"unknown flag: {name}", 125)
        options[DOCKER_VALUES[name]].append(value if given else rest.pop(0))
    if not rest:
        fail('"docker run" requires at least 1 argument.', 125)
    image, command = rest[0], rest[1:]
    context = _context(image)
    sys.path.insert(0, settings()["python_path"])
    from localcloud.compute.containers import ContainerRun, Mount, host_command

    number = len(list((INSTANCE / "containers").glob("*.json"))) + 1
    scratch = INSTANCE / "containers" / f"{number}.scratch"
    scratch.mkdir()
    run = ContainerRun(
        context=Path(context),
        entry_point=options["entrypoint"] or None,
        command=command or None,
        environment=dict(_pairs(options["env"])),
        mounts=[
            Mount(container_path=volume.split(":")[1], directory=_on_instance(volume.split(":")[0]))
            for volume in options["volume"]
        ],
    )
    credentials = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    host = host_command(run, credentials, scratch)
    if "awslogs" in options["log-driver"]:
        _need(
            "logs",
            "docker: Error response from daemon: failed to initialize logging driver: i/o timeout",
            125,
        )
    log = {"driver": (options["log-driver"] or ["json-file"])[-1], **dict(_pairs(options["log-opt"]))}
    (INSTANCE / "containers" / f"{number}.json").write_text(json.dumps(log))
    with (INSTANCE / "containers" / f"{number}.log").open("ab") as output:
        process = subprocess.Popen(
            host.command, env=host.environment, cwd=scratch, stdout=output, stderr=output
        )
    (INSTANCE / "containers" / f"{number}.pid").write_text(str(process.pid))
    code = process.wait()
    sys.exit(code if code >= 0 else 128 - code)


def aws(arguments: list[str]) -> None:
    """`aws SERVICE OPERATION --parameter value ...`, converted by botocore's model."""
    service = ENDPOINTS.get(arguments[0], arguments[0])
    host = f"{service}.{settings()['domain']}"
    _need(service, f'Connect timeout on endpoint URL: "https://{host}/"', 255)
    if arguments[:2] == ["ecr", "get-login-password"]:
        sys.stdout.write("password\n")
        return
    import botocore.session
    from botocore import xform_name
    from botocore.exceptions import ClientError

    service, operation, options = arguments[0], arguments[1], _options(arguments[2:])
    query, output = options.pop("query", None), options.pop("output", "json")
    session = botocore.session.get_session()
    client = session.create_client(service, region_name=options.pop("region", None))
    names = {xform_name(name, "-"): name for name in client.meta.service_model.operation_names}
    if operation not in names:
        fail(f"aws: {service} has no operation {operation}", 252)
    shape = client.meta.service_model.operation_model(names[operation]).input_shape
    members = {
        xform_name(name, "-"): (name, member) for name, member in (shape.members if shape else {}).items()
    }
    params = {}
    for option, value in options.items():
        name, member = members[option]
        params[name] = value if member.type_name == "string" else json.loads(value)
    try:
        answer = getattr(client, xform_name(names[operation]))(**params)
    except ClientError as error:
        fail(str(error), 254)
    answer.pop("ResponseMetadata", None)
    if answer:
        _print(answer, query, output)


def _print(answer: Any, query: str | None, output: str) -> None:
    """Print an answer like the AWS CLI. Source: AWS CLI User Guide, "Filtering output", "Text format"."""
    import jmespath  # type: ignore[import-untyped]  # botocore requires it

    found = jmespath.search(query, answer) if query else answer
    if output == "json":
        sys.stdout.write(json.dumps(found, indent=4, default=str) + "\n")
    elif output == "text" and isinstance(found, list | str):
        sys.stdout.write("\t".join(map(str, [found] if isinstance(found, str) else found)) + "\n")
    else:
        fail("aws: the local cloud supports --output json, and text for a list of texts", 252)


def curl(arguments: list[str]) -> None:
    """Answer requests to the instance metadata service; no other host is reachable."""
    url = next((one for one in arguments if "://" in one), "")
    path = url.partition("169.254.169.254/latest/")[2].rstrip("/")
    if path == "api/token":
        sys.stdout.write("token")
    elif path.removeprefix("meta-data/") in METADATA:
        sys.stdout.write(str(settings()[METADATA[path.removeprefix("meta-data/")]]))
    else:
        fail(f"curl: (6) Could not resolve host: {url}", 6)


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    **dict.fromkeys(("systemctl", "service", "modprobe"), nothing),
    **dict.fromkeys(("dnf", "yum", "amazon-linux-extras"), packages),
    **dict.fromkeys(("shutdown", "poweroff", "halt"), shutdown),
    "mkdir": mkdir,
    "mount": mount,
    "umount": umount,
    "docker": docker,
    "aws": aws,
    "curl": curl,
}


def _cut_off(service: str) -> bool:
    """Return whether the instance's subnet has no route to a service."""
    return service in settings().get("cut_off", ())


def _need(service: str, message: str, code: int = 1) -> None:
    """Exit with the message unless the instance reaches a service."""
    if _cut_off(service):
        fail(message, code)


def _asked_of_server(file_system: str, options: set[str]) -> dict[str, str]:
    """Return {"directory": ...} or {"error": ...} for a mount."""
    directory = INSTANCE / "mounting"
    directory.mkdir(exist_ok=True)
    number = len(list(directory.glob("*.request"))) + 1
    request, answer = directory / f"{number}.request", directory / f"{number}.answer"
    partial = directory / f"{number}.partial"
    asked = {"file_system": file_system, "read_only": "ro" in options, "iam": "iam" in options}
    partial.write_text(json.dumps(asked))
    partial.replace(request)
    while not answer.exists():  # the server ends this process if it stops before it answers
        time.sleep(0.02)
    found: dict[str, str] = json.loads(answer.read_text())
    return found


def _mounts() -> dict[str, str]:
    path = INSTANCE / "mounts.json"
    mounts: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return mounts


def _on_instance(path: str) -> Path:
    """Return the directory on this machine for a path of the instance."""
    for target, directory in _mounts().items():
        if path == target or path.startswith(target + "/"):
            return Path(directory + path[len(target) :])
    return INSTANCE / "root" / path.lstrip("/")


def _context(image: str) -> str:
    context = settings()["images"].get(image)
    if context is None:
        fail(f"Error response from daemon: manifest for {image} not found: manifest unknown")
    return str(context)


def _pairs(values: list[str]) -> Iterator[tuple[str, str]]:
    for value in values:
        name, _, rest = value.partition("=")
        yield name, rest


def _options(arguments: list[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        name, given, value = rest.pop(0).removeprefix("--").partition("=")
        options[name] = value if given else rest.pop(0)
    return options


if __name__ == "__main__":
    COMMANDS[sys.argv[1]](sys.argv[2:])
