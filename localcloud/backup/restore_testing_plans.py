"""Restore testing plans and their selections.

Sources: AWS Backup's API reference; AWS Backup Developer Guide, "Restore testing", with its quotas. Plans are
not kept between runs. Assumed: the form of a plan's ARN.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from moto.backup.models import backup_backends

from localcloud.backup.errors import (
    AlreadyExists,
    InvalidParameterValue,
    InvalidRequest,
    LimitExceeded,
    MissingParameterValue,
    ResourceNotFound,
)
from localcloud.backup.listing import page
from localcloud.backup.tags import check_resource_tags
from localcloud.core.cloud import ApiCall, Cloud
from localcloud.core.partitions import regional_arn
from localcloud.core.schedule_expressions import BadExpression, check

MOST_PLANS, MOST_SELECTIONS, MOST_IN_LIST = 100, 30, 30
LONGEST_WINDOW_HOURS = 168
NAME = re.compile(r"[A-Za-z0-9_]{1,50}")
# The parameters that RestoreMetadataOverrides may contain, in lower case. Source: "Restore testing inferred
# metadata"
OVERRIDABLE = {"kmskeyid": "KmsKeyId", "performancemode": "PerformanceMode"}
POINT_DEFAULTS = {"SelectionWindowDays": 30, "ExcludeVaults": []}
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestingSelection:
    """The resources that a plan tests, and how."""

    name: str
    created_at: datetime
    members: Mapping[str, Any]  # of RestoreTestingSelectionForGet, as requested

    def described(self, plan_name: str) -> Answer:
        """Return RestoreTestingSelectionForGet."""
        return {
            **self.members,
            "CreationTime": self.created_at,
            "RestoreTestingPlanName": plan_name,
            "RestoreTestingSelectionName": self.name,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TestingPlan:
    """When to test, and which recovery points."""

    name: str
    arn: str
    account: str
    region: str
    created_at: datetime
    members: Mapping[str, Any]  # of RestoreTestingPlanForGet, as requested
    selections: Mapping[str, TestingSelection] = field(default_factory=dict)
    updated_at: datetime | None = None
    ran_at: datetime | None = None

    def described(self) -> Answer:
        """Return RestoreTestingPlanForGet."""
        return {
            **self.members,
            "CreationTime": self.created_at,
            "LastUpdateTime": self.updated_at,
            "LastExecutionTime": self.ran_at,
            "RestoreTestingPlanArn": self.arn,
            "RestoreTestingPlanName": self.name,
        }


class TestingPlans:
    """The operations on plans and selections of all accounts and Regions."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.created: Callable[[], None] = lambda: None  # called when there is a plan
        self._plans: dict[tuple[str, str, str], TestingPlan] = {}

    def all(self) -> list[TestingPlan]:
        """Return the plans of all accounts and Regions."""
        return list(self._plans.values())

    def ran(self, plan: TestingPlan, at: datetime) -> None:
        """Record that a plan was run."""
        key = (plan.account, plan.region, plan.name)
        if key in self._plans:
            self._plans[key] = replace(self._plans[key], ran_at=at)

    def create_plan(self, call: ApiCall) -> Answer:
        """Create a plan."""
        members = dict(call.params["RestoreTestingPlan"])
        name = _name(members.pop("RestoreTestingPlanName"))
        here = [plan for plan in self.all() if (plan.account, plan.region) == (call.account_id, call.region)]
        same = next((plan for plan in here if plan.name == name), None)
        token = call.params.get("CreatorRequestId")
        if same is not None:
            if token and same.members.get("CreatorRequestId") == token:
                return _created(same)
            raise AlreadyExists(f"Restore testing plan {name} already exists")
        if len(here) >= MOST_PLANS:
            raise LimitExceeded(f"An account can have at most {MOST_PLANS} restore testing plans")
        members = {"StartWindowHours": 24, "ScheduleExpressionTimezone": "Etc/UTC", **members}
        _check_plan(members)
        members["RecoveryPointSelection"] = {**POINT_DEFAULTS, **members["RecoveryPointSelection"]}
        tags = call.params.get("Tags") or {}
        check_resource_tags(tags)
        arn = regional_arn(
            "backup", call.region, call.account_id, f"restore-testing-plan:{name}-{uuid.uuid4()}"
        )
        plan = TestingPlan(
            name=name,
            arn=arn,
            account=call.account_id,
            region=call.region,
            created_at=self.cloud.clock.now(),
            members={**members, **({"CreatorRequestId": token} if token else {})},
        )
        if tags:
            backup_backends[call.account_id][call.region].tag_resource(arn, tags)
        self._save(plan)
        self.created()
        return _created(plan)

    def update_plan(self, call: ApiCall) -> Answer:
        """Change parts of a plan."""
        plan = self._plan(call)
        members = {**plan.members, **call.params["RestoreTestingPlan"]}
        points = call.params["RestoreTestingPlan"].get("RecoveryPointSelection") or {}
        members["RecoveryPointSelection"] = {**plan.members["RecoveryPointSelection"], **points}
        _check_plan(members)
        now = self.cloud.clock.now()
        self._save(replace(plan, members=members, updated_at=now))
        return {**_created(plan), "UpdateTime": now}

    def get_plan(self, call: ApiCall) -> Answer:
        """Return a plan."""
        return {"RestoreTestingPlan": self._plan(call).described()}

    def list_plans(self, call: ApiCall) -> Answer:
        """Return the plans of the account and Region, without their selection of recovery points."""
        plans = [p for p in self.all() if (p.account, p.region) == (call.account_id, call.region)]
        omitted = ("RecoveryPointSelection", "CreatorRequestId")
        listed = [{k: v for k, v in p.described().items() if k not in omitted} for p in plans]
        return page(listed, call.params, "RestoreTestingPlans")

    def delete_plan(self, call: ApiCall) -> None:
        """Delete a plan without selections; a plan that does not exist is deleted already."""
        key = (call.account_id, call.region, call.params["RestoreTestingPlanName"])
        if key in self._plans and self._plans[key].selections:
            raise InvalidRequest("All selections of a restore testing plan must be deleted before the plan")
        self._plans.pop(key, None)

    def create_selection(self, call: ApiCall) -> Answer:
        """Add a selection to a plan."""
        plan, members = self._plan(call), dict(call.params["RestoreTestingSelection"])
        name = _name(members.pop("RestoreTestingSelectionName"))
        if name in plan.selections:
            raise AlreadyExists(f"Restore testing selection {name} already exists")
        if len(plan.selections) >= MOST_SELECTIONS:
            raise LimitExceeded(f"A restore testing plan can have at most {MOST_SELECTIONS} selections")
        _check_selection(members)
        selection = TestingSelection(name=name, created_at=self.cloud.clock.now(), members=members)
        self._save(replace(plan, selections={**plan.selections, name: selection}))
        return _created(plan, selection)

    def update_selection(self, call: ApiCall) -> Answer:
        """Change parts of a selection."""
        plan, selection = self._selection(call)
        changed = replace(selection, members={**selection.members, **call.params["RestoreTestingSelection"]})
        _check_selection(changed.members)
        now = self.cloud.clock.now()
        self._save(replace(plan, selections={**plan.selections, selection.name: changed}, updated_at=now))
        return {**_created(plan, selection), "UpdateTime": now}

    def get_selection(self, call: ApiCall) -> Answer:
        """Return a selection."""
        plan, selection = self._selection(call)
        return {"RestoreTestingSelection": selection.described(plan.name)}

    def list_selections(self, call: ApiCall) -> Answer:
        """Return the selections of a plan, without their resources."""
        plan = self._plan(call)
        shown = {
            "CreationTime",
            "IamRoleArn",
            "ProtectedResourceType",
            "RestoreTestingPlanName",
            "RestoreTestingSelectionName",
            "ValidationWindowHours",
        }
        listed = [one.described(plan.name) for one in plan.selections.values()]
        items = [{key: value for key, value in one.items() if key in shown} for one in listed]
        return page(items, call.params, "RestoreTestingSelections")

    def delete_selection(self, call: ApiCall) -> None:
        """Remove a selection from its plan."""
        plan, selection = self._selection(call)
        rest = {name: one for name, one in plan.selections.items() if name != selection.name}
        self._save(replace(plan, selections=rest))

    def _save(self, plan: TestingPlan) -> None:
        self._plans[plan.account, plan.region, plan.name] = plan

    def _plan(self, call: ApiCall) -> TestingPlan:
        name = call.params["RestoreTestingPlanName"]
        try:
            return self._plans[call.account_id, call.region, name]
        except KeyError:
            raise ResourceNotFound(f"Restore testing plan {name} cannot be found") from None

    def _selection(self, call: ApiCall) -> tuple[TestingPlan, TestingSelection]:
        plan, name = self._plan(call), call.params["RestoreTestingSelectionName"]
        if name not in plan.selections:
            raise ResourceNotFound(f"Restore testing selection {name} cannot be found in {plan.name}")
        return plan, plan.selections[name]


def _created(plan: TestingPlan, selection: TestingSelection | None = None) -> Answer:
    answer = {
        "CreationTime": (selection or plan).created_at,
        "RestoreTestingPlanArn": plan.arn,
        "RestoreTestingPlanName": plan.name,
    }
    return {**answer, "RestoreTestingSelectionName": selection.name} if selection else answer


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise InvalidParameterValue(f"{name!r} is not 1 to 50 letters, digits and underscores")
    return name


def _check_plan(members: Mapping[str, Any]) -> None:
    expression, zone = members["ScheduleExpression"], members["ScheduleExpressionTimezone"]
    if not expression.startswith("cron("):
        raise InvalidParameterValue(f"ScheduleExpression must be a cron expression, not {expression!r}")
    try:
        check(expression, zone)
    except BadExpression as error:
        raise InvalidParameterValue(str(error)) from error
    _check_range(members, "StartWindowHours", 1, LONGEST_WINDOW_HOURS)
    points = members["RecoveryPointSelection"]
    missing = [n for n in ("Algorithm", "IncludeVaults", "RecoveryPointTypes") if not points.get(n)]
    if missing:
        raise MissingParameterValue(f"RecoveryPointSelection lacks {', '.join(missing)}")
    if not set(points["RecoveryPointTypes"]) <= {"SNAPSHOT", "CONTINUOUS"}:
        raise InvalidParameterValue("RecoveryPointTypes can contain SNAPSHOT and CONTINUOUS")
    _check_range(points, "SelectionWindowDays", 1, 365)


def _check_selection(members: Mapping[str, Any]) -> None:
    if members["ProtectedResourceType"] != "EFS":
        raise InvalidParameterValue("The local cloud tests only restores of the ProtectedResourceType EFS")
    arns, conditions = members.get("ProtectedResourceArns"), members.get("ProtectedResourceConditions") or {}
    count = sum(len(conditions.get(name) or ()) for name in ("StringEquals", "StringNotEquals"))
    if not arns and not count:
        raise InvalidParameterValue(
            "A selection requires ProtectedResourceArns or ProtectedResourceConditions"
        )
    if arns and "*" in arns and len(arns) > 1:
        raise InvalidParameterValue("ProtectedResourceArns contains either ARNs or the wildcard")
    if arns and "*" not in arns and count:
        raise InvalidParameterValue(
            "ProtectedResourceConditions require the wildcard in ProtectedResourceArns"
        )
    if len(arns or ()) > MOST_IN_LIST or count > MOST_IN_LIST:
        raise LimitExceeded(f"A selection can have at most {MOST_IN_LIST} ARNs and {MOST_IN_LIST} conditions")
    _check_range(members, "ValidationWindowHours", 0, LONGEST_WINDOW_HOURS)
    overrides = members.get("RestoreMetadataOverrides") or {}
    unknown = sorted(key for key in overrides if key.lower() not in OVERRIDABLE)
    if unknown:
        raise InvalidParameterValue(f"Metadata that cannot be overridden for EFS: {', '.join(unknown)}")


def _check_range(members: Mapping[str, Any], name: str, low: int, high: int) -> None:
    value = members.get(name)
    if value is not None and not low <= value <= high:
        raise InvalidParameterValue(f"{name} must be {low} to {high}, not {value}")
