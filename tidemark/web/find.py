"""Find: one box for a part of a name; results appear while the search continues."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from flask import Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from tidemark.answers.conditions import filters, pattern_of
from tidemark.answers.directory_names import DirectoryNames
from tidemark.answers.finding import Found, Question, check_under, find, find_in_all
from tidemark.answers.requests import InvalidRequest
from tidemark.answers.text import json_time, visible
from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import Manifest
from tidemark.index.storage.object_store import Store
from tidemark.policy.policy import check_file_system_id
from tidemark.web.commands import command_line, option
from tidemark.web.searches import Batch, Search
from tidemark.web.source import Source
from tidemark.web.state import READ, Route, state
from tidemark.web.streaming import joined, streamed

PAGE = 100  # results in a page, or in one more part of it
_FIRST_SECONDS = 0.15  # for the first results after a key was typed, before the page shows that it searches
_MORE_SECONDS = 1.0
_STREAMED_SECONDS = 120.0  # for the results of a page that is opened by its address
_STREAM_STEP = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields of the page as the user filled them in."""

    q: str = ""
    case: bool = False  # whether case matters
    every: bool = False  # whether all backups are searched
    file_system: str = ""
    under: str = ""
    ext: str = ""
    type: str = ""
    larger: str = ""
    smaller: str = ""
    newer: str = ""
    older: str = ""
    owner: str = ""

    @classmethod
    def of(cls, given: MultiDict[str, str]) -> Form:
        """Return the fields of a request."""
        texts = {
            name: given.get(name, "").strip()
            for name in cls.__dataclass_fields__
            if name not in ("q", "under", "case", "every")
        }
        # Names may begin and end with spaces.
        names = {name: given.get(name, "") for name in ("q", "under")}
        return cls(case="case" in given, every="every" in given, **names, **texts)

    @property
    def filtered(self) -> bool:
        """Whether any condition but the name is given."""
        return any((self.file_system, self.under, self.conditions))

    @property
    def conditions(self) -> bool:
        """Whether conditions select without a name."""
        return any((self.ext, self.type, self.larger, self.smaller, self.newer, self.older, self.owner))

    @property
    def asks(self) -> bool:
        """Whether there is something to search for."""
        return bool(self.q.strip()) or self.conditions or bool(self.under)

    @property
    def arguments(self) -> dict[str, str]:
        """The query of the page's address."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: "1" if value is True else str(value) for name, value in fields.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A search, ready to start."""

    question: Question
    manifests: list[Manifest]
    every: bool

    def __call__(self, store: Store) -> Iterator[Found]:
        """Return the results."""
        search = find_in_all if self.every else find
        found = search(store, self.manifests, self.question)
        first = next(found, None)
        if first is None:
            check_under(store, self.manifests, self.question.filters.under)
            return iter(())
        return chain([first], found)


def page() -> ResponseReturnValue:
    """Show the box, and the results of the address."""
    form, source = Form.of(request.args), state().source
    if not form.asks:
        return render_template("find.html", **_shown(form), indexes=source.newest())
    plan = _plan(form, source)  # raises the errors of the fields before the page begins
    search = state().searches.start(source.store, plan)
    return streamed("find.html", **_shown(form), search=search, batches=_batches(search))


def results() -> ResponseReturnValue:
    """Return the first results, and stop the search that they replace."""
    form, source = Form.of(request.args), state().source
    if previous := request.args.get("previous"):
        state().searches.stop(previous)
    address = {"HX-Replace-Url": _address("/find", form)}
    if not form.asks:
        shown = render_template("find_start.html", **_shown(form), indexes=source.newest())
        return make_response(shown, address)
    search = state().searches.start(source.store, _plan(form, source))
    batch = search.take(PAGE, _FIRST_SECONDS)
    shown = render_template("find_results.html", **_shown(form), search=search, batches=[(batch, True)])
    return make_response(shown, address)


def more() -> ResponseReturnValue:
    """Return the next results of a search that continues."""
    form = Form.of(request.args)
    search = state().searches.get(request.args.get("search", ""))
    if search is None:
        return render_template("find_gone.html", form=form, address=_address("/find", form))
    batch = search.take(PAGE, _MORE_SECONDS)
    return render_template("find_more.html", **_shown(form), search=search, batch=batch)


def as_csv() -> ResponseReturnValue:
    """Return all results as a file for spreadsheets."""
    form, source = Form.of(request.args), state().source
    if not form.asks:
        raise InvalidRequest("there is nothing to search for; type a part of a name")
    plan = _plan(form, source)
    return Response(
        joined(_csv_lines(plan(source.store))),
        mimetype="text/csv",
        headers={"Content-Disposition": 'attachment; filename="tidemark-found.csv"'},
    )


def _plan(form: Form, source: Source) -> _Plan:
    """Return the search of a form. Raises InvalidRequest, PathNotFound and IndexNotFound."""
    if form.file_system:
        check_file_system_id(form.file_system)
    name, typed_directory = _name_and_directory(form.q)
    directory = None
    file_system = form.file_system or None
    if under := typed_directory or form.under:
        directory = DirectoryNames(source.repository_url).resolve(under, file_system)
        if directory.access_point is not None:
            file_system = directory.access_point.file_system_id
    conditions = filters(
        now=source.now(),
        ext=form.ext or None,
        types=form.type or None,
        sizes=[
            f"{sign}{text.lstrip('+-')}" for sign, text in (("+", form.larger), ("-", form.smaller)) if text
        ],
        newer=form.newer or None,
        older=form.older or None,
        owner=form.owner or None,
    )
    if directory is not None:
        conditions = replace(conditions, under=directory.path)
    return _Plan(
        question=Question(
            pattern=pattern_of(name, regex=False), ignore_case=not form.case, filters=conditions
        ),
        manifests=source.indexes(file_system) if form.every else source.newest(file_system),
        every=form.every,
    )


def _name_and_directory(typed: str) -> tuple[str, str | None]:
    """Return the name and the directory of `/home/ada/thes`, which selects names below a directory."""
    directory, slash, name = typed.strip().rpartition("/")
    if not slash:
        return typed.strip(), None
    return name, directory or "/"


def _batches(search: Search) -> Iterator[tuple[Batch, bool]]:
    """Yield the first results of a page as they are found, each with whether it is the last part.

    The first part is empty, so that the page begins before the search does. Further empty parts are sent
    while nothing is found: this detects that the browser has left.
    """
    left, waited = PAGE, 0.0
    finished = False
    try:
        yield Batch(found=[], ended=False), False
        while not finished:
            batch = search.take(left, _STREAM_STEP)
            left -= len(batch.found)
            waited += 0 if batch.found else _STREAM_STEP
            finished = batch.ended or left == 0 or waited >= _STREAMED_SECONDS
            yield batch, finished
    finally:
        if not finished:
            search.stop()


def _shown(form: Form) -> dict[str, Any]:
    source = state().source
    name, _ = _name_and_directory(form.q)
    return {
        "form": form,
        "needle": name,
        "command": _command(form, source),
        "file_systems": source.file_systems(),
        "newest": {each.identity.file_system_id: each.index_id for each in source.known().indexes},
        "csv_address": _address("/find.csv", form),
        "every_address": _address("/find", replace(form, every=True)),
        "more_address": _address("/find/more", form),
    }


def _command(form: Form, source: Source) -> str | None:
    if not form.asks:
        return None
    name, directory = _name_and_directory(form.q)
    options = [
        *option("--file-system", form.file_system),
        *option("--under", directory or form.under),
        *option("--ext", form.ext),
        *option("--type", form.type),
        *option("--size", f"+{form.larger.lstrip('+-')}" if form.larger else None),
        *option("--size", f"-{form.smaller.lstrip('+-')}" if form.smaller else None),
        *option("--newer", form.newer),
        *option("--older", form.older),
        *option("--owner", form.owner),
        *(["--all"] if form.every else []),
        *([] if form.case or not name else ["--ignore-case"]),
    ]
    names = [name] if name else []
    return command_line("search", *names, options=options, repository_url=source.repository_url)


def _address(path: str, form: Form) -> str:
    return f"{path}?{urlencode(form.arguments)}"


def _csv_lines(found: Iterator[Found]) -> Iterator[str]:
    yield _csv_line(
        [
            "file_system",
            "path",
            "type",
            "size_bytes",
            "modified_at",
            "uid",
            "gid",
            "first_index",
            "last_index",
        ]
    )
    for each in found:
        entry = each.entry
        yield _csv_line(
            [
                each.manifest.identity.file_system_id,
                visible(entry.path),
                entry.type,
                str(entry.size),
                json_time(entry.mtime) or "",
                str(entry.uid),
                str(entry.gid),
                each.held_by[0].index_id,
                each.manifest.index_id,
            ]
        )


def _csv_line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([_no_formula(cell) for cell in cells])
    return line.getvalue()


def _no_formula(cell: str) -> str:
    """Return a cell that spreadsheets read as text: those characters would begin a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def parts_of(name: str, needle: str) -> tuple[str, str, str]:
    """Return a shown name before, in and after the part that matches; the parts are empty without one."""
    at = name.lower().find(needle.lower()) if needle and name.isascii() else -1
    return (name, "", "") if at < 0 else (name[:at], name[at : at + len(needle)], name[at + len(needle) :])


def kind_of(entry: Entry) -> str:
    """Return the type of an entry in a word."""
    names = {
        "f": "file",
        "d": "directory",
        "l": "link",
        "p": "FIFO",
        "s": "socket",
        "c": "device",
        "b": "device",
    }
    return names.get(entry.type, entry.type)


LABEL = "Find"
ROUTES: tuple[Route, ...] = (
    ("/find", "find", page, READ),
    ("/find/results", "find_results", results, READ),
    ("/find/more", "find_more", more, READ),
    ("/find.csv", "find_csv", as_csv, READ),
)
