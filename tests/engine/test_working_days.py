"""The arithmetic of periods, against a calendar made up for the purpose and against its own laws."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import working_days
from engine.clock import SHANGHAI

DAYS = st.dates(min_value=date(2000, 1, 1), max_value=date(2090, 12, 31))
AMOUNTS = st.integers(min_value=0, max_value=400)


class Week:
    """Monday to Friday, with days taken out and put in."""

    def __init__(self, holidays: frozenset[date] = frozenset(), made_up: frozenset[date] = frozenset()) -> None:
        self.holidays = holidays
        self.made_up = made_up

    def is_working_day(self, day: date) -> bool:
        return day in self.made_up or (day.weekday() < 5 and day not in self.holidays)

    def version(self) -> str:
        return "week"


def test_a_period_of_days_ends_at_midnight_of_its_last_day() -> None:
    last = working_days.add_calendar_days(date(2026, 11, 23), 3)
    assert last == date(2026, 11, 26)
    assert working_days.end_of(last) == datetime(2026, 11, 26, 16, tzinfo=UTC)


def test_midnight_closes_a_day_and_begins_the_next() -> None:
    midnight = working_days.end_of(date(2026, 11, 26))
    assert working_days.last_day_before(midnight) == date(2026, 11, 26)
    assert working_days.day_of(midnight) == date(2026, 11, 27)


def test_the_day_is_the_chinese_day() -> None:
    assert working_days.day_of(datetime(2026, 11, 22, 16, tzinfo=UTC)) == date(2026, 11, 23)
    assert working_days.day_of(datetime(2026, 11, 22, 15, 59, tzinfo=UTC)) == date(2026, 11, 22)


@pytest.mark.parametrize(
    ("start", "months", "last"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2026, 3, 15), 12, date(2027, 3, 15)),
        (date(2026, 12, 1), 0, date(2026, 12, 1)),
    ],
)
def test_months_end_on_the_corresponding_day(start: date, months: int, last: date) -> None:
    assert working_days.add_calendar_months(start, months) == last


def test_working_days_skip_a_holiday_and_count_a_made_up_sunday() -> None:
    week = Week(holidays=frozenset({date(2026, 11, 24)}), made_up=frozenset({date(2026, 11, 29)}))
    assert working_days.add_working_days(date(2026, 11, 23), 4, week) == date(2026, 11, 29)


def test_the_first_day_is_not_counted_even_if_it_is_a_day_of_rest() -> None:
    assert working_days.add_working_days(date(2026, 11, 28), 1, Week()) == date(2026, 11, 30)


def test_no_days_end_on_the_day_itself() -> None:
    assert working_days.add_working_days(date(2026, 11, 28), 0, Week()) == date(2026, 11, 28)


def test_a_negative_period_is_refused() -> None:
    with pytest.raises(ValueError, match="after its start"):
        working_days.add_calendar_days(date(2026, 1, 1), -1)


@given(DAYS, AMOUNTS)
def test_a_working_period_ends_on_a_working_day_with_that_many_behind_it(start: date, amount: int) -> None:
    last = working_days.add_working_days(start, amount, Week())
    passed = [start + timedelta(days=n) for n in range(1, (last - start).days + 1)]
    assert sum(Week().is_working_day(day) for day in passed) == amount
    assert not passed or Week().is_working_day(last)


@given(DAYS, st.integers(0, 100), st.integers(0, 100))
def test_working_periods_add_up(start: date, first: int, second: int) -> None:
    middle = working_days.add_working_days(start, first, Week())
    assert working_days.add_working_days(middle, second, Week()) == working_days.add_working_days(
        start, first + second, Week()
    )


@given(DAYS, AMOUNTS)
def test_working_days_take_at_least_as_long_as_calendar_days(start: date, amount: int) -> None:
    assert working_days.add_working_days(start, amount, Week()) >= working_days.add_calendar_days(start, amount)


@given(DAYS, st.integers(0, 1200))
def test_months_land_in_the_right_month_and_never_later_in_it(start: date, months: int) -> None:
    last = working_days.add_calendar_months(start, months)
    assert (last.year * 12 + last.month) - (start.year * 12 + start.month) == months
    assert last.day <= start.day


@given(DAYS)
def test_the_first_working_day_is_the_nearest_one(start: date) -> None:
    found = working_days.first_working_day(start, Week())
    assert Week().is_working_day(found)
    assert not any(Week().is_working_day(start + timedelta(days=n)) for n in range((found - start).days))


@given(DAYS)
def test_every_day_ends_when_the_next_begins(day: date) -> None:
    end = working_days.end_of(day)
    assert end == working_days.start_of(day + timedelta(days=1))
    assert (end.astimezone(SHANGHAI).hour, end.tzinfo) == (0, UTC)
