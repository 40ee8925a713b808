"""Counting cases: how many came in, were finished, are late; by which dimensions, against the time before.

The one place that counts, for the verb `case_statistics` and for the pages. A case belongs to the period it was
started in. Every query is a range of an index over the period's cases and stops at `MOST_CASES`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, func, or_, select

from engine.errors import EngineError
from engine.tables import case as case_table
from engine.tables import case_dimension, deadline, work_item

MOST_CASES = 200_000
"""More cases than this are not counted at once."""
MOST_VALUES = 200
"""So many values of a dimension are listed, the commonest first; the rest are one line."""
MOST_SAMPLED = 1000

PROCESS = "process"
"""The dimension that every case has."""
MISSING, OTHERS = "（未注明）", "（其他）"

_C = case_table.c


class TooMany(EngineError):
    """统计的范围太大，请缩短时间或限定流程。"""


@dataclass(frozen=True)
class Scope:
    """Which cases are counted: started in [since, until), both aware."""

    since: datetime
    until: datetime
    processes: tuple[str, ...] | None = None
    """Process ids; None: all."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Dimension -> value that the cases have."""

    def before(self) -> Scope:
        """Return the period of the same length that ended where this one began."""
        return replace(self, since=self.since - (self.until - self.since), until=self.since)

    def condition(self) -> ColumnElement[bool]:
        conditions = [_C.started_at >= self.since, _C.started_at < self.until]
        if self.processes is not None:
            conditions.append(_C.process_id.in_(self.processes))
        for name, value in self.where.items():
            conditions.append(_has(name, value))
        return and_(*conditions)


@dataclass(frozen=True)
class Counted:
    """One value of a dimension."""

    value: str
    count: int
    share: float
    """Of all cases of the period, 0..1."""
    before: int | None = None
    """In the period before; None: not asked."""

    @property
    def change(self) -> float | None:
        """Against the period before, 0.1 for a tenth more; None if there was nothing to compare with."""
        return None if not self.before else round(self.count / self.before - 1, 4)


@dataclass(frozen=True)
class Totals:
    """The cases of a period."""

    total: int
    finished: int
    open: int
    canceled: int
    overdue: int
    """Cases with a limit of theirs or of a task that was missed, whether met since or not."""
    on_time: int
    late: int
    """Limits of cases and tasks that were kept, and that were not. Those still running and not yet due do not count."""

    @property
    def on_time_share(self) -> float | None:
        judged = self.on_time + self.late
        return round(self.on_time / judged, 4) if judged else None


def totals(tx: Connection, scope: Scope, *, now: datetime) -> Totals:
    """Count the cases of a period. Raise `TooMany`."""
    _must_be_bounded(tx, scope)
    states = select(_C.state, func.count().label("number")).where(scope.condition()).group_by(_C.state)
    by_state = {row.state: row.number for row in tx.execute(states)}
    overdue = select(func.count()).select_from(case_table).where(scope.condition(), _is_overdue(now))
    kept = [tx.execute(_judged(table, scope, now)).one() for table in (deadline, work_item)]
    return Totals(
        total=sum(by_state.values()),
        finished=by_state.get("COMPLETED", 0),
        open=by_state.get("ACTIVE", 0),
        canceled=by_state.get("CANCELED", 0),
        overdue=tx.execute(overdue).scalar_one(),
        on_time=sum(row.on_time or 0 for row in kept),
        late=sum(row.late or 0 for row in kept),
    )


def by_dimension(tx: Connection, scope: Scope, name: str, *, compare: bool = False) -> tuple[Counted, ...]:
    """Count by the values of a dimension, commonest first; cases without one are counted too. Raise `TooMany`."""
    _must_be_bounded(tx, scope)
    counts = _values(tx, scope, name)
    before = _values(tx, scope.before(), name) if compare else {}
    total = sum(counts.values())
    ranked = sorted(counts.items(), key=lambda pair: (pair[0] == MISSING, -pair[1], pair[0]))
    if len(ranked) > MOST_VALUES:
        rest = dict(ranked[MOST_VALUES:])
        ranked = [*ranked[:MOST_VALUES], (OTHERS, sum(rest.values()))]
        before[OTHERS] = sum(before.get(value, 0) for value in rest)
    # What was there before and is gone is news as well.
    gone = [(value, 0) for value in sorted(before) if value not in counts and value != OTHERS][:MOST_VALUES]
    return tuple(
        Counted(value, count, round(count / total, 4) if total else 0.0, before.get(value, 0) if compare else None)
        for value, count in [*ranked, *gone]
    )


def dimensions(tx: Connection, scope: Scope) -> tuple[str, ...]:
    """Return the names of the dimensions that the period's cases have."""
    query = (
        select(case_dimension.c.name)
        .join(case_table, _C.key == case_dimension.c.case_key)
        .where(scope.condition())
        .distinct()
        .order_by(case_dimension.c.name)
    )
    return tuple(tx.execute(query).scalars())


def summary(
    tx: Connection, scope: Scope, by: Sequence[str] = (), *, compare: bool = False, now: datetime
) -> dict[str, Any]:
    """Return everything as plain JSON, for a diagram's variable and for documents. Raise `TooMany`."""
    found = totals(tx, scope, now=now)
    result: dict[str, Any] = {
        "from": scope.since.isoformat(),
        "to": scope.until.isoformat(),
        "total": found.total,
        "finished": found.finished,
        "open": found.open,
        "canceled": found.canceled,
        "overdue": found.overdue,
        "on_time_share": found.on_time_share,
        "by": {
            name: [
                {"value": line.value, "count": line.count, "share": line.share, "change": line.change}
                for line in by_dimension(tx, scope, name, compare=compare)
            ]
            for name in dict.fromkeys(by)
        },
    }
    if compare:
        before = totals(tx, scope.before(), now=now).total
        result["previous"] = {"total": before}
        result["change"] = round(found.total / before - 1, 4) if before else None
    return result


# --- sampling


@dataclass(frozen=True)
class Sample:
    """Ended cases drawn for a follow-up."""

    seed: str
    population: int
    keys: tuple[int, ...]


def sample(
    tx: Connection,
    *,
    since: datetime,
    until: datetime,
    processes: Collection[str] | None,
    share: float,
    most: int,
    seed: str,
    without: int | None = None,
) -> Sample:
    """Draw a share of the cases completed in [since, until): the same seed over the same cases draws the same ones.

    Each case has its place by the hash of seed and number, so nobody can move one in or out but by the seed. Raise
    `TooMany`.
    """
    query = select(_C.key, _C.number).where(_C.ended_at >= since, _C.ended_at < until, _C.state == "COMPLETED")
    if processes is not None:
        query = query.where(_C.process_id.in_(list(processes)))
    if without is not None:
        query = query.where(_C.key != without)
    rows = tx.execute(query.limit(MOST_CASES + 1)).all()
    if len(rows) > MOST_CASES:
        raise TooMany
    wanted = min(math.ceil(len(rows) * share - 1e-9), most, MOST_SAMPLED)
    ranked = sorted(rows, key=lambda row: hashlib.sha256(f"{seed}/{row.number}".encode()).digest())
    return Sample(seed, len(rows), tuple(sorted(row.key for row in ranked[: max(wanted, 0)])))


def sampled_cases(tx: Connection, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Return what a follow-up needs of the cases, as plain JSON."""
    query = select(case_table).where(_C.key.in_(list(keys))).order_by(_C.key)
    return [
        {
            "key": str(row.key),
            "number": row.number,
            "process": row.process_id,
            "title": row.title,
            "complainant": row.complainant,
            "phone": row.phone,
            "product": row.product,
            "summary": row.summary,
            "ended_at": row.ended_at.isoformat(),
        }
        for row in tx.execute(query)
    ]


# --- queries


def _must_be_bounded(tx: Connection, scope: Scope) -> None:
    first = select(_C.key).where(scope.condition()).limit(MOST_CASES + 1).subquery()
    if tx.execute(select(func.count()).select_from(first)).scalar_one() > MOST_CASES:
        raise TooMany


def _has(name: str, value: str) -> ColumnElement[bool]:
    if name == PROCESS:
        return _C.process_name == value
    own = exists().where(case_dimension.c.case_key == _C.key, case_dimension.c.name == name).correlate(case_table)
    return ~own if value == MISSING else own.where(case_dimension.c.value == value)


def _values(tx: Connection, scope: Scope, name: str) -> dict[str, int]:
    grouped: Select[Any]
    if name == PROCESS:
        grouped = select(_C.process_name.label("value"), func.count().label("number"))
        grouped = grouped.where(scope.condition()).group_by(_C.process_name)
    else:
        own = and_(case_dimension.c.case_key == _C.key, case_dimension.c.name == name)
        grouped = select(case_dimension.c.value, func.count().label("number"))
        grouped = grouped.select_from(case_table.outerjoin(case_dimension, own))
        grouped = grouped.where(scope.condition()).group_by(case_dimension.c.value)
    return {MISSING if row.value is None else row.value: row.number for row in tx.execute(grouped)}


def _late_deadline(now: datetime) -> ColumnElement[bool]:
    return or_(
        deadline.c.missed_at.is_not(None),
        deadline.c.state == "MET_LATE",
        and_(deadline.c.state == "OPEN", deadline.c.due_at <= now),
    )


def _late_task(now: datetime) -> ColumnElement[bool]:
    done_late = and_(work_item.c.state == "COMPLETED", work_item.c.closed_at > work_item.c.due_at)
    return and_(
        work_item.c.kind == "user_task",
        work_item.c.due_at.is_not(None),
        or_(done_late, and_(work_item.c.state == "CREATED", work_item.c.due_at <= now)),
    )


def _is_overdue(now: datetime) -> ColumnElement[bool]:
    limits = exists().where(deadline.c.case_key == _C.key, _late_deadline(now)).correlate(case_table)
    tasks = exists().where(work_item.c.case_key == _C.key, _late_task(now)).correlate(case_table)
    return or_(limits, tasks)


def _judged(table: Any, scope: Scope, now: datetime) -> Select[Any]:
    if table is deadline:
        late = _late_deadline(now)
        kept = and_(deadline.c.state == "MET", deadline.c.missed_at.is_(None))
    else:
        late = _late_task(now)
        done = and_(work_item.c.kind == "user_task", work_item.c.state == "COMPLETED")
        kept = and_(done, work_item.c.due_at.is_not(None), work_item.c.closed_at <= work_item.c.due_at)
    return (
        select(func.sum(case((kept, 1), else_=0)).label("on_time"), func.sum(case((late, 1), else_=0)).label("late"))
        .select_from(case_table.join(table, table.c.case_key == _C.key))
        .where(scope.condition())
    )
