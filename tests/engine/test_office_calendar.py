"""The editable year table, on both databases."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from engine.calendars import UnpublishedYear, YearTableInvalid
from engine.casework.errors import NotAllowed
from engine.journal import HOUSE, verify
from engine.office_calendar import OfficeCalendar
from tests.engine.conftest import House

SPRING = [("2031-01-23", False, "春节", "国办发明电〔2030〕1号"), ("2031-01-25", True, "春节", "国办发明电〔2030〕1号")]


def test_a_year_nobody_published_is_unknown_until_it_is_entered(house: House) -> None:
    calendar = OfficeCalendar(house.database, clock=house.clock)
    before = calendar.version()
    with pytest.raises(UnpublishedYear):
        calendar.is_working_day(date(2031, 1, 23))
    calendar.save_year(2031, SPRING, by="root")
    assert not calendar.is_working_day(date(2031, 1, 23))  # a Thursday
    assert calendar.is_working_day(date(2031, 1, 25))  # a Saturday
    assert calendar.is_working_day(date(2031, 1, 27))
    assert calendar.version() != before
    assert 2031 in calendar.years()
    special = calendar.special(date(2031, 1, 23))
    assert special is not None
    assert (special.name, special.source) == ("春节", "国办发明电〔2030〕1号")
    assert verify(house.database, HOUSE).intact


def test_another_process_sees_it_within_half_a_minute(house: House) -> None:
    here, there = (OfficeCalendar(house.database, clock=house.clock) for _ in range(2))
    assert 2031 not in there.years()
    here.save_year(2031, SPRING, by="root")
    house.clock.advance(timedelta(seconds=30))
    assert 2031 in there.years()
    here.drop_year(2031, by="root")
    assert 2031 not in here.years()
    house.clock.advance(timedelta(seconds=30))
    assert 2031 not in there.years()


def test_an_entered_year_replaces_the_librarys(house: House) -> None:
    calendar = OfficeCalendar(house.database, clock=house.clock)
    assert not calendar.is_working_day(date(2026, 10, 1))
    calendar.save_year(2026, [("2026-10-05", False, "国庆节", "更正")], by="root")
    assert calendar.is_working_day(date(2026, 10, 1))
    assert list(calendar.table()) == [2026]


def test_wrong_rows_and_strangers_are_refused(house: House) -> None:
    calendar = OfficeCalendar(house.database, clock=house.clock)
    with pytest.raises(YearTableInvalid, match="不在该年"):
        calendar.save_year(2031, [("2030-01-23", False, "春节", "x")], by="root")
    with pytest.raises(NotAllowed):
        calendar.save_year(2031, SPRING, by="alice")
    with pytest.raises(NotAllowed):
        calendar.drop_year(2026, by="alice")
    assert calendar.table() == {}
