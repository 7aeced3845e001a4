"""Browse: the directories of a file system as they were at any backup."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlencode

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tidemark.answers.listing import Sort, after_name, in_order_of, listing_of, size_of
from tidemark.answers.requests import InvalidRequest
from tidemark.errors import PathNotFound
from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import Manifest
from tidemark.index.query.refused_paths import refused
from tidemark.web.commands import command_line, option
from tidemark.web.crumbs import crumbs_of
from tidemark.web.source import Source
from tidemark.web.state import READ, Route, state

PAGE = 200  # entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry of the directory."""

    entry: Entry
    size: int  # of a directory, everything below it
    files: int | None  # below a directory
    share: float  # of the directory's bytes, in percent


def page() -> ResponseReturnValue:
    """Show a directory; in a request of the slider, only the part of the page that changes."""
    source = state().source
    index = _index(source)
    if index is None:
        return redirect("/find")
    path = f"/{request.args.get('path', '/').strip('/')}"
    try:
        sort = Sort(request.args.get("sort", Sort.NAME))
    except ValueError as error:
        raise InvalidRequest("sort by name, size or mtime", option="--sort") from error
    after = request.args.get("after")
    series = source.series(index)
    address = _address(index, path, sort)
    shown = {
        "index": index,
        "path": path,
        "sort": sort.value,
        "series": series,
        "number": next((n for n, each in enumerate(series) if each.index_id == index.index_id), 0),
        "crumbs": crumbs_of(path),
        "address": address,
        "file_systems": source.newest(),
        "command": command_line(
            "ls",
            f"{index.index_id}:{path}",
            options=[
                *(["--sort", sort.value] if sort is not Sort.NAME else []),
                *option("--after", after),
            ],
            repository_url=source.repository_url,
        ),
    }
    if source.connection is not None:
        backups = [each for each in source.index_points().of(index.identity) if each.kind == "backup"]
        shown["point"] = backups[-1].recovery_point_arn if backups else ""
    try:
        shown |= _listing(source, index, path, sort, after)
    except PathNotFound as error:  # the slider may lead to a time before the directory existed
        shown |= {"missing": str(error)}
    part = "HX-Request" in request.headers
    status = 404 if "missing" in shown and not part else 200
    response = make_response(render_template("browse_part.html" if part else "browse.html", **shown), status)
    if part:
        response.headers["HX-Replace-Url"] = address
    return response


def _index(source: Source) -> Manifest | None:
    """Return the index of the request: by its id, or by its place in the series of a file system."""
    wanted, file_system = request.args.get("index", ""), request.args.get("file_system", "")
    place = request.args.get("place", "")
    if wanted and not place:
        return source.index(wanted)
    series = source.series(source.index(wanted)) if wanted else source.indexes(file_system or None)
    if not wanted and not file_system:  # no file system was chosen yet
        series = source.series(max(series, key=lambda each: each.crawl_started_at))
    if place.isdecimal():
        return series[min(int(place), len(series) - 1)]
    return series[-1]


def _listing(source: Source, index: Manifest, path: str, sort: Sort, after: str | None) -> dict[str, object]:
    listing, totals = listing_of(source.store, index, path)
    entries = in_order_of(sort, listing, totals)
    if after is not None:
        entries = after_name(entries, sort, after)
    shown = list(islice(entries, PAGE))
    more = next(entries, None) is not None
    everything = _bytes_of(source, index, path)
    rows = []
    for entry in shown:
        size = size_of(entry, totals)
        below = totals.get(entry.name) if entry.type == "d" else None
        rows.append(
            Row(
                entry=entry,
                size=size,
                files=None if below is None else below.subtree_files,
                share=min(100 * size / everything, 100) if everything and entry.type in "df" else 0,
            )
        )
    return {
        "rows": rows,
        "next_address": f"{_address(index, path, sort)}&{urlencode({'after': shown[-1].name})}"
        if more
        else None,
        "after": after,
        "total": everything,
        "unreadable": refused(source.store, index, path),
    }


def _bytes_of(source: Source, index: Manifest, path: str) -> int:
    from tidemark.index.query.usage import directory_totals

    try:
        return directory_totals(source.store, index, path).subtree_bytes if index.parts else 0
    except PathNotFound:
        return 0


def _address(index: Manifest, path: str, sort: Sort) -> str:
    query = {"index": index.index_id, "path": path} | ({"sort": sort.value} if sort is not Sort.NAME else {})
    return f"/browse?{urlencode(query)}"


LABEL = "Browse"
ROUTES: tuple[Route, ...] = (("/browse", "browse", page, READ),)
