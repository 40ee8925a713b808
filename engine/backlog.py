"""How much is waiting, counted over the whole database: for monitoring, never for pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from engine.database import Database
from engine.ports import Clock
from engine.tables import deadline, incident, message, notice, start_subscription, work_item

_QUEUES = {
    "item": work_item,
    "message": message,
    "start": start_subscription,
    "deadline": deadline,
    "notice": notice,
}


@dataclass(frozen=True)
class Backlog:
    """What waits at one moment. Numbers only: nothing in it tells of a person or a case."""

    open_items: Mapping[str, int]
    """Kind (user_task, job, timer, message, signal, incident) -> items that wait."""
    overdue_tasks: int
    """User tasks past their deadline."""
    due: Mapping[str, int]
    """Queue (item, message, start, deadline, notice) -> rows that a worker should have taken by now and none has."""
    oldest_due: timedelta
    """For how long the oldest of those has been due; zero if there is none."""
    incidents: int
    """Unresolved incidents."""


def count(database: Database, clock: Clock) -> Backlog:
    """Count in one reading transaction. The open items are counted one by one: ask every half minute, not every second.

    A claimed row is not due before its claim ends, so what a dead worker left behind counts from then on.
    """
    now = clock.now()
    with database.read() as tx:
        open_items, overdue = _open_items(tx, now)
        due = {}
        oldest = now
        for name, table in _QUEUES.items():
            late = select(func.count(), func.min(table.c.run_at)).where(
                table.c.run_at.is_not(None), table.c.run_at <= now
            )
            due[name], first = tx.execute(late).one()
            oldest = min(oldest, first or now)
        open_incidents = tx.execute(select(func.count()).where(incident.c.resolved_at.is_(None))).scalar_one()
    return Backlog(open_items, overdue, due, now - oldest, open_incidents)


def _open_items(tx: Connection, now: datetime) -> tuple[dict[str, int], int]:
    late = (work_item.c.kind == "user_task") & (work_item.c.due_at < now)
    query = (
        select(work_item.c.kind, func.count().label("number"), func.count().filter(late).label("late"))
        .where(work_item.c.state == "CREATED")
        .group_by(work_item.c.kind)
    )
    rows = tx.execute(query).all()
    return {row.kind: row.number for row in rows}, sum(row.late for row in rows)
