"""The Chinese calendar: the library's years, the office's own table, and the years nobody has published."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from engine.calendars import ChinaCalendar, UnpublishedYear, YearTableInvalid, read_year_table

NOTICE = "国务院办公厅关于2027年部分节假日安排的通知（测试用）"
TABLE = {
    2027: [
        (date(2027, 1, 1), False, "元旦", NOTICE),
        ("2027-02-06", False, "春节", NOTICE),
        {"date": "2027-02-14", "working": True, "name": "春节", "source": NOTICE},
    ]
}


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2026, 10, 1), False),
        (date(2026, 10, 7), False),
        (date(2026, 10, 8), True),
        (date(2026, 10, 10), True),  # a Saturday made up for the holiday
        (date(2026, 10, 11), False),
        (date(2026, 11, 23), True),
        (date(2024, 2, 4), True),  # a Sunday before Spring Festival
        (date(2025, 10, 6), False),
    ],
)
def test_published_years(day: date, working: bool) -> None:
    assert ChinaCalendar().is_working_day(day) is working


def test_an_unpublished_year_is_named_and_never_guessed() -> None:
    with pytest.raises(UnpublishedYear, match="2031年的放假安排尚未公布") as caught:
        ChinaCalendar().is_working_day(date(2031, 1, 4))
    assert caught.value.year == 2031


def test_special_days_have_their_name_and_source() -> None:
    special = ChinaCalendar().special(date(2026, 10, 1))
    assert special is not None
    assert (special.name, special.working) == ("国庆节", False)
    assert special.source.startswith("chinesecalendar ")
    assert ChinaCalendar().special(date(2026, 11, 23)) is None


def test_a_year_of_the_offices_table_counts() -> None:
    calendar = ChinaCalendar(read_year_table(TABLE))
    assert not calendar.is_working_day(date(2027, 1, 1))
    assert calendar.is_working_day(date(2027, 2, 14))
    assert calendar.is_working_day(date(2027, 1, 4))
    assert not calendar.is_working_day(date(2027, 1, 9))
    assert 2027 in calendar.years()


def test_a_year_of_the_offices_table_replaces_the_librarys() -> None:
    table = read_year_table({"2026": [("2026-10-01", False, "国庆节", NOTICE)]})
    calendar = ChinaCalendar(table)
    assert not calendar.is_working_day(date(2026, 10, 1))
    assert calendar.is_working_day(date(2026, 10, 2))


def test_the_version_changes_with_the_table_and_only_with_it() -> None:
    plain, own = ChinaCalendar(), ChinaCalendar(read_year_table(TABLE))
    assert plain.version() == ChinaCalendar().version()
    assert own.version() == ChinaCalendar(read_year_table(TABLE)).version()
    assert own.version() != plain.version()
    assert own.version().startswith(plain.version())


@pytest.mark.parametrize(
    ("data", "finding"),
    [
        ({"next": []}, "“next”不是年份"),
        ({2027: []}, "2027年没有任何放假安排"),
        ({2027: None}, "2027年没有任何放假安排"),
        ({2027: [("2026-01-01", False, "元旦", NOTICE)]}, "不在该年"),
        ({2027: [("2027-01-01", False, "元旦", " ")]}, "依据"),
        ({2027: [("2027-01-01", "no", "元旦", NOTICE)]}, "第1行应有日期"),
        ({2027: [("2027-13-01", False, "元旦", NOTICE)]}, "第1行应有日期"),
        ({2027: [("2027-01-01",)]}, "第1行应有日期"),
        ({2027: [3]}, "第1行应有日期"),
        ({2027: [("2027-01-01", False, "元旦", NOTICE)] * 2}, "第2行的日期2027-01-01重复"),
    ],
)
def test_a_faulty_table_is_refused_with_its_rows(data: Any, finding: str) -> None:
    with pytest.raises(YearTableInvalid) as caught:
        read_year_table(data)
    assert any(finding in text for text in caught.value.findings)
    assert finding in caught.value.message
