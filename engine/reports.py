"""Reports: the statistics of a period for whoever may read them, each number with the cases behind it.

A report is a process of the latest deployment with the property `report_readers`: the groups that may read its page.
Further properties, all of them optional: `report_processes` (ids of the processes counted, separated by commas; none:
all), `report_by` (dimensions; none: all that the cases have), `report_period` (day, week, month, quarter; default
month), `report_targets` (a decision whose rows are the targets, see `engine.statistics.read_targets`), `report_hot`
(`times, least, periods` of `HotRule`). Auditors and administrators also read the one over all processes.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from sqlalchemy import Connection, select

from engine import permissions, statistics
from engine.casework.errors import NotAllowed, NotFound
from engine.casework.visibility import sees
from engine.check.diagrams import COMMON_TARGETS, READERS
from engine.clock import SHANGHAI
from engine.database import Database
from engine.decisions import DecisionError
from engine.deployments import Bundle, Deployments, latest_key
from engine.errors import EngineError
from engine.feel import Feel
from engine.identity import Person, display_names
from engine.permissions import Act
from engine.ports import Clock
from engine.statistics import Counted, HotRule, Kpi, Scope, Totals, Where
from engine.tables import case
from engine.working_days import ONE_DAY
from engine.worklist import CaseSummary, masking
from engine.worklist.pages import summary

EVERYTHING = ""
"""The id of the report over all processes."""
_PAGE = 50
_LOOK_AGAIN = timedelta(seconds=30)


class Period(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"

    def first_day(self, day: date) -> date:
        """Return the first day of the period that `day` lies in. Weeks begin on Monday."""
        match self:
            case Period.DAY:
                return day
            case Period.WEEK:
                return day - timedelta(days=day.weekday())
            case Period.MONTH:
                return day.replace(day=1)
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)

    def next(self, first: date) -> date:
        """Return the first day of the period after the one that begins on `first`."""
        match self:
            case Period.DAY:
                return first + ONE_DAY
            case Period.WEEK:
                return first + timedelta(weeks=1)
        months = 1 if self is Period.MONTH else 3
        year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
        return date(year, month + 1, 1)


@dataclass(frozen=True)
class Report:
    """What a report counts."""

    id: str
    """The process that it is named after; `EVERYTHING` for all cases."""
    name: str
    readers: frozenset[str]
    processes: tuple[str, ...] | None = None
    by: tuple[str, ...] = ()
    """Dimensions; none: all that the cases have."""
    period: Period = Period.MONTH
    targets: str = ""
    """The decision that lists them; "": none."""
    hot: HotRule = field(default_factory=HotRule)


@dataclass(frozen=True)
class Figures:
    """A report of one period."""

    report: Report
    period: Period
    first: date
    last: date
    where: Where
    totals: Totals
    before: Totals
    """Of the period before."""
    tables: Mapping[str, tuple[Counted, ...]]
    """By dimension."""
    kpis: tuple[Kpi, ...]
    problem: str = ""
    """Why there are no targets, in Chinese; "" if nothing is wrong."""


@dataclass(frozen=True)
class CasePage:
    """The cases behind a number."""

    cases: tuple[CaseSummary, ...]
    total: int
    """All that were counted, also those the person may not see."""
    next: int | None
    """Pass as `before` for the page that follows; None on the last."""


class Reports:
    """`Reports(database, deployments, feel, clock=clock)`. Read only, thread-safe."""

    def __init__(self, database: Database, deployments: Deployments, feel: Feel, *, clock: Clock) -> None:
        self._database = database
        self._deployments = deployments
        self._feel = feel
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at: datetime | None = None
        self._readers: frozenset[str] = frozenset()

    def available(self, person: Person) -> tuple[Report, ...]:
        """Return the reports that the person may read, the one over everything first; none for most people."""
        with self._database.read() as tx:
            return self._available(tx, person)

    def reads_any(self, person: Person) -> bool:
        """Say whether the person may read any report, as it was half a minute ago at most: for the way to them."""
        if permissions.may(person, Act.SEE_REPORT):
            return True
        now = self._clock.now()
        with self._lock:
            if self._looked_at is None or abs(now - self._looked_at) >= _LOOK_AGAIN:
                with self._database.read() as tx:
                    bundle = self._bundle(tx)
                declared = bundle.diagrams.values() if bundle else ()
                named = (_names(process.properties.get(READERS, "")) for process in declared)
                self._readers = frozenset(name for names in named for name in names)
                self._looked_at = now
            return permissions.may(person, Act.SEE_REPORT, *permissions.of_report(person, self._readers))

    def figures(
        self, person: Person, report_id: str, *, day: date | None = None, period: Period | None = None, where: Where
    ) -> Figures:
        """Return the report of the period that `day` (default: today) lies in. Raise `NotFound`, `TooMany`."""
        now = self._clock.now()
        with self._database.read() as tx:
            report = self._report(tx, person, report_id)
            chosen = period or report.period
            scope, first, last = _scope(report, chosen, day or now.astimezone(SHANGHAI).date(), where)
            names = report.by or (*statistics.dimensions(tx, scope, now=now), statistics.PROCESS)
            kpis, problem = self._kpis(tx, report, scope, now)
            return Figures(
                report=report,
                period=chosen,
                first=first,
                last=last,
                where=where,
                totals=statistics.totals(tx, scope, now=now),
                before=statistics.totals(tx, scope.before(), now=now),
                tables=statistics.by_dimensions(tx, scope, names, compare=True, hot=report.hot, now=now),
                kpis=kpis,
                problem=problem,
            )

    def cases(
        self,
        person: Person,
        report_id: str,
        *,
        day: date,
        period: Period,
        where: Where,
        before: int | None = None,
    ) -> CasePage:
        """Return the cases behind a number, newest first: those of them that the person may see. Raise `NotFound`."""
        now = self._clock.now()
        with self._database.read() as tx:
            report = self._report(tx, person, report_id)
            scope, _, _ = _scope(report, period, day, where)
            query = select(case).where(scope.condition(now), sees(person)).order_by(case.c.key.desc())
            if before is not None:
                query = query.where(case.c.key < before)
            rows = tx.execute(query.limit(_PAGE + 1)).all()
            names = display_names(tx, [row.started_by for row in rows])
            found = tuple(masking.summary(summary(row, names, incidents=0)) for row in rows[:_PAGE])
            total = statistics.count(tx, scope, now=now)
            return CasePage(found, total, rows[_PAGE - 1].key if len(rows) > _PAGE else None)

    def _available(self, tx: Connection, person: Person) -> tuple[Report, ...]:
        found = []
        if permissions.may(person, Act.SEE_REPORT):
            found.append(Report(EVERYTHING, "全部案件", frozenset(), targets=self._common_targets(tx)))
        bundle = self._bundle(tx)
        for process in bundle.diagrams.values() if bundle else ():
            if READERS in process.properties:
                report = _declared(process.id, process.name or process.id, process.properties)
                if permissions.may(person, Act.SEE_REPORT, *permissions.of_report(person, report.readers)):
                    found.append(report)
        return tuple(found)

    def _report(self, tx: Connection, person: Person, report_id: str) -> Report:
        found = self._available(tx, person)
        if not found:
            raise NotAllowed("统计报表只供审计、管理员和报表指定的岗位查看。")
        for report in found:
            if report.id == report_id:
                return report
        raise NotFound

    def _bundle(self, tx: Connection) -> Bundle | None:
        key = latest_key(tx)
        return None if key is None else self._deployments.bundle(tx, key)

    def _common_targets(self, tx: Connection) -> str:
        bundle = self._bundle(tx)
        return COMMON_TARGETS if bundle and COMMON_TARGETS in bundle.decisions.decisions else ""

    def _kpis(self, tx: Connection, report: Report, scope: Scope, now: datetime) -> tuple[tuple[Kpi, ...], str]:
        bundle = self._bundle(tx)
        if not report.targets or bundle is None:
            return (), ""
        if report.targets not in bundle.decisions.decisions:
            return (), f"没有指标表“{report.targets}”。"
        variables = {"report": report.id, "on_date": scope.since.astimezone(SHANGHAI).date()}
        try:
            rows = bundle.decisions.evaluate(report.targets, variables, feel=self._feel, now=now).value
            return statistics.kpis(tx, scope, statistics.read_targets(rows), now=now), ""
        except (DecisionError, statistics.BadTarget) as error:
            return (), error.message


def _declared(report_id: str, name: str, properties: Mapping[str, str]) -> Report:
    processes = _names(properties.get("report_processes", ""))
    try:
        period = Period(properties.get("report_period", "").strip() or Period.MONTH)
    except ValueError:
        period = Period.MONTH
    return Report(
        id=report_id,
        name=name,
        readers=frozenset(_names(properties[READERS])),
        processes=processes or None,
        by=_names(properties.get("report_by", "")),
        period=period,
        targets=properties.get("report_targets", "").strip(),
        hot=_hot(properties.get("report_hot", "")),
    )


def _hot(text: str) -> HotRule:
    try:
        times, least, periods = (float(part) for part in text.split(","))
    except ValueError:
        return HotRule()
    return replace(HotRule(), times=times, least=int(least), periods=min(max(int(periods), 1), 12))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.replace("，", ",").split(",") if (name := part.strip()))


def _scope(report: Report, period: Period, day: date, where: Where) -> tuple[Scope, date, date]:
    try:
        first = period.first_day(day)
        following = period.next(first)
        scope = Scope(_midnight(first), _midnight(following), report.processes, where)
        scope.before().before().before().before()
    except (OverflowError, ValueError) as error:
        raise DayOutOfRange from error
    return scope, first, following - ONE_DAY


class DayOutOfRange(EngineError):
    """日期超出范围。"""


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)
