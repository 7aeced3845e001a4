"""Restore: the basket, its plan with time and cost, the question, and the progress."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Literal, cast, get_args
from urllib.parse import urlencode

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from tidemark.answers.directory_names import DirectoryNames
from tidemark.answers.requests import InvalidRequest
from tidemark.answers.restore_facts import plan_facts
from tidemark.answers.restore_planning import (
    ITEMS_PER_JOB,
    Wish,
    checked_paths,
    conflict_policy,
    destination_of,
    held_points,
    new_file_system_wish,
    plan_restore,
    restore_execution,
    start_restore,
)
from tidemark.answers.restore_progress import restore_steps, restore_view
from tidemark.answers.restore_results import HEADINGS, restore_results
from tidemark.answers.text import quoted, visible
from tidemark.aws import executions
from tidemark.aws.new_file_systems import PARTS
from tidemark.errors import RestoreNotFound
from tidemark.escape import unescape
from tidemark.policy.policy import check_file_system_id
from tidemark.restore.plan import Destination, OnConflict, Plan
from tidemark.sessions.naming import is_session_id
from tidemark.sessions.restores import restores_since
from tidemark.web.basket import Group
from tidemark.web.commands import command_line, option
from tidemark.web.state import READ, Route, deployment, state
from tidemark.web.streaming import streamed

_IN_ADDRESS = 100  # paths of a plan that are in its address; others are only in the basket
_SHOWN = 10  # restore sessions
_WRITE = ("POST",)
_A_YEAR = timedelta(days=366)
Kind = Literal["in-place", "directory", "new-file-system"]
KINDS = get_args(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A plan, and what was not considered."""

    plan: Plan
    facts: list[tuple[str, str]]
    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a plan restores to, as the form describes it."""

    kind: Kind
    to: str = ""  # as typed; only for a directory
    on_conflict: OnConflict = "fail"
    without: tuple[str, ...] = ()  # settings that the new file system does not get
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()

    def wish(self, paths: list[str], group: Group) -> Wish:
        """Return what to plan for these paths; raise InvalidRequest."""
        destination, new = Destination(kind="new-file-system"), None
        if self.kind == "new-file-system":
            new = new_file_system_wish(self.without, self.subnets, self.security_groups)
        else:
            directory = DirectoryNames().resolve(self.to, group.file_system_id) if self.to else None
            destination = destination_of(None if directory is None else directory.path)
        return Wish(
            paths=paths,
            destination=destination,
            # A new file system has only its root, which gets the restored attributes.
            on_conflict=self.on_conflict if new is None else "replace",
            new_file_system=new,
            items_per_job=ITEMS_PER_JOB,
            point=group.point or None,
            at=None,
        )

    def options(self) -> list[str]:
        """Return the options of the command that makes the same plan."""
        if self.kind != "new-file-system":
            conflict = self.on_conflict if self.on_conflict != "fail" else None
            return [*option("--to", self.to), *option("--on-conflict", conflict)]
        return [
            "--new-file-system",
            *(word for part in self.without for word in option("--without", part)),
            *(word for subnet in self.subnets for word in option("--subnet", subnet)),
            *(word for group in self.security_groups for word in option("--security-group", group)),
        ]


def _target(given: MultiDict[str, str]) -> Target:
    """Return the target of a form; raise InvalidRequest."""
    to, where = given.get("to", "").strip(), given.get("where", "")
    kind = cast(Kind, where) if where in KINDS else "directory" if to else "in-place"
    if kind == "directory" and not to:
        raise InvalidRequest("name the directory to restore below, such as /restored")
    if kind == "new-file-system":
        return Target(
            kind=kind,
            without=tuple(given.getlist("without")),
            subnets=tuple(given.get("subnets", "").replace(",", " ").split()),
            security_groups=tuple(given.get("security_groups", "").replace(",", " ").split()),
        )
    return Target(
        kind=kind,
        to=to if kind == "directory" else "",
        on_conflict=conflict_policy(given.get("on_conflict", "fail")),
    )


def page() -> ResponseReturnValue:
    """Show the basket and the recent restore sessions."""
    connection, source = deployment(), state().source
    now = source.now()
    groups = [(group, paths, _plan_address(group, paths)) for group, paths in state().basket.groups()]
    return render_template(
        "restore.html",
        groups=groups,
        restores=list(islice(restores_since(connection.records, now - _A_YEAR, now), _SHOWN)),
        command=command_line("restores", repository_url=None),
    )


def add() -> ResponseReturnValue:
    """Put the chosen paths into the basket."""
    basket = state().basket
    point = request.form.get("point", "")
    for item in request.form.getlist("item"):
        file_system_id, _, path = item.partition(":")
        check_file_system_id(file_system_id)
        basket.add(Group(file_system_id, point), checked_paths([unescape(path)]))
    if "HX-Request" in request.headers:
        return render_template("basket_link.html")
    return redirect("/restore", 303)


def remove() -> ResponseReturnValue:
    """Take a path, or all paths of a group, out of the basket."""
    group = Group(request.form.get("file_system", ""), request.form.get("point", ""))
    state().basket.remove(group, request.form.get("path"))
    return redirect("/restore", 303)


def plan() -> ResponseReturnValue:
    """Show the plan of a group of the basket, or of the paths in the address."""
    connection, source, basket = deployment(), state().source, state().basket
    given = request.args
    group = Group(check_file_system_id(given.get("file_system", "")), given.get("point", ""))
    listed = checked_paths(unescape(path) for path in given.getlist("path"))
    paths = listed or basket.paths_of(group)
    if not paths:
        raise InvalidRequest("the basket holds no path of this file system; choose files on another page")
    target = _target(given)
    now = source.now()
    wish = target.wish(paths, group)

    def compute(_store: object) -> Answer:
        held = held_points(connection, group.file_system_id, now, skip_index=lambda _error: None)
        made = plan_restore(connection, group.file_system_id, held, wish, now)
        basket.keep_plan(made)
        warnings = [f"{held.without_index} recovery points without an index are not considered."]
        return Answer(
            plan=made,
            facts=list(plan_facts(made)) if made.points else [],
            warnings=[
                *(warnings if held.without_index else []),
                *(str(vault.error) for vault in held.unlisted),
            ],
        )

    # Not shared between requests: a plan is of the moment.
    work = state().works.start(("plan", now, group, target), source.store, compute)
    return streamed(
        "plan.html",
        group=group,
        paths=paths,
        listed=bool(listed),
        target=target,
        parts=PARTS,
        steps=work.steps(),
        command=command_line(
            "restore",
            *paths[:_IN_ADDRESS],
            options=[
                *option("--file-system", group.file_system_id),
                *option("--point", group.point),
                *target.options(),
            ],
            repository_url=None,
        )
        if len(paths) <= _IN_ADDRESS
        else None,
    )


def confirm() -> ResponseReturnValue:
    """Ask before anything is written to the file system."""
    deployment()
    shown = state().basket.plan(request.args.get("plan", ""))
    if shown is None:
        return _gone()
    return render_template("confirm.html", plan=shown, facts=list(plan_facts(shown)))


def start() -> ResponseReturnValue:
    """Start the restore session of a plan that was shown and confirmed."""
    connection, basket = deployment(), state().basket
    chosen = basket.take_plan(request.form.get("plan", ""))
    if chosen is None:
        return _gone()
    restore_id, _ = start_restore(connection, chosen, state().source.now())
    restored = {item.path for point in chosen.points for item in point.items}
    for group, paths in basket.groups():
        for path in restored.intersection(paths):
            if group.file_system_id == chosen.file_system_id:
                basket.remove(group, path)
    return redirect(f"/restores/{restore_id}", 303)


def progress(restore_id: str) -> ResponseReturnValue:
    """Show a restore session; the page follows it until it ends."""
    connection, source = deployment(), state().source
    if not is_session_id(restore_id):
        raise RestoreNotFound(visible(restore_id))
    client = connection.clients.of("stepfunctions", connection.resources.region)
    try:
        view = restore_view(connection, restore_id)
    except RestoreNotFound:
        execution = restore_execution(connection, restore_id)
        if executions.ended_as(client, execution) is not None:
            raise
        view = None  # its execution has not opened it yet
    ended = None
    if view is not None and not view.ended:
        # Read before the record, because an execution closes its session before it ends.
        ended = executions.ended_as(client, view.session.execution_arn)
        view = restore_view(connection, restore_id) if ended is not None else view
    part = "HX-Request" in request.headers
    over = view is not None and (view.ended or ended is not None)
    return render_template(
        "restore_session_part.html" if part else "restore_session.html",
        restore_id=restore_id,
        view=view,
        over=over,
        results=restore_results(connection, view.session) if over and view is not None else None,
        headings=HEADINGS,
        execution_ended=ended if view is not None and not view.ended else None,
        steps=[] if view is None else restore_steps(view, source.now()),
        command=command_line("restore-session", restore_id, repository_url=None),
    )


def _gone() -> ResponseReturnValue:
    message = (
        f"The plan {quoted(request.values.get('plan', ''))} was started already, or is too old; plan again."
    )
    return make_response(render_template("error.html", message=message, status=409), 409)


def _plan_address(group: Group, paths: list[str]) -> str:
    query = [("file_system", group.file_system_id)]
    query += [("point", group.point)] if group.point else []
    query += [("path", path) for path in paths] if len(paths) <= _IN_ADDRESS else []
    return f"/restore/plan?{urlencode(query)}"


LABEL = None  # the header shows it with the number of paths
ROUTES: tuple[Route, ...] = (
    ("/restore", "restore", page, READ),
    ("/restore/add", "restore_add", add, _WRITE),
    ("/restore/remove", "restore_remove", remove, _WRITE),
    ("/restore/plan", "restore_plan", plan, READ),
    ("/restore/confirm", "restore_confirm", confirm, READ),
    ("/restore/start", "restore_start", start, _WRITE),
    ("/restores/<restore_id>", "restore_session", progress, READ),
)
