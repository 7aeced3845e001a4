"""What changed: the differences between two backups as a tree, with the weight of each branch."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import render_template, request
from flask.typing import ResponseReturnValue

from tidemark.answers.alarms import alarms_between
from tidemark.answers.comparison import Branch, ChangeTree, change_tree
from tidemark.index.format.manifest import Manifest
from tidemark.index.storage.object_store import Store
from tidemark.web.commands import command_line, option
from tidemark.web.crumbs import crumbs_of
from tidemark.web.source import Source
from tidemark.web.state import READ, Route, state
from tidemark.web.streaming import streamed


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The tree below a directory, and the alarms if it is the whole file system."""

    tree: ChangeTree
    alarms: list[str]
    heaviest: int  # bytes of the heaviest branch, at least 1

    def share(self, part: int) -> float:
        """Return the length of a bar in percent of the longest one."""
        return 100 * part / self.heaviest


def page() -> ResponseReturnValue:
    """Show the differences between two indexes of a file system, by default the newest two."""
    source = state().source
    after = _after(source)
    before = _before(source, after)
    path = f"/{request.args.get('path', '/').strip('/')}"
    series = source.series(after)
    shown = {
        "after": after,
        "before": before,
        "path": path,
        "crumbs": crumbs_of(path),
        "series": list(reversed(series)),
        "file_systems": source.newest(),
    }
    if before is None:
        return render_template("changes.html", **shown)

    def compute(store: Store) -> Answer:
        tree = change_tree(store, before, after, path)
        alarms = alarms_between(store, series, before, after, tree.totals) if path == "/" else []
        heaviest = max((sum(_bytes(each)) for each in tree.branches), default=0)
        return Answer(tree=tree, alarms=alarms, heaviest=max(heaviest, 1))

    work = state().works.start(("changes", before.index_id, after.index_id, path), source.store, compute)
    command = command_line(
        "diff",
        before.index_id,
        after.index_id,
        options=option("--under", path if path != "/" else None),
        repository_url=source.repository_url,
    )
    query = {"from": before.index_id, "to": after.index_id}
    return streamed(
        "changes.html", **shown, steps=work.steps(), command=command, base=f"/changes?{urlencode(query)}"
    )


def _after(source: Source) -> Manifest:
    if wanted := request.args.get("to"):
        return source.index(wanted)
    return max(source.newest(request.args.get("file_system") or None), key=lambda each: each.crawl_started_at)


def _before(source: Source, after: Manifest) -> Manifest | None:
    """Return the index of the request, or the one before `after`; None if there is none."""
    if wanted := request.args.get("from"):
        return source.index(wanted)
    earlier = [each for each in source.series(after) if each.index_id < after.index_id]
    return earlier[-1] if earlier else None


def _bytes(branch: Branch) -> tuple[int, int]:
    return branch.below.bytes_added, branch.below.bytes_removed


LABEL = "What changed"
ROUTES: tuple[Route, ...] = (("/changes", "changes", page, READ),)
