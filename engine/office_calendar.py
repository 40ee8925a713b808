"""The office's own year table, kept in the database, and the calendar that follows it.

A year entered here replaces what the library knows of it (see `engine.calendars`). Every process sees a change within
half a minute, without a restart; then the worker counts the open deadlines again that read the table.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, literal_column, select, update

from engine import identity, journal
from engine.bulk import insert_rows
from engine.calendars import ChinaCalendar, SpecialDay, YearTable, read_year_table
from engine.casework.errors import NotAllowed
from engine.database import Database
from engine.permissions import Act, may
from engine.ports import Clock
from engine.tables import calendar_day, calendar_year, deadline, work_item

_LOOK_AGAIN = timedelta(seconds=30)


class OfficeCalendar:
    """`engine.ports.Calendar` over the library and the year table. Thread-safe."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at: datetime | None = None
        self._mark: object = None
        self._calendar = ChinaCalendar()

    def is_working_day(self, day: date) -> bool:
        """Say whether `day` is a working day. Raise `UnpublishedYear` for a year whose arrangement is not out."""
        return self._current().is_working_day(day)

    def special(self, day: date) -> SpecialDay | None:
        """Return what the arrangement says of `day`, None for a day of the plain week. Raise `UnpublishedYear`."""
        return self._current().special(day)

    def years(self) -> tuple[int, ...]:
        """Return the years that are known, in order."""
        return self._current().years()

    def version(self) -> str:
        return self._current().version()

    def table(self) -> YearTable:
        """Return the years of the office's own table."""
        with self._database.read() as tx:
            return _table(tx)

    def save_year(self, year: int, rows: Iterable[Any], *, by: str) -> None:
        """Replace a year of the table: all its special days, `(date, working, name, source)` each.

        Raise `YearTableInvalid` with all findings, `NotAllowed` for who does not administer.
        """
        days = read_year_table({year: list(rows)})[year]
        with self._database.begin() as tx:
            now = self._begin(tx, by)
            _forget(tx, year)
            tx.execute(insert(calendar_year).values(year=year, changed_by=by, changed_at=now))
            insert_rows(tx, calendar_day, [{**asdict(day), "year": year} for day in days])
            _ring(tx, now)
            journal.record(tx, "calendar:changed", {"year": year, "days": [_facts(day) for day in days]}, by=by, at=now)
        self._looked_at = None

    def drop_year(self, year: int, *, by: str) -> None:
        """Take a year out of the table: the library decides again. No error if it is not there."""
        with self._database.begin() as tx:
            now = self._begin(tx, by)
            _forget(tx, year)
            _ring(tx, now)
            journal.record(tx, "calendar:changed", {"year": year, "days": []}, by=by, at=now)
        self._looked_at = None

    def _begin(self, tx: Connection, by: str) -> datetime:
        who = identity.load(tx, by)
        if who is None or not who.active or not may(who, Act.ADMINISTER):
            raise NotAllowed("只有管理员可以维护节假日表。")
        return self._clock.now()

    def _current(self) -> ChinaCalendar:
        now = self._clock.now()
        with self._lock:
            if self._looked_at is None or abs(now - self._looked_at) >= _LOOK_AGAIN:
                with self._database.read() as tx:
                    mark = tuple(tx.execute(select(func.count(), func.max(calendar_year.c.changed_at))).one())
                    if mark != self._mark:
                        self._calendar, self._mark = ChinaCalendar(_table(tx)), mark
                self._looked_at = now
            return self._calendar


def _table(tx: Connection) -> YearTable:
    rows: dict[int, list[tuple[date, bool, str, str]]] = {}
    for row in tx.execute(select(calendar_day).order_by(calendar_day.c.day)):
        rows.setdefault(row.year, []).append((row.day, row.working, row.name, row.source))
    return read_year_table(rows)


def _forget(tx: Connection, year: int) -> None:
    tx.execute(delete(calendar_day).where(calendar_day.c.year == year))
    tx.execute(delete(calendar_year).where(calendar_year.c.year == year))


def _ring(tx: Connection, now: datetime) -> None:
    """Have a worker look at whatever was counted by the calendar, once every process has seen the change."""
    soon = now + _LOOK_AGAIN + timedelta(seconds=1)
    running = deadline.c.closed_at.is_(None) & (deadline.c.calendar != "")
    items = (
        (work_item.c.state == literal_column("'CREATED'"))
        & work_item.c.kind.in_(("user_task", "timer"))
        & (work_item.c.due_calendar != "")
    )
    for table, counted in ((deadline, running), (work_item, items)):
        later = table.c.run_at.is_(None) | (table.c.run_at > soon)
        tx.execute(update(table).where(counted, later).values(run_at=soon))


def _facts(day: SpecialDay) -> dict[str, Any]:
    return {**asdict(day), "day": day.day.isoformat()}
