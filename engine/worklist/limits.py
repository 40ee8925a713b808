"""The deadlines of cases: those of one case with their history, and those that are near or missed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select

from engine.casework.visibility import concerns
from engine.identity import Person
from engine.tables import AnyRow, case, deadline
from engine.worklist import timeline
from engine.worklist.lists import due_range, urgency_of
from engine.worklist.views import CaseDeadlineView, DeadlineRow, DeadlineView, TimelineEntry, Urgency

EVENTS = (
    "deadline:opened",
    "deadline:replaced",
    "deadline:reminded",
    "deadline:paused",
    "deadline:resumed",
    "deadline:extended",
    "deadline:met",
    "deadline:missed",
    "deadline:canceled",
    "deadline:recomputed",
    "deadline:kept",
)
_MOST_TOLD = 300
_LOOKED_THROUGH = 3000
"""So many of the most urgent deadlines of the house are looked through for those of one person."""


def of_case(tx: Connection, case_key: int, now: datetime) -> tuple[CaseDeadlineView, ...]:
    """Return all deadlines of a case, those that run first, then by when they are due."""
    rows = tx.execute(select(deadline).where(deadline.c.case_key == case_key).order_by(deadline.c.key)).all()
    if not rows:
        return ()
    told = timeline.entries(tx, case_key, limit=_MOST_TOLD, events=EVENTS)
    views = (_view(row, told, now) for row in rows)
    return tuple(sorted(views, key=lambda view: (view.closed_at is not None, view.due.at, view.key)))


def near(tx: Connection, person: Person, urgency: Urgency, now: datetime, *, limit: int) -> tuple[DeadlineRow, ...]:
    """Return running deadlines of this urgency of cases that concern the person, soonest first."""
    after, until = due_range(urgency, now)
    due = and_(deadline.c.due_at > after, deadline.c.due_at <= until)
    running = and_(deadline.c.closed_at.is_(None), deadline.c.state.in_(("OPEN", "MISSED")))
    # What was missed is overdue, whatever the calendar says since.
    wanted = or_(due, deadline.c.state == "MISSED") if urgency is Urgency.OVERDUE else and_(due, running)
    first = (
        select(deadline)
        .where(deadline.c.closed_at.is_(None), running, wanted)
        .order_by(deadline.c.due_at, deadline.c.key)
        .limit(_LOOKED_THROUGH)
        .subquery()
    )
    query = (
        select(first, case.c.number, case.c.title.label("case_title"), case.c.product, case.c.process_name)
        .join(case, case.c.key == first.c.case_key)
        .where(concerns(person))
        .order_by(first.c.due_at, first.c.key)
        .limit(limit)
    )
    return tuple(_row(row, now) for row in tx.execute(query))


def _row(row: AnyRow, now: datetime) -> DeadlineRow:
    return DeadlineRow(
        case_key=row.case_key,
        case_number=row.number,
        case_title=row.case_title,
        product=row.product,
        process_name=row.process_name,
        title=row.title,
        kind=row.kind,
        state=row.state,
        due=_due(row, now),
    )


def _due(row: AnyRow, now: datetime) -> DeadlineView:
    at = row.due_at
    return DeadlineView(at, row.rule, row.explanation, urgency_of(at, now))


def _view(row: AnyRow, told: Sequence[TimelineEntry], now: datetime) -> CaseDeadlineView:
    history = tuple(
        entry for entry in reversed(told) if entry.facts.get("deadline") == row.id and row.opened_at <= entry.at
    )
    if row.closed_at is not None:
        history = tuple(entry for entry in history if entry.at <= row.closed_at)
    return CaseDeadlineView(
        key=row.key,
        id=row.id,
        title=row.title,
        kind=row.kind,
        state=row.state,
        due=_due(row, row.closed_at or row.paused_at or now),
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        remind_at=row.remind_at if row.reminded_at is None else None,
        missed_at=row.missed_at,
        paused_at=row.paused_at,
        pause_reason=row.pause_reason,
        pauses=row.pauses,
        paused_days=row.paused_days,
        unit=row.unit,
        history=history,
    )
