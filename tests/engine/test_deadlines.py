"""The deadline functions: the instant, the rule, and the sentence that explains them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from engine.calendars import ChinaCalendar, UnpublishedYear
from engine.clock import SHANGHAI
from engine.deadlines import Deadline, DeadlineError, describe_instant, resolve

CALENDAR = ChinaCalendar()
RECEIVED = "2026-11-23T09:30:00+08:00"


def call(function: str, *arguments: Any) -> Deadline:
    return resolve({"function": function, "arguments": list(arguments)}, CALENDAR)


def local(deadline: Deadline) -> str:
    return deadline.at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("function", "arguments", "at", "explanation"),
    [
        ("calendarDays", (RECEIVED, 3), "2026-11-27 00:00", "自11月23日起第3个自然日24:00"),
        ("calendarDays", (RECEIVED, "3"), "2026-11-27 00:00", "自11月23日起第3个自然日24:00"),
        ("calendarDays", (date(2026, 12, 30), 3), "2027-01-03 00:00", "自2026年12月30日起第3个自然日24:00"),
        ("workingDays", (RECEIVED, 5), "2026-12-01 00:00", "自11月23日起第5个工作日24:00"),
        (
            "workingDays",
            ("2026-09-29", 3),
            "2026-10-10 00:00",
            "自9月29日起第3个工作日24:00，跳过10月1日至7日国庆节",
        ),
        (
            "workingDays",
            ("2026-09-29", 4),
            "2026-10-11 00:00",
            "自9月29日起第4个工作日24:00，跳过10月1日至7日国庆节，10月10日调休上班计入",
        ),
        ("calendarMonths", ("2026-08-31", 6), "2027-03-01 00:00", "自2026年8月31日起满6个月之日24:00"),
        ("hours", (RECEIVED, 24), "2026-11-24 09:30", "自11月23日09:30起24小时"),
        ("hours", (RECEIVED, 1.5), "2026-11-23 11:00", "自11月23日09:30起1.5小时"),
        ("minutes", (RECEIVED, 30), "2026-11-23 10:00", "自11月23日09:30起30分钟"),
        ("endOfDay", (RECEIVED,), "2026-11-24 00:00", "11月23日24:00"),
    ],
)
def test_functions(function: str, arguments: tuple[Any, ...], at: str, explanation: str) -> None:
    deadline = call(function, *arguments)
    assert (local(deadline), deadline.explanation) == (at, explanation)
    assert deadline.at.tzinfo is UTC


def test_only_what_read_the_calendar_names_its_version() -> None:
    assert call("workingDays", RECEIVED, 1).calendar_version == CALENDAR.version()
    assert call("calendarDays", RECEIVED, 1).calendar_version == ""


def test_the_last_day_on_a_holiday_gives_way_only_when_asked() -> None:
    plain = call("calendarDays", "2026-09-28", 3)
    moved = call("nextWorkingDay", plain)
    assert local(plain) == "2026-10-02 00:00"
    assert local(moved) == "2026-10-09 00:00"
    assert moved.explanation == "自9月28日起第3个自然日24:00，最后一日10月1日为国庆节，顺延至10月8日24:00"


def test_the_last_day_on_a_working_day_stays_with_everything_said_of_it() -> None:
    plain = call("calendarDays", RECEIVED, 3)
    moved = call("nextWorkingDay", plain)
    assert (moved.at, moved.explanation) == (plain.at, plain.explanation)


def test_a_weekend_is_called_by_its_day() -> None:
    assert "11月28日为周六" in call("nextWorkingDay", call("calendarDays", RECEIVED, 5)).explanation


def test_a_deadline_at_midnight_counts_from_the_day_it_closes() -> None:
    first = call("calendarDays", RECEIVED, 3)
    assert first.day == date(2026, 11, 26)
    assert local(call("calendarDays", first, 1)) == "2026-11-28 00:00"


def test_a_long_count_lists_the_first_holidays_only() -> None:
    explanation = call("workingDays", "2024-12-01", 300).explanation
    assert "跳过1月1日元旦、1月28日至2月4日春节" in explanation
    assert "段节假日" in explanation
    assert len(explanation) < 200


def test_a_calendar_without_names_still_explains() -> None:
    class Plain:
        def is_working_day(self, day: date) -> bool:
            return day.weekday() < 5 and day != date(2026, 11, 24)

        def version(self) -> str:
            return "plain"

    deadline = resolve({"function": "workingDays", "arguments": [RECEIVED, 2]}, Plain())
    assert deadline.explanation == "自11月23日起第2个工作日24:00，跳过11月24日休息日"


def test_a_limit_from_a_table_carries_its_source() -> None:
    limit = {"amount": 3, "unit": "calendar_days", "source": "公司重大投诉处理流程 2-2"}
    deadline = call("limit", RECEIVED, limit)
    assert (local(deadline), deadline.rule) == ("2026-11-27 00:00", "公司重大投诉处理流程 2-2")


@pytest.mark.parametrize("unit", ["calendar_days", "working_days", "calendar_months", "hours", "minutes"])
def test_every_unit_of_a_limit(unit: str) -> None:
    assert call("limit", RECEIVED, {"amount": 2, "unit": unit}).rule == ""


def test_a_rule_stays_with_what_is_counted_from_it() -> None:
    limit = {"amount": 3, "unit": "calendar_days", "source": "店规"}
    assert call("nextWorkingDay", call("limit", "2026-09-28", limit)).rule == "店规"


@pytest.mark.parametrize(
    ("function", "arguments", "cause"),
    [
        ("calendarDays", (None, 3), "起算时间还不知道"),
        ("calendarDays", ("soon", 3), "不是日期"),
        ("calendarDays", (7, 3), "应是日期"),
        ("calendarDays", (RECEIVED, None), "应是数字"),
        ("calendarDays", (RECEIVED, True), "应是数字"),
        ("calendarDays", (RECEIVED, "three"), "应是数字"),
        ("calendarDays", (RECEIVED, 1.5), "应是整数"),
        ("calendarDays", (RECEIVED, -1), "应在0和"),
        ("calendarDays", (RECEIVED, 10**9), "应在0和"),
        ("calendarDays", ("9999-12-30", 9), "超出范围"),
        ("calendarMonths", ("9999-12-30", 9), "超出范围"),
        ("limit", (RECEIVED, 3), "amount, unit, source"),
        ("limit", (RECEIVED, {"amount": 3, "unit": "days"}), "期限单位“days”不认识"),
        ("limit", (RECEIVED, {"unit": "hours"}), "amount"),
    ],
)
def test_what_will_not_do_is_said(function: str, arguments: tuple[Any, ...], cause: str) -> None:
    with pytest.raises(DeadlineError, match=cause):
        call(function, *arguments)


def test_a_count_into_an_unpublished_year_stops() -> None:
    last = CALENDAR.years()[-1]
    with pytest.raises(UnpublishedYear, match=f"{last + 1}年"):
        call("workingDays", f"{last}-12-25", 10)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 11, 26, 16, tzinfo=UTC), "2026年11月26日24:00"),
        (datetime(2026, 11, 26, 7, 5, tzinfo=UTC), "2026年11月26日15:05"),
        (datetime(2026, 12, 31, 16, tzinfo=UTC), "2026年12月31日24:00"),
    ],
)
def test_an_instant_is_written_as_an_office_writes_it(at: datetime, text: str) -> None:
    assert describe_instant(at) == text
