"""Reports: the numbers of a period, each opening the cases behind it, and the same as a spreadsheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from flask import Response, render_template, request, url_for

from engine.clock import SHANGHAI
from engine.reports import Figures, Period
from engine.statistics import Where
from web import spreadsheets
from web.context import RequestError, key_in, person, services

_MOST_CONDITIONS = 20


@dataclass(frozen=True)
class Asked:
    """What the address asks for: which report, which period, narrowed to what."""

    report: str
    period: Period | None
    day: date | None
    where: Where


def show() -> str:
    asked = _asked()
    available = services().reports.available(person())
    report = asked.report if asked.report or not available else available[0].id
    figures = services().reports.figures(person(), report, day=asked.day, period=asked.period, where=asked.where)
    return render_template(
        "reports.html",
        figures=figures,
        available=available,
        periods=list(Period),
        link=_Links(figures),
    )


def cases() -> str:
    """List the cases behind a number, as far as one may see them."""
    asked = _asked()
    today = services().clock.now().astimezone(SHANGHAI).date()
    asked = replace(asked, day=asked.day or today, period=asked.period or Period.MONTH)
    before = request.args.get("before", type=key_in)
    page = services().reports.cases(
        person(),
        asked.report,
        day=asked.day or today,
        period=asked.period or Period.MONTH,
        where=asked.where,
        before=before,
    )
    return render_template("report_cases.html", asked=asked, page=page, pairs=_pairs(asked.where))


def xlsx() -> Response:
    asked = _asked()
    figures = services().reports.figures(person(), asked.report, day=asked.day, period=asked.period, where=asked.where)
    answer = Response(spreadsheets.of_report(figures), mimetype=spreadsheets.MIME)
    answer.headers.set("Content-Disposition", "attachment", filename=f"report-{figures.first}-{figures.period}.xlsx")
    return answer


class _Links:
    """The addresses around a report: the same with another period, narrower, or the cases behind a number."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def period(self, period: Period) -> str:
        return url_for("reports.show", **self._around(period=period))

    def earlier(self) -> str:
        before = self._figures.first.toordinal() - 1
        return url_for("reports.show", **self._around(day=date.fromordinal(max(before, 1))))

    def later(self) -> str:
        after = self._figures.last.toordinal() + 1
        return url_for("reports.show", **self._around(day=date.fromordinal(min(after, date.max.toordinal()))))

    def without(self, dimension: str) -> str:
        where = {name: values for name, values in self._figures.where.items() if name != dimension}
        return url_for("reports.show", **self._around(where=where))

    def narrowed(self, dimension: str, value: str) -> str:
        return url_for("reports.show", **self._around(where={**self._figures.where, dimension: (value,)}))

    def cases(self, where: Where | None = None, **values: str) -> str:
        """Return the cases of this report that have these values too."""
        given = {name: (value,) for name, value in values.items()}
        return url_for("reports.cases", **self._around(where={**self._figures.where, **(where or {}), **given}))

    def of(self, dimension: str, value: str) -> str:
        return self.cases({dimension: (value,)})

    def xlsx(self) -> str:
        return url_for("reports.xlsx", **self._around())

    def _around(self, **other: Any) -> dict[str, Any]:
        figures = self._figures
        values = {"period": figures.period, "day": figures.first, "where": figures.where, **other}
        return {
            "report": figures.report.id or None,
            "period": str(values["period"]),
            "day": values["day"].isoformat(),
            "is": _pairs(values["where"]),
        }


def _pairs(where: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [f"{name}={value}" for name, values in where.items() for value in values]


def _asked() -> Asked:
    return Asked(
        report=request.args.get("report", "")[:255],
        period=_period(request.args.get("period", "")),
        day=_day(request.args.get("day", "")),
        where=_where(request.args.getlist("is")),
    )


def _period(text: str) -> Period | None:
    return Period(text) if text in set(Period) else None


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise RequestError from error


def _where(pairs: list[str]) -> Where:
    found: dict[str, tuple[str, ...]] = {}
    for pair in pairs[:_MOST_CONDITIONS]:
        name, equals, value = pair.partition("=")
        if not equals or not name or not value or len(pair) > 300:
            raise RequestError
        found[name] = (*found.get(name, ()), value)
    return found
