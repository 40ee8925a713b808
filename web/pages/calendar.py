"""The working-day calendar in force: the days that differ from the plain week, with their source."""

from __future__ import annotations

from datetime import date, timedelta

from flask import render_template, request

from engine.clock import SHANGHAI
from web.context import services


def show() -> str:
    this_year = services().clock.now().astimezone(SHANGHAI).year
    year = request.args.get("year", type=int) or this_year
    calendar = services().calendar
    year = min(max(year, this_year - 3), this_year + 3)
    published = year in calendar.years()
    first = date(year, 1, 1)
    dates = (first + timedelta(days=number) for number in range(366)) if published else ()
    return render_template(
        "calendar.html",
        year=year,
        years=range(this_year - 2, this_year + 3),
        published=published,
        days=[special for day in dates if day.year == year and (special := calendar.special(day))],
        version=calendar.version(),
    )
