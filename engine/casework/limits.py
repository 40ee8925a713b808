"""Limits that run on a case, as the verbs of its diagrams open, pause, extend, meet and cancel them.

Whatever happens to one is in the case's journal. What the clock does to them is in `engine.casework.deadlines`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from engine import deadlines
from engine.deadlines import Deadline
from engine.journal import Where
from engine.tables import AnyRow, deadline

if TYPE_CHECKING:
    from engine.casework.step import Step
    from engine.operations import DeadlineOrder, Job

EVERY = "*"
"""In place of an id: all that run in the case."""

_COLUMNS = deadline.c
RUNNING = _COLUMNS.closed_at.is_(None)


def open_one(step: Step, job: Job, order: DeadlineOrder) -> None:
    """Open a deadline; one of this id that runs already gets the new limit, and its history stays."""
    before = _running(step.tx, step.case.key, order.id)
    due = order.due
    values = {
        **_limit_values(due),
        "title": order.title,
        "kind": order.kind,
        "remind_at": order.remind_at,
        "notify": list(order.notify),
        "must": order.must,
    }
    facts = {
        **said(order.id, order.title),
        "kind": order.kind,
        "at": due.at.isoformat(),
        "rule": due.rule,
        "explanation": due.explanation,
        "calendar": due.calendar_version,
        "remind_at": order.remind_at.isoformat() if order.remind_at else None,
    }
    if before is None:
        new = {
            **values,
            "case_key": step.case.key,
            "id": order.id,
            "process_id": job.process_id,
            "element_id": job.element_id,
            "element_name": job.element_name or job.element_id,
            "state": "OPEN",
            "opened_at": step.now,
            "run_at": next_look("OPEN", due.at, order.remind_at),
        }
        step.tx.execute(insert(deadline).values(new))
        step.record("deadline:opened", facts, where_job(job))
        return
    state = "PAUSED" if before.state == "PAUSED" else "OPEN"
    values |= {"state": state, "reminded_at": None, "run_at": next_look(state, due.at, order.remind_at)}
    update_row(step.tx, before.key, values)
    step.record("deadline:replaced", {**facts, "before": before.due_at.isoformat()}, where_job(job))


def meet(step: Step, job: Job, deadline_id: str) -> str | None:
    """Close a running deadline as met, in time or late, and return its state; None if there is none."""
    row = _running(step.tx, step.case.key, deadline_id)
    if row is None:
        return None
    # While it is paused no time passes: it cannot have become late.
    late = row.state == "MISSED" or (row.state == "OPEN" and row.due_at < step.now)
    state = "MET_LATE" if late else "MET"
    update_row(step.tx, row.key, {"state": state, "closed_at": step.now, "run_at": None, **_pause_over(row, step.now)})
    facts = {**said(row.id, row.title), "at": row.due_at.isoformat(), "late": late}
    step.record("deadline:met", facts, where_job(job))
    return state


def pause(step: Step, job: Job, deadline_id: str, reason: str) -> list[str]:
    """Stop the clock of an open deadline (of all with `EVERY`), and return their ids. One already missed runs on."""
    stopped = [
        row for row in _named(step.tx, step.case.key, deadline_id) if row.state == "OPEN" and row.due_at > step.now
    ]
    for row in stopped:
        values = {"state": "PAUSED", "paused_at": step.now, "pause_reason": reason, "run_at": None}
        update_row(step.tx, row.key, values)
        step.record("deadline:paused", {**said(row.id, row.title), "reason": reason}, where_job(job))
    return [row.id for row in stopped]


def resume(step: Step, job: Job, deadline_id: str) -> list[str]:
    """Let paused deadlines run again, later by the paused time in the unit of their own rule. Return their ids."""
    going_on = [row for row in _named(step.tx, step.case.key, deadline_id) if row.state == "PAUSED"]
    calendar = step.house.feel.calendar
    for row in going_on:
        before = _deadline(row)
        due = deadlines.paused(before, row.paused_at, step.now, calendar)
        days = deadlines.paused_days(row.paused_at, step.now, row.unit, calendar)
        remind_at = row.remind_at
        if remind_at is not None and row.reminded_at is None:
            remind_at += due.at - before.at
        values = {
            **_limit_values(due),
            **_pause_over(row, step.now),
            "unit": row.unit,
            "state": "OPEN",
            "remind_at": remind_at,
            "paused_days": row.paused_days + days,
            "run_at": next_look("OPEN", due.at, None if row.reminded_at else remind_at),
        }
        update_row(step.tx, row.key, values)
        facts = {
            **said(row.id, row.title),
            "before": row.due_at.isoformat(),
            "at": due.at.isoformat(),
            "days": days,
            "unit": row.unit,
            "since": row.paused_at.isoformat(),
        }
        step.record("deadline:resumed", facts, where_job(job))
    return [row.id for row in going_on]


def extend(step: Step, job: Job, deadline_id: str, due: Deadline, *, reason: str, approved_by: str) -> bool:
    """Give a running deadline a new limit. A reminder keeps its distance from it. False: none runs."""
    row = _running(step.tx, step.case.key, deadline_id)
    if row is None:
        return False
    remind_at = None if row.remind_at is None else due.at - (row.due_at - row.remind_at)
    if remind_at is not None and remind_at <= step.now:
        remind_at = None
    state = "PAUSED" if row.state == "PAUSED" else "OPEN"
    rule = due.rule or row.rule
    values = {
        **_limit_values(due),
        "rule": rule,
        "state": state,
        "remind_at": remind_at,
        "reminded_at": None,
        "run_at": next_look(state, due.at, remind_at),
    }
    update_row(step.tx, row.key, values)
    facts = {
        **said(row.id, row.title),
        "before": row.due_at.isoformat(),
        "at": due.at.isoformat(),
        "rule": rule,
        "reason": reason,
        "approved_by": approved_by,
    }
    step.record("deadline:extended", facts, where_job(job))
    return True


def cancel(step: Step, job: Job, deadline_id: str) -> list[str]:
    """Close running deadlines without their being met, and return their ids."""
    rows = _named(step.tx, step.case.key, deadline_id)
    for row in rows:
        _cancel(step, row, "", where_job(job))
    return [row.id for row in rows]


def end_with_case(step: Step) -> None:
    """Close what still runs when a case ends. One that was missed stays missed."""
    for row in _named(step.tx, step.case.key, EVERY):
        if row.state == "MISSED":
            update_row(step.tx, row.key, {"closed_at": step.now, "run_at": None})
        else:
            _cancel(step, row, "案件已结束", Where(row.process_id, row.element_id, row.element_name))


def facts_of(tx: Connection, case_key: int) -> list[dict[str, Any]]:
    """Return all deadlines of a case, oldest first, as documents may show them."""
    query = select(deadline).where(_COLUMNS.case_key == case_key).order_by(_COLUMNS.key)
    return [
        {
            "id": row.id,
            "title": row.title,
            "kind": row.kind,
            "rule": row.rule or row.explanation,
            "due_at": row.due_at.isoformat(),
            "state": row.state,
            "paused_days": row.paused_days,
            "met_at": row.closed_at.isoformat() if row.state in ("MET", "MET_LATE") else None,
        }
        for row in tx.execute(query)
    ]


# --- rows


def _running(tx: Connection, case_key: int, deadline_id: str) -> AnyRow | None:
    query = select(deadline).where(_COLUMNS.case_key == case_key, _COLUMNS.id == deadline_id, RUNNING)
    return tx.execute(query).one_or_none()


def _named(tx: Connection, case_key: int, deadline_id: str) -> Sequence[AnyRow]:
    query = select(deadline).where(_COLUMNS.case_key == case_key, RUNNING).order_by(_COLUMNS.key)
    if deadline_id != EVERY:
        query = query.where(_COLUMNS.id == deadline_id)
    return tx.execute(query).all()


def update_row(tx: Connection, key: int, values: Mapping[str, Any]) -> None:
    tx.execute(update(deadline).where(_COLUMNS.key == key).values({"claimed_by": None, **values}))


def _cancel(step: Step, row: AnyRow, reason: str, where: Where) -> None:
    values = {"state": "CANCELLED", "closed_at": step.now, "run_at": None, **_pause_over(row, step.now)}
    update_row(step.tx, row.key, values)
    step.record("deadline:canceled", {**said(row.id, row.title), "reason": reason}, where)


def _deadline(row: AnyRow) -> Deadline:
    return Deadline(row.due_at, row.rule, row.explanation, row.calendar, row.recipe or {})


def _limit_values(due: Deadline) -> dict[str, Any]:
    return {
        "due_at": due.at,
        "rule": due.rule,
        "explanation": due.explanation,
        "calendar": due.calendar_version,
        "unit": deadlines.unit_of(due),
        "recipe": dict(due.recipe) or None,
    }


def _pause_over(row: AnyRow, now: datetime) -> dict[str, Any]:
    if row.paused_at is None:
        return {}
    return {
        "paused_at": None,
        "pauses": row.pauses + 1,
        "paused_seconds": row.paused_seconds + int((now - row.paused_at).total_seconds()),
    }


def next_look(state: str, due_at: datetime, remind_at: datetime | None) -> datetime | None:
    """Return when a worker is to look: at the reminder, else at the end; never while it is paused or missed."""
    if state != "OPEN":
        return None
    return due_at if remind_at is None else min(due_at, remind_at)


def said(deadline_id: str, title: str) -> dict[str, Any]:
    return {"deadline": deadline_id, "title": title}


def where_job(job: Job) -> Where:
    return Where(job.process_id, job.element_id, job.element_name)


def where_row(row: AnyRow) -> Where:
    return Where(row.process_id, row.element_id, row.element_name)
