"""Sites: an account and a Region in which Tidemark protects file systems.

The home site is that of the deployment. The others are in the SSM parameter that `sites_parameter` names;
each has a stack, which describes itself in the parameter `site_parameter` of its own account and Region.
Standard library only, like `policy.py`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

# What functions do in a site: back up and index, or restore. Each has its own stack and role there.
Kind = Literal["functions", "restores"]
HOME = "home"  # stands for the account of the deployment in `account` of a copy


ANY_ID = "fs-00000000"  # stands for the file systems of a site where a name is required


def sites_parameter(deployment: str) -> str:
    """Return the name of the SSM parameter that lists the other sites, in the home site."""
    return f"/{deployment}/sites"


def site_parameter(deployment: str, kind: Kind = "functions") -> str:
    """Return the name of the SSM parameter with the resources of a site, in that site."""
    return f"/{deployment}/site" + ("" if kind == "functions" else f"-{kind}")


def file_system_id_of(name: str) -> str:
    """Return the id in the name of a file system, such as `111111111111/eu-west-1/fs-0123456789abcdef0`."""
    return name.rpartition("/")[2]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One account and Region."""

    account: str  # id; empty for the account of the deployment, whose id is only known when it is deployed
    region: str
    vault: str  # the name of its vault
    name: str = ""  # of the account in tidemark.yaml; empty for the account of the deployment
    external_id: str = ""  # that the account requires; empty for the account of the deployment

    @property
    def is_foreign(self) -> bool:
        """Whether the site is in another account than the deployment."""
        return bool(self.name)

    @property
    def prefix(self) -> str:
        """What precedes the ids of its file systems in policies, with a slash at its end."""
        return f"{self.account}/{self.region}/" if self.is_foreign else f"{self.region}/"


def to_json(sites: Iterable[Site]) -> str:
    """Return the value of the SSM parameter that lists sites."""
    return json.dumps([_without_empty(dataclasses.asdict(site)) for site in sites], separators=(",", ":"))


def from_json(text: str) -> tuple[Site, ...]:
    """Return the sites that `to_json` wrote; ignores fields that a later version added."""
    known = {field.name for field in dataclasses.fields(Site)}
    return tuple(
        Site(**{"account": "", **{name: value for name, value in fields.items() if name in known}})
        for fields in json.loads(text)
    )


def _without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value != ""}
