"""Deadline arithmetic over a given calendar, in days of Chinese time.

Civil Code of the PRC, art. 200-203: periods are counted by the Gregorian calendar; the first day is not
counted; a period of months ends on the corresponding day, or on the last day of a shorter month; the last
day ends at 24:00; a last day that is a statutory holiday gives way to the day after it. That last step is
`first_working_day`: it is applied only where a rule asks for it, since internal rules of a company count
otherwise.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta

from engine.clock import SHANGHAI
from engine.ports import Calendar

ONE_DAY = timedelta(days=1)


def end_of(day: date) -> datetime:
    """Return 24:00 of `day`, which is 00:00 of the next, aware, in UTC."""
    return datetime.combine(day + ONE_DAY, time(), SHANGHAI).astimezone(UTC)


def start_of(day: date) -> datetime:
    """Return 00:00 of `day`, aware, in UTC."""
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


def day_of(instant: datetime) -> date:
    """Return the day in which `instant`, aware, falls in China; 24:00 belongs to the next day."""
    return instant.astimezone(SHANGHAI).date()


def last_day_before(end: datetime) -> date:
    """Return the day in which a period ending at `end`, aware, ends: 24:00 belongs to the day it closes."""
    return day_of(end - timedelta(microseconds=1))


def add_calendar_days(day: date, days: int) -> date:
    """Return the `days`-th day after `day`.

    Raise `ValueError` for a negative number, `OverflowError` past 9999.
    """
    _require_natural(days)
    return day + timedelta(days=days)


def add_calendar_months(day: date, months: int) -> date:
    """Return the corresponding day `months` months on, or the last day of a shorter month."""
    _require_natural(months)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > date.max.year:
        raise OverflowError("date past the year 9999")
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def add_working_days(day: date, days: int, calendar: Calendar) -> date:
    """Return the `days`-th working day after `day`; `day` itself, working or not, for 0.

    Raise `UnpublishedYear` when the count reaches a year without an arrangement.
    """
    _require_natural(days)
    left = days
    while left:
        day += ONE_DAY
        left -= calendar.is_working_day(day)
    return day


def first_working_day(day: date, calendar: Calendar) -> date:
    """Return the first working day on or after `day`."""
    while not calendar.is_working_day(day):
        day += ONE_DAY
    return day


def _require_natural(amount: int) -> None:
    if amount < 0:
        raise ValueError("a deadline lies after its start")
