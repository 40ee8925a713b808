"""Which days are working days in China: the arrangement that the State Council publishes for each year.

The years that the library `chinesecalendar` knows come from it; a year in the office's own table comes from
the table alone, so that a new year can be entered the day it is published and an error corrected. Nobody
guesses: a year in neither raises `UnpublishedYear`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import version
from typing import Any

from chinese_calendar.constants import Holiday, holidays, workdays

from engine.errors import EngineError

SATURDAY = 5


class UnpublishedYear(EngineError):
    """该年的放假安排尚未公布。"""

    def __init__(self, year: int) -> None:
        super().__init__(f"{year}年的放假安排尚未公布，无法计算工作日；请在节假日表中录入该年的放假安排后重试。")
        self.year = year


class YearTableInvalid(EngineError):
    """节假日表有误。"""

    def __init__(self, findings: Iterable[str]) -> None:
        self.findings = tuple(findings)
        super().__init__("节假日表有误：" + "；".join(self.findings))


@dataclass(frozen=True)
class SpecialDay:
    """A day that differs from the plain week, or a named holiday: `name` is `国庆节`, `source` the notice."""

    day: date
    working: bool
    name: str
    source: str


YearTable = Mapping[int, tuple[SpecialDay, ...]]
"""Year -> all its special days.

Days not listed follow the plain week (Saturday and Sunday are days of rest).
"""


def read_year_table(data: Mapping[Any, Iterable[Any] | None]) -> YearTable:
    """Return the table kept as plain data (YAML, JSON or database rows): `{year: [row]}`.

    A row is `(date, working, name, source)` or a mapping with these keys; the date a `date` or ISO text. A
    year must list every special day it has, each with the notice it comes from. Raise `YearTableInvalid`
    with all findings.
    """
    findings: list[str] = []
    table: dict[int, tuple[SpecialDay, ...]] = {}
    for key, rows in data.items():
        try:
            year = int(key)
        except (TypeError, ValueError):
            findings.append(f"“{key}”不是年份")
            continue
        table[year] = tuple(sorted(_days(year, rows, findings), key=lambda special: special.day))
    if findings:
        raise YearTableInvalid(findings)
    return table


def _days(year: int, rows: Iterable[Any] | None, findings: list[str]) -> Iterable[SpecialDay]:
    seen: set[date] = set()
    empty = True
    for position, row in enumerate(rows or (), start=1):
        empty = False
        where = f"{year}年第{position}行"
        special = _special_day(row)
        if special is None:
            findings.append(f"{where}应有日期、是否上班（true或false）、名称和依据")
        elif special.day.year != year:
            findings.append(f"{where}的日期{special.day}不在该年")
        elif special.day in seen:
            findings.append(f"{where}的日期{special.day}重复")
        elif not special.source.strip():
            findings.append(f"{where}没有写明依据（例如国务院办公厅通知的文号）")
        else:
            seen.add(special.day)
            yield special
    if empty:
        findings.append(f"{year}年没有任何放假安排")


def _special_day(row: Any) -> SpecialDay | None:
    if isinstance(row, Mapping):
        row = [row.get(key) for key in ("date", "working", "name", "source")]
    match row:
        case [day, bool(working), str(name), str(source)]:
            try:
                when = day if isinstance(day, date) else date.fromisoformat(day)
            except (TypeError, ValueError):
                return None
            return SpecialDay(when, working, name, source)
        case _:
            return None


@cache
def _library() -> YearTable:
    """Return what `chinesecalendar` knows. A year counts as known when its National Day is in."""
    source = f"chinesecalendar {version('chinesecalendar')}"
    table: dict[int, list[SpecialDay]] = {
        day.year: [] for day, name in holidays.items() if name == Holiday.national_day.value
    }
    for days, working in ((holidays, False), (workdays, True)):
        for day, name in days.items():
            if day.year in table:
                table[day.year].append(SpecialDay(day, working, Holiday(name).chinese, source))
    return {year: tuple(sorted(days, key=lambda special: special.day)) for year, days in table.items()}


class ChinaCalendar:
    """The calendar in force, as `engine.ports.Calendar`. Immutable: a changed table makes a new one."""

    def __init__(self, table: YearTable | None = None) -> None:
        """`table` is the office's own, from `read_year_table`; its years replace the library's."""
        years = {**_library(), **(table or {})}
        self._years = frozenset(years)
        self._special = {special.day: special for days in years.values() for special in days}
        self._version = f"chinesecalendar {version('chinesecalendar')}" + _fingerprint(table or {})

    def is_working_day(self, day: date) -> bool:
        """Say whether `day` is a working day.

        Raise `UnpublishedYear` for a year whose arrangement is not out.
        """
        special = self.special(day)
        return special.working if special else day.weekday() < SATURDAY

    def special(self, day: date) -> SpecialDay | None:
        """Return what the arrangement says of `day`, `None` for a day of the plain week.

        Raise `UnpublishedYear`.
        """
        if day.year not in self._years:
            raise UnpublishedYear(day.year)
        return self._special.get(day)

    def years(self) -> tuple[int, ...]:
        """Return the years that are known, in order."""
        return tuple(sorted(self._years))

    def version(self) -> str:
        """Return the library's version, followed by a fingerprint of the office's table if it has one."""
        return self._version


def _fingerprint(table: YearTable) -> str:
    if not table:
        return ""
    rows = [
        [special.day.isoformat(), special.working, special.name, special.source]
        for _year, days in sorted(table.items())
        for special in days
    ]
    digest = hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()
    return f" + {digest[:12]}"
