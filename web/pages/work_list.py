"""The work list: what is mine, what my groups may take, latest deadline first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from flask import render_template, request, url_for

from engine.identity import ADMINISTRATORS, AUDITORS, PROCESS_OWNERS
from engine.worklist import DeadlineRow, Scope, Sort, Urgency
from web.context import person, services

PAGE = 30
LIMITS = 100
"""Deadlines of cases shown beside the tasks."""


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to. `text` may be a name or a number: it is posted, never in an address."""

    scope: Scope
    urgency: Urgency | None
    process_id: str | None
    group: str | None
    text: str
    sort: Sort
    after: str | None


def show() -> str:
    filters = _filters()
    asking = person()
    if filters.group:
        # The same person with fewer groups: this can only narrow the list.
        asking = replace(asking, groups=asking.groups & {filters.group}, others=())
    page = services().worklist.my_items(
        asking,
        scope=filters.scope,
        urgency=filters.urgency,
        process_id=filters.process_id,
        text=filters.text,
        sort=filters.sort,
        after=filters.after,
        limit=PAGE,
    )
    return render_template(
        "work_list.html",
        page=page,
        filters=filters,
        processes=services().records.processes(),
        limits=_limits(filters),
        groups=sorted(person().groups - {AUDITORS, ADMINISTRATORS, PROCESS_OWNERS}),
        narrowed=bool(filters.process_id or filters.group or filters.text),
        return_to=url_for("work_list.show", scope=filters.scope, urgency=filters.urgency, process=filters.process_id),
    )


def _limits(filters: Filters) -> tuple[DeadlineRow, ...]:
    """Return the deadlines of cases that belong on this tab, on its first page and unless it is narrowed."""
    asked = filters.urgency in (Urgency.OVERDUE, Urgency.TODAY, Urgency.SOON) and filters.scope == Scope.ALL
    if filters.urgency is None or not asked or filters.after or filters.process_id or filters.text:
        return ()
    return services().worklist.near_deadlines(person(), filters.urgency, limit=LIMITS)


def _filters() -> Filters:
    return Filters(
        scope=_choice(Scope, "scope") or Scope.ALL,
        urgency=_choice(Urgency, "urgency"),
        process_id=request.values.get("process") or None,
        group=request.values.get("group") or None,
        text=request.form.get("text", "").strip()[:100],
        sort=_choice(Sort, "sort") or Sort.DUE,
        after=request.values.get("after") or None,
    )


Chosen = TypeVar("Chosen", Scope, Urgency, Sort)


def _choice(kind: type[Chosen], name: str) -> Chosen | None:
    """Return what the address asks for; None for nothing and for what the list does not know."""
    try:
        return kind(request.values.get(name, ""))
    except ValueError:
        return None
