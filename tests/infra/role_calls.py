"""The calls of each role, as `tidemark check` simulates them: `python -m tests.infra.role_calls`.

Derived from a recording of whole sessions. Names and ids of one deployment are replaced by placeholders, and
ids that AWS generates by examples.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.infra.recording import Recording, record
from tests.infra.service_requests import requests_of_services
from tests.infra.test_permissions import OF_EFS, OF_NO_CONSEQUENCE
from tidemark.answers.checks.role_calls import FILE, RoleCall, RoleCalls, recorded_calls

_HASH = re.compile(r"[0-9A-F]{8}$")
_STACKS = {"Tidemark-tidemark": "main", "Tidemark-tidemark-restore": "restore"}
# Resources outside of the deployment: keys of AWS, and the repository of the CDK's bootstrap stack.
_UNKNOWN = re.compile(r"key/0{8}-|repository/cdk-")
_OPTIONAL = {("main.SchedulesRole", "{deployment}-drill-run")}  # granted if a policy has drills on a schedule
# Examples of what AWS or a session names at run time, by a pattern of what was recorded.
_EXAMPLES = (
    (
        re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE),
        "0" * 8 + "-0000" * 3 + "-" + "0" * 12,
    ),
    (re.compile(r"\{file_system\}-\d{8}T\d{6}Z-[0-9a-f]{6}"), "{file_system}-20261122T020000Z-abcdef"),
    (re.compile(r"attempt-[0-9a-f]+/[^/]+\.(parquet|bin)$"), "attempt-0123456789abcdef/part-00000.parquet"),
    (re.compile(r"log-stream:.*"), "log-stream:example"),
    (re.compile(r"attempt-[0-9a-f]+/"), "attempt-0123456789abcdef/"),
    (re.compile(r"(instance/i|subnet/subnet|security-group/sg|fsap)-[0-9a-f]+"), r"\1-0123456789abcdef0"),
    (re.compile(r"(execution:[^:]+:).*"), r"\1example"),
    (re.compile(r"(task/[^/]+/)(?!new).*"), r"\1example"),
    (re.compile(r"(task-definition/[^:]+):\d+"), r"\1:1"),
    (re.compile(r"(plans/drill-)[^/]+$"), r"\1example"),
    (re.compile(r"(checkpoint|jobs|results|plans?|reports?|new|tests?)/(?!drill-)[^/]+$"), r"\1/example"),
    (re.compile(r"(tag-keys/)\d+\.json"), r"\g<1>1.json"),
    (re.compile(r"\d{8}T\d{6}Z-?[0-9a-z]*"), "20261122T020000Z-abcdef"),
)


def role_calls(recording: Recording) -> RoleCalls:
    """Return the calls of the recorded roles, with those that AWS's services make with them."""
    names = _names(recording)
    roles = roles_of(recording)
    found: dict[str, set[RoleCall]] = {}
    asked = [(one.role, one.action, one.resource, one.context) for one in recording.asked]
    asked += [
        (one.principal, one.action, one.resource, dict(one.context))
        for one in requests_of_services(recording)
        if one.principal in roles
    ]
    for role, action, resource, context in asked:
        general = _general(resource, names)
        if action in OF_NO_CONSEQUENCE | OF_EFS or _UNKNOWN.search(general):
            continue
        if (roles[role], general.rpartition(":")[2]) in _OPTIONAL:
            continue
        values = {key: _general(str(value), names) for key, value in context.items()}
        if "s3:prefix" in values:
            values["s3:prefix"] = f"{{prefix}}{values['s3:prefix']}"
        call = RoleCall(
            action=action,
            resource=general.replace("{bucket}/", "{bucket}/{prefix}"),
            context=tuple(sorted(values.items())),
        )
        found.setdefault(roles[role], set()).add(call)
    return RoleCalls({role: tuple(sorted(calls)) for role, calls in sorted(found.items())})


def _names(recording: Recording) -> list[tuple[re.Pattern[str], str]]:
    """Return placeholders by patterns, in the order in which they are replaced."""
    found = [(re.escape(f"role/{name}"), f"role/{{{key}}}") for name, key in _resources(recording, "Role")]
    found += [(re.escape(f"key/{name}"), f"key/{{{key}}}") for name, key in _resources(recording, "Key")]
    found += [
        ("fs-[0-9a-f]{8,40}", "{file_system}"),
        ("tidemark-repository-[0-9]+-[a-z0-9-]+", "{bucket}"),
        (recording.account, "{account}"),
        ("eu-west-1", "{copy_region}"),
        (recording.region, "{region}"),
        ("^arn:aws:", "arn:{partition}:"),
        ("backup-vault:tidemark$", "backup-vault:{vault}"),
        ("backup-vault:copies$", "backup-vault:{copy_vault}"),
        ("parameter/tidemark/policies/[^/]+", "parameter/{deployment}/policies/{policy}"),
        (r"(?<![a-z])tidemark(?=[-/])", "{deployment}"),
        ("^tidemark$", "{deployment}"),
    ]
    return [(re.compile(pattern), text) for pattern, text in found]


def _resources(recording: Recording, kind: str) -> Iterator[tuple[str, str]]:
    """Yield physical ids of a kind of resource, longest first, with `stack.LogicalId` without its hash."""
    found = []
    for stack, resources in recording.services["stack_resources"].items():
        for logical, physical in resources.items():
            name = _HASH.sub("", logical)
            if (kind == "Key" and not name.endswith("Key")) or "Profile" in name:
                continue
            found.append((physical, f"{_STACKS[stack]}.{_without_file_system(name)}"))
    return iter(sorted(found, key=lambda pair: -len(pair[0])))


def roles_of(recording: Recording) -> dict[str, str]:
    """Return the name of each role, by its ARN."""
    keys = dict(_resources(recording, "Role"))
    return {role: keys[role.rpartition("/")[2]] for role in recording.statements}


def _without_file_system(logical: str) -> str:
    return re.sub(r"(RolesTask|RolesInstance)[0-9a-f]{8,40}", r"\1", logical)


def _general(text: str, names: list[tuple[re.Pattern[str], str]]) -> str:
    for pattern, placeholder in (*names, *_EXAMPLES):
        text = pattern.sub(placeholder, text)
    return text


def main() -> None:
    """Record sessions, and write the file."""
    with tempfile.TemporaryDirectory() as scratch:
        found = role_calls(record(Path(scratch))).by_role
    if FILE.exists():  # calls that are not made in every recording
        known = recorded_calls().by_role
        found = {role: tuple(sorted({*calls, *known.get(role, ())})) for role, calls in found.items()}
    FILE.write_text(RoleCalls(found).to_json())
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
