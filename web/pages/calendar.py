"""The working-day calendar in force: the days that differ from the plain week, with their source.

Administrators enter a year as the State Council's notice reads, a line a day or a run of days.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby

from flask import flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from engine.calendars import SpecialDay, YearTableInvalid
from engine.clock import SHANGHAI
from engine.permissions import Act, may
from web.context import RequestError, person, services

_REST, _WORK = "休息", "上班"
_DAY = r"(?:\d{4}[-年])?\d{1,2}[-月]\d{1,2}日?"
_LINE = re.compile(
    rf"(?P<first>{_DAY})(?:\s*(?:至|到|—|~)\s*(?P<last>{_DAY}))?\s+(?P<what>{_REST}|{_WORK})\s+(?P<name>\S.*)"
)
_LONGEST_RUN = 31
_NUMBER = re.compile(r"\d+")

Row = tuple[date, bool, str, str]


def show() -> AnyResponse:
    return make_response(_page(_year(request.args.get("year", type=int))))


def save() -> AnyResponse:
    """Replace a year of the office's table by the lines posted; what was typed comes back with whatever is wrong."""
    year, text, source = _posted_year(), request.form.get("days", ""), request.form.get("source", "").strip()
    rows, findings = _rows(year, text, source)
    if not source:
        findings.insert(0, gettext("请写明依据：哪一份通知。"))
    if not findings:
        try:
            services().calendar.save_year(year, rows, by=person().username)
        except YearTableInvalid as error:
            findings.extend(error.findings)
        else:
            flash(gettext("已保存 %(year)s 年的放假安排。", year=year), "done")
            return redirect(url_for("calendar.show", year=year), 303)
    return make_response(_page(year, text=text, source=source, findings=findings), 422)


def drop() -> AnyResponse:
    """Take a year out of the office's table, so that the library's own knowledge counts again."""
    year = _posted_year()
    services().calendar.drop_year(year, by=person().username)
    flash(gettext("%(year)s 年改回系统自带的安排。", year=year), "done")
    return redirect(url_for("calendar.show", year=year), 303)


def _page(year: int, *, text: str | None = None, source: str | None = None, findings: Sequence[str] = ()) -> str:
    calendar = services().calendar
    published = year in calendar.years()
    first = date(year, 1, 1)
    dates = (first + timedelta(days=number) for number in range(366)) if published else ()
    days = [special for day in dates if day.year == year and (special := calendar.special(day))]
    this_year = _this_year()
    return render_template(
        "calendar.html",
        year=year,
        years=range(this_year - 2, this_year + 3),
        published=published,
        days=days,
        version=calendar.version(),
        may_change=may(person(), Act.ADMINISTER),
        entered=year in calendar.table(),
        text="\n".join(_lines(days)) if text is None else text,
        source=(days[0].source if days else "") if source is None else source,
        findings=findings,
    )


def _this_year() -> int:
    return services().clock.now().astimezone(SHANGHAI).year


def _year(asked: int | None) -> int:
    this_year = _this_year()
    return min(max(asked or this_year, this_year - 3), this_year + 3)


def _posted_year() -> int:
    year = request.form.get("year", type=int)
    if year is None or year != _year(year):
        raise RequestError
    return year


def _rows(year: int, text: str, source: str) -> tuple[list[Row], list[str]]:
    """Return a row for every day that `text` names, and a sentence for every line that cannot be read."""
    rows: list[Row] = []
    findings: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                rows.extend((*day, source) for day in _days(year, line.strip()))
            except ValueError:
                findings.append(_unreadable(number, line.strip()))
    return rows, findings


def _unreadable(number: int, line: str) -> str:
    sentence: str = gettext(
        "第%(number)s行“%(line)s”读不懂，应如“10月1日至10月7日 休息 国庆节”。", number=number, line=line
    )
    return sentence


def _days(year: int, line: str) -> list[tuple[date, bool, str]]:
    """Return the days a line names, (day, working, name) each. Raise ValueError if it cannot be read."""
    read = _LINE.fullmatch(line)
    if read is None:
        raise ValueError(line)
    first = _date(year, read["first"])
    length = (_date(year, read["last"] or read["first"]) - first).days + 1
    if not 1 <= length <= _LONGEST_RUN:
        raise ValueError(line)
    return [(first + timedelta(days=ahead), read["what"] == _WORK, read["name"]) for ahead in range(length)]


def _date(year: int, text: str) -> date:
    numbers = [int(found) for found in _NUMBER.findall(text)]
    return date(*numbers) if len(numbers) == 3 else date(year, *numbers)


def _lines(days: Sequence[SpecialDay]) -> Iterator[str]:
    """Write days as they are entered, runs of the same arrangement as one line."""

    def run(item: tuple[int, SpecialDay]) -> tuple[int, bool, str]:
        number, special = item
        return special.day.toordinal() - number, special.working, special.name

    for (_, working, name), group in groupby(enumerate(days), run):
        run_of_days = [special.day for _, special in group]
        first, last = run_of_days[0], run_of_days[-1]
        span = f"{first.month}月{first.day}日" + (f"至{last.month}月{last.day}日" if last != first else "")
        yield f"{span} {_WORK if working else _REST} {name}"
