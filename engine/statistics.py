"""Counting cases: how many came in, were finished, are late; by which dimensions, against the time before.

The one place that counts, for the verb `case_statistics` and for the pages. A case belongs to the period it was
started in. Every query is a range of an index over the period's cases and stops at `MOST_CASES`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, func, or_, select

from engine.clock import SHANGHAI
from engine.errors import EngineError
from engine.tables import case as case_table
from engine.tables import case_dimension, deadline, work_item

MOST_CASES = 200_000
"""More cases than this are not counted at once."""
MOST_VALUES = 200
"""So many values of a dimension are listed, the commonest first; the rest are one line."""
MOST_SAMPLED = 1000

PROCESS, STATE, OVERDUE = "process", "state", "overdue"
"""Dimensions that every case has: its process's name; finished, open or canceled; yes or no."""
PROCEDURE = "procedure"
"""Dimension of a case of the front door: the process that it was handed to, and is counted with."""
STATES = {"finished": "COMPLETED", "open": "ACTIVE", "canceled": "CANCELED"}
MISSING, OTHERS = "（未注明）", "（其他）"

Where = Mapping[str, tuple[str, ...]]
"""Dimension -> values of which a case has one."""

_C = case_table.c


class TooMany(EngineError):
    """统计的范围太大，请缩短时间或限定流程。"""


class BadTarget(EngineError):
    """指标有误。"""


@dataclass(frozen=True)
class Scope:
    """Which cases are counted: started in [since, until), both aware."""

    since: datetime
    until: datetime
    processes: tuple[str, ...] | None = None
    """Process ids; None: all."""
    where: Where = field(default_factory=dict)

    def before(self) -> Scope:
        """Return the period before: as many months if this one is whole months, else of the same length."""
        months = _whole_months(self.since, self.until)
        since = _months_earlier(self.since, months) if months else self.since - (self.until - self.since)
        return replace(self, since=since, until=self.since)

    def narrowed(self, where: Where) -> Scope:
        return replace(self, where={**self.where, **where})

    def condition(self, now: datetime) -> ColumnElement[bool]:
        conditions = [_C.started_at >= self.since, _C.started_at < self.until]
        if self.processes is not None:
            conditions.append(_handled_by(self.processes))
        conditions += [_has(name, values, now) for name, values in self.where.items()]
        return and_(*conditions)


def _handled_by(processes: Collection[str]) -> ColumnElement[bool]:
    """Return the condition on cases of these processes, or that the front door has handed to one of them."""
    theirs = case_dimension.c.case_key == _C.key, case_dimension.c.name == PROCEDURE
    chosen = exists().where(*theirs, case_dimension.c.value.in_(list(processes))).correlate(case_table)
    return or_(_C.process_id.in_(list(processes)), chosen)


@dataclass(frozen=True)
class HotRule:
    """When a value is a hot spot: so many times its usual level, and so many cases at least."""

    times: float = 1.5
    least: int = 3
    periods: int = 4
    """The usual level is the mean of so many periods before."""


@dataclass(frozen=True)
class Counted:
    """One value of a dimension."""

    value: str
    count: int
    share: float
    """Of all cases of the period, 0..1."""
    before: int | None = None
    """In the period before; None: not asked."""
    usual: float | None = None
    """In the mean of the periods before; None: not asked."""
    hot: bool = False

    @property
    def listed(self) -> bool:
        """Whether it is one value, and not the rest of a long list."""
        return self.value != OTHERS

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


@dataclass(frozen=True)
class Target:
    """What a share of cases is to reach, as a row of a decision table says it."""

    name: str
    of: Where
    """The cases that it is about."""
    counted: Where
    """Those of them that count as reached."""
    target: float | None
    """0..1; None: only to be looked at."""
    source: str


@dataclass(frozen=True)
class Kpi:
    """A target with what was reached."""

    target: Target
    of: int
    counted: int

    @property
    def share(self) -> float | None:
        return round(self.counted / self.of, 4) if self.of else None

    @property
    def reached(self) -> Where:
        """Which cases were counted."""
        return {**self.target.of, **_both(self.target)}

    @property
    def met(self) -> bool | None:
        """None: nothing to judge."""
        if self.share is None or self.target.target is None:
            return None
        return self.share >= self.target.target


# --- counting


def totals(tx: Connection, scope: Scope, *, now: datetime) -> Totals:
    """Count the cases of a period. Raise `TooMany`."""
    count(tx, scope, now=now)
    states = select(_C.state, func.count().label("number")).where(scope.condition(now)).group_by(_C.state)
    by_state = {row.state: row.number for row in tx.execute(states)}
    overdue = select(func.count()).select_from(case_table).where(scope.condition(now), _is_overdue(now))
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


def count(tx: Connection, scope: Scope, *, now: datetime) -> int:
    """Return how many cases there are. Raise `TooMany`."""
    first = select(_C.key).where(scope.condition(now)).limit(MOST_CASES + 1).subquery()
    found = int(tx.execute(select(func.count()).select_from(first)).scalar_one())
    if found > MOST_CASES:
        raise TooMany
    return found


def by_dimensions(
    tx: Connection,
    scope: Scope,
    names: Iterable[str],
    *,
    compare: bool = False,
    hot: HotRule | None = None,
    now: datetime,
) -> dict[str, tuple[Counted, ...]]:
    """Count by the values of each dimension, commonest first; cases without one are counted too. Raise `TooMany`.

    With `hot`, values far above their usual level are marked.
    """
    wanted = tuple(dict.fromkeys(names))
    current = _values(tx, scope, wanted, now)
    earlier: list[dict[str, dict[str, int]]] = []
    past = scope
    for _ in range(max(1 if compare else 0, hot.periods if hot else 0)):
        past = past.before()
        earlier.append(_values(tx, past, wanted, now))
    return {
        name: _counted(current[name], [period[name] for period in earlier], compare=compare, hot=hot) for name in wanted
    }


def by_dimension(
    tx: Connection, scope: Scope, name: str, *, compare: bool = False, now: datetime
) -> tuple[Counted, ...]:
    """Count by the values of one dimension (see `by_dimensions`)."""
    return by_dimensions(tx, scope, [name], compare=compare, now=now)[name]


def dimensions(tx: Connection, scope: Scope, *, now: datetime) -> tuple[str, ...]:
    """Return the names of the dimensions that the period's cases have."""
    query = (
        select(case_dimension.c.name)
        .join(case_table, _C.key == case_dimension.c.case_key)
        .where(scope.condition(now))
        .distinct()
        .order_by(case_dimension.c.name)
    )
    return tuple(tx.execute(query).scalars())


def kpis(tx: Connection, scope: Scope, targets: Iterable[Target], *, now: datetime) -> tuple[Kpi, ...]:
    """Return what was reached of each target."""
    return tuple(
        Kpi(
            target,
            count(tx, scope.narrowed(target.of), now=now),
            count(tx, scope.narrowed(target.of).narrowed(_both(target)), now=now),
        )
        for target in targets
    )


def _both(target: Target) -> Where:
    """Return the counted values; where `of` names the same dimension, only those in both."""
    return {
        name: tuple(value for value in values if name not in target.of or value in target.of[name])
        for name, values in target.counted.items()
    }


def summary(
    tx: Connection,
    scope: Scope,
    by: Sequence[str] = (),
    *,
    compare: bool = False,
    targets: Iterable[Target] = (),
    now: datetime,
) -> dict[str, Any]:
    """Return everything as plain JSON, for a diagram's variable and for documents. Raise `TooMany`."""
    found = totals(tx, scope, now=now)
    tables = by_dimensions(tx, scope, by, compare=compare, now=now)
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
                {"value": line.value, "count": line.count, "share": line.share, "change": line.change} for line in lines
            ]
            for name, lines in tables.items()
        },
        "kpis": [
            {
                "name": kpi.target.name,
                "of": kpi.of,
                "count": kpi.counted,
                "share": kpi.share,
                "target": kpi.target.target,
                "met": kpi.met,
                "source": kpi.target.source,
            }
            for kpi in kpis(tx, scope, targets, now=now)
        ],
    }
    if compare:
        before = count(tx, scope.before(), now=now)
        result["previous"] = {"total": before}
        result["change"] = round(found.total / before - 1, 4) if before else None
    return result


# --- targets, as tables write them


def read_where(text: str) -> Where:
    """Return `kind=complaint; outcome=mediated|terminated` as dimensions and values. Raise `BadTarget`."""
    found: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in text.replace("；", ";").split(";"))):
        name, equals, values = part.partition("=")
        chosen = tuple(value.strip() for value in values.split("|") if value.strip())
        if not equals or not name.strip() or not chosen:
            raise BadTarget(f"指标的条件“{text}”有误，应如 kind=complaint; outcome=mediated|terminated。")
        found[name.strip()] = chosen
    return found


def read_targets(rows: Any) -> tuple[Target, ...]:
    """Return the targets of a decision's result: contexts {name, of, counted, target, source}. Raise `BadTarget`."""
    if rows is None:
        return ()
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise BadTarget("指标表的结果应是列表，每项有 name、of、counted、target、source。")
    return tuple(_target(row) for row in rows)


def _target(row: Mapping[str, Any]) -> Target:
    name, counted = str(row.get("name") or "").strip(), str(row.get("counted") or "").strip()
    if not name or not counted:
        raise BadTarget("指标表的每一行都要有 name 和 counted。")
    try:
        wanted = None if row.get("target") in (None, "") else float(row["target"])
    except (TypeError, ValueError):
        raise BadTarget(f"指标“{name}”的目标应是0到1之间的数。") from None
    return Target(name, read_where(str(row.get("of") or "")), read_where(counted), wanted, str(row.get("source") or ""))


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
        query = query.where(_handled_by(processes))
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
    columns = (
        _C.key,
        _C.number,
        _C.process_id,
        _C.title,
        _C.complainant,
        _C.phone,
        _C.product,
        _C.summary,
        _C.ended_at,
    )
    query = select(*columns).where(_C.key.in_(list(keys))).order_by(_C.key)
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


def _has(name: str, values: Sequence[str], now: datetime) -> ColumnElement[bool]:
    if name == PROCESS:
        return _C.process_name.in_(values)
    if name == STATE:
        return _C.state.in_([STATES.get(value, value) for value in values])
    if name == OVERDUE:
        late = _is_overdue(now)
        return or_(*(late if value == "yes" else ~late for value in values))
    own = exists().where(case_dimension.c.case_key == _C.key, case_dimension.c.name == name).correlate(case_table)
    given = own.where(case_dimension.c.value.in_([value for value in values if value != MISSING]))
    return or_(given, ~own) if MISSING in values else given


def _values(tx: Connection, scope: Scope, names: Sequence[str], now: datetime) -> dict[str, dict[str, int]]:
    """Return dimension -> value -> cases, cases without a value among them."""
    total = count(tx, scope, now=now)
    found: dict[str, dict[str, int]] = {name: {} for name in names}
    own = [name for name in names if name != PROCESS]
    if own:
        query = (
            select(case_dimension.c.name, case_dimension.c.value, func.count().label("number"))
            .join(case_table, _C.key == case_dimension.c.case_key)
            .where(scope.condition(now), case_dimension.c.name.in_(own))
            .group_by(case_dimension.c.name, case_dimension.c.value)
        )
        for row in tx.execute(query):
            found[row.name][row.value] = row.number
        for name in own:
            missing = total - sum(found[name].values())
            if missing:
                found[name][MISSING] = missing
    if PROCESS in found:
        processes = select(_C.process_name, func.count().label("number")).where(scope.condition(now))
        found[PROCESS] = {row.process_name: row.number for row in tx.execute(processes.group_by(_C.process_name))}
    return found


def _counted(
    current: Mapping[str, int], earlier: Sequence[Mapping[str, int]], *, compare: bool, hot: HotRule | None
) -> tuple[Counted, ...]:
    total = sum(current.values())
    ranked = sorted(current.items(), key=lambda pair: (pair[0] == MISSING, -pair[1], pair[0]))
    shown, rest = ranked[:MOST_VALUES], ranked[MOST_VALUES:]
    before = earlier[0] if compare and earlier else {}
    # What was there before and is gone is news as well.
    gone = [(value, 0) for value in sorted(before) if value not in current][:MOST_VALUES]
    # Where nothing was counted before there is no usual level, and nothing is far above it.
    known = any(period.values() for period in earlier)
    lines = []
    for value, number in [*shown, *gone]:
        usual = sum(period.get(value, 0) for period in earlier) / len(earlier) if hot and earlier else None
        lines.append(
            Counted(
                value,
                number,
                round(number / total, 4) if total else 0.0,
                before.get(value, 0) if compare else None,
                None if usual is None else round(usual, 2),
                known and value != MISSING and _is_hot(number, usual, hot),
            )
        )
    if rest:
        number = sum(count for _, count in rest)
        past = sum(before.get(value, 0) for value, _ in rest) if compare else None
        lines.append(Counted(OTHERS, number, round(number / total, 4), past))
    return tuple(lines)


def _is_hot(number: int, usual: float | None, rule: HotRule | None) -> bool:
    return rule is not None and usual is not None and number >= rule.least and number >= rule.times * usual


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
        .where(scope.condition(now))
    )


# --- months


def _whole_months(since: datetime, until: datetime) -> int:
    """Return how many calendar months in China the period is; 0 if it is not whole ones."""
    first, last = since.astimezone(SHANGHAI), until.astimezone(SHANGHAI)
    if any((at.day, at.hour, at.minute, at.second, at.microsecond) != (1, 0, 0, 0, 0) for at in (first, last)):
        return 0
    return (last.year - first.year) * 12 + last.month - first.month


def _months_earlier(at: datetime, months: int) -> datetime:
    local = at.astimezone(SHANGHAI)
    year, month = divmod(local.year * 12 + local.month - 1 - months, 12)
    return local.replace(year=year, month=month + 1).astimezone(at.tzinfo)
