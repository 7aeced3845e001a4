"""tidemark access-points"""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

import typer
from rich.text import Text

from tidemark.answers.directory_names import (
    ACCESS_POINT_FIELDS,
    DirectoryNames,
    access_point_json,
    claim_of,
    name_of,
)
from tidemark.cli.output import terminal
from tidemark.escape import escape
from tidemark.policy.policy import id_of

HELP = f"""List the access points of file systems, with the names that commands accept.

Lists those of one file system, or of every file system that a policy names. search, ls, history, usage, diff
and restore accept each name in place of a path; the directory is that of the access point:

\b
  accesspoint:NAME[:/PATH]       by the Name tag, if it is unique
  accesspoint:fsap-ID[:/PATH]    by id, or as fs-ID::fsap-ID
  pvc:[NAMESPACE/]NAME[:/PATH]   by the claim of a Kubernetes volume

NAME ends at the first :/ and may contain spaces and slashes. Write a colon before a slash as \\x3a.
A path from the root begins with a slash, so /pvc:x is a directory that is called pvc:x.

pvc: needs the tags kubernetes.io/created-for/pvc/namespace and kubernetes.io/created-for/pvc/name on the
access point. The EFS CSI driver does not set them by default; add them, or give the handle of the volume:

\b
  kubectl get pv PV -o 'jsonpath={{.spec.csi.volumeHandle}}'
  tidemark ls accesspoint:fs-0123456789abcdef0::fsap-0123456789abcdef0

Deleted access points are not listed, but indexes still contain their directories: tidemark ls FILE-SYSTEM:/

JSON: access_points[], each with {ACCESS_POINT_FIELDS}.
"""


def access_points(
    file_system: Annotated[
        str | None, typer.Option("--file-system", metavar="ID", help="Only those of this file system.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    if file_system is not None:
        file_system = id_of(file_system)
    found = DirectoryNames().all_in(file_system)
    if as_json:
        terminal.print_json({"access_points": [access_point_json(point) for point in found]})
        return
    if not found:
        whose = file_system or "The file systems of the policies"
        has = "has" if file_system else "have"
        terminal.console(stderr=True).print(f"{whose} {has} no access points.")
        return
    show = terminal.line_printer()
    for file_system_id, group in groupby(found, key=lambda point: point.file_system_id):
        show(Text(file_system_id, terminal.STRONG))
        for point in group:
            root = terminal.printable(escape(point.root_directory.encode()))
            show(Text.assemble((f"{point.access_point_id:<22}", terminal.QUIET), f"  {root}"))
            names = [name_of(point) if point.name is not None else None, claim_of(point)]
            for name in names:
                if name is not None:
                    show(Text(f"    {terminal.printable(name)}"))
