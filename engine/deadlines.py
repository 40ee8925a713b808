"""A deadline: an instant together with the rule that set it, and how the FEEL deadline functions compute one.

This is the only implementation of the arithmetic. FEEL does not compute deadlines itself: the isolate
collects the calls it meets, `resolve` answers them, and the expression is evaluated again with real
instants in their place (`engine/feel.py`). So the same code and the same calendar serve expressions, the
command line and the tests, and an expression can compare a deadline or do arithmetic with it like with any
date and time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol, runtime_checkable

from engine import working_days
from engine.clock import SHANGHAI
from engine.errors import EngineError
from engine.ports import Calendar

LONGEST = 100_000
"""The largest amount that a deadline function takes: a guard against a slip of the keyboard."""


MOST_LISTED = 6
"""How many holidays an explanation lists by name."""


class DeadlineError(EngineError):
    """期限无法计算。"""


@dataclass(frozen=True)
class Deadline:
    """When something is due, and why.

    `at` is aware, in UTC. `rule` is the text of the law or policy that set it ("" if the expression names
    none). `explanation` is a Chinese clause for the page: `自11月23日起第3个自然日24:00`.
    `calendar_version` names the holiday data the computation read ("" when it read none).
    """

    at: datetime
    rule: str
    explanation: str
    calendar_version: str

    @property
    def day(self) -> date:
        """The day in China that it closes: 24:00 belongs to the day that ends with it."""
        return working_days.last_day_before(self.at)


class NamedDay(Protocol):
    """What a calendar that knows names says of a day: `国庆节`, and whether it is a make-up day."""

    @property
    def working(self) -> bool: ...
    @property
    def name(self) -> str: ...


@runtime_checkable
class NamingCalendar(Calendar, Protocol):
    """A calendar that can also name its special days."""

    def special(self, day: date) -> NamedDay | None:
        """Return what the arrangement says of `day`, `None` for a day of the plain week."""


def resolve(descriptor: Mapping[str, Any], calendar: Calendar) -> Deadline:
    """Return the deadline that a call of a FEEL deadline function stands for.

    `descriptor` is `{"function": name, "arguments": [...]}`; an argument is a `datetime` (aware), a `date`,
    ISO 8601 text (as variables keep it), a `Deadline`, a number or number text, or the limit `{amount,
    unit, source}`. Raise `DeadlineError` for an argument that will not do, `UnpublishedYear` when the
    calendar ends.
    """
    name, arguments = descriptor["function"], descriptor["arguments"]
    try:
        if name == "limit":
            start, limit = arguments
            return _limit(start, limit, calendar)
        start, *amounts = arguments
        amount = _amount(amounts[0], f"{name} 的第二个参数") if amounts else None
        return _COMPUTE[name](_start(start, name), amount, calendar)
    except (OverflowError, ValueError):
        raise DeadlineError(f"{name} 算出的日期超出范围，请检查参数") from None


def describe_instant(at: datetime) -> str:
    """Return `at`, aware, in Chinese time for a page: `2026年11月26日24:00`, `2026年11月26日15:30`."""
    local = at.astimezone(SHANGHAI)
    if (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0):
        day = local.date() - working_days.ONE_DAY
        return f"{day.year}年{day.month}月{day.day}日24:00"
    return f"{local.year}年{local.month}月{local.day}日{local:%H:%M}"


# --- arguments --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Start:
    """Where a deadline counts from: the instant, the day it belongs to, and what had been said of it."""

    at: datetime
    day: date
    before: Deadline | None = None


def _start(value: Any, name: str) -> _Start:
    match value:
        case Deadline():
            return _Start(value.at, value.day, value)
        case datetime() if value.tzinfo is None:
            return _start(value.replace(tzinfo=SHANGHAI), name)
        case datetime():
            return _Start(value.astimezone(UTC), working_days.day_of(value))
        case date():
            return _Start(working_days.start_of(value), value)
        case str():
            return _start(_parsed(value, name), name)
        case None:
            raise DeadlineError(f"{name} 的第一个参数没有值：起算时间还不知道")
        case _:
            raise DeadlineError(f"{name} 的第一个参数应是日期或日期时间，不是“{value}”")


def _parsed(text: str, name: str) -> date | datetime:
    try:
        return date.fromisoformat(text) if len(text) == len("2026-11-23") else datetime.fromisoformat(text)
    except ValueError:
        raise DeadlineError(
            f"{name} 的第一个参数“{text}”不是日期（应如 2026-11-23 或 2026-11-23T09:30:00+08:00）"
        ) from None


def _amount(value: Any, what: str) -> Decimal:
    try:
        amount = Decimal(str(value)) if isinstance(value, int | float | str | Decimal) else None
    except InvalidOperation:
        amount = None
    if amount is None or isinstance(value, bool):
        raise DeadlineError(f"{what}应是数字，不是“{'空' if value is None else value}”")
    if not 0 <= amount <= LONGEST:
        raise DeadlineError(f"{what}应在0和{LONGEST}之间，不是{amount}")
    return amount


def _whole(amount: Decimal | None) -> int:
    assert amount is not None  # noqa: S101 - the isolate checks the number of arguments
    if amount != amount.to_integral_value():
        raise DeadlineError(f"天数和月数应是整数，不是{amount}")
    return int(amount)


def _times(amount: Decimal | None, unit: int) -> int:
    assert amount is not None  # noqa: S101 - the isolate checks the number of arguments
    return int(amount * unit)


# --- the functions ----------------------------------------------------------------------------------------

_Compute = Callable[[_Start, Decimal | None, Calendar], Deadline]


def _calendar_days(start: _Start, amount: Decimal | None, _calendar: Calendar) -> Deadline:
    days = _whole(amount)
    last = working_days.add_calendar_days(start.day, days)
    return _closing(start, last, f"{_since(start.day, last)}第{days}个自然日24:00")


def _calendar_months(start: _Start, amount: Decimal | None, _calendar: Calendar) -> Deadline:
    months = _whole(amount)
    last = working_days.add_calendar_months(start.day, months)
    return _closing(start, last, f"{_since(start.day, last)}满{months}个月之日24:00")


def _working_days(start: _Start, amount: Decimal | None, calendar: Calendar) -> Deadline:
    days = _whole(amount)
    last = working_days.add_working_days(start.day, days, calendar)
    passed = _exceptions(start.day + working_days.ONE_DAY, last, calendar)
    explanation = f"{_since(start.day, last)}第{days}个工作日24:00{passed}"
    return _closing(start, last, explanation, calendar.version())


def _hours(start: _Start, amount: Decimal | None, _calendar: Calendar) -> Deadline:
    return _after(start, timedelta(microseconds=_times(amount, 3_600_000_000)), f"{amount:f}小时")


def _minutes(start: _Start, amount: Decimal | None, _calendar: Calendar) -> Deadline:
    return _after(start, timedelta(microseconds=_times(amount, 60_000_000)), f"{amount:f}分钟")


def _end_of_day(start: _Start, _amount: Decimal | None, _calendar: Calendar) -> Deadline:
    return _closing(start, start.day, f"{_short(start.day)}24:00")


def _next_working_day(start: _Start, _amount: Decimal | None, calendar: Calendar) -> Deadline:
    last = working_days.first_working_day(start.day, calendar)
    before = start.before or Deadline(start.at, "", "", "")
    if last == start.day:
        return replace(before, calendar_version=calendar.version())
    prefix = f"{before.explanation}，" if before.explanation else ""
    moved = f"最后一日{_short(start.day)}为{_reason(start.day, calendar)}，顺延至{_short(last)}24:00"
    return Deadline(working_days.end_of(last), before.rule, prefix + moved, calendar.version())


_COMPUTE: Mapping[str, _Compute] = {
    "calendarDays": _calendar_days,
    "workingDays": _working_days,
    "calendarMonths": _calendar_months,
    "hours": _hours,
    "minutes": _minutes,
    "endOfDay": _end_of_day,
    "nextWorkingDay": _next_working_day,
}

_UNITS: Mapping[str, _Compute] = {
    "calendar_days": _calendar_days,
    "working_days": _working_days,
    "calendar_months": _calendar_months,
    "hours": _hours,
    "minutes": _minutes,
}


def _limit(start: Any, limit: Any, calendar: Calendar) -> Deadline:
    if not isinstance(limit, Mapping):
        raise DeadlineError("limit 的第二个参数应是 {amount, unit, source}，例如决策表的一行结果")
    compute = _UNITS.get(str(limit.get("unit")))
    if compute is None:
        raise DeadlineError(f"期限单位“{limit.get('unit')}”不认识；可用：{'、'.join(_UNITS)}")
    amount = _amount(limit.get("amount"), "limit 的 amount ")
    deadline = compute(_start(start, "limit"), amount, calendar)
    source = limit.get("source")
    return replace(deadline, rule=str(source)) if source else deadline


def _closing(start: _Start, last: date, explanation: str, version: str = "") -> Deadline:
    """Return 24:00 of `last`, keeping the rule of the deadline it was counted from."""
    before = start.before
    return Deadline(
        at=working_days.end_of(last),
        rule=before.rule if before else "",
        explanation=explanation,
        calendar_version=version or (before.calendar_version if before else ""),
    )


def _after(start: _Start, length: timedelta, text: str) -> Deadline:
    before = start.before
    return Deadline(
        at=start.at + length,
        rule=before.rule if before else "",
        explanation=f"自{_moment(start.at)}起{text}",
        calendar_version=before.calendar_version if before else "",
    )


# --- in words ---------------------------------------------------------------------------------------------


def _short(day: date) -> str:
    return f"{day.month}月{day.day}日"


def _since(day: date, last: date) -> str:
    year = f"{day.year}年" if day.year != last.year else ""
    return f"自{year}{_short(day)}起"


def _moment(at: datetime) -> str:
    local = at.astimezone(SHANGHAI)
    return f"{_short(local.date())}{local:%H:%M}"


def _named(day: date, calendar: Calendar) -> str:
    if not isinstance(calendar, NamingCalendar):
        return ""
    special = calendar.special(day)
    return special.name if special else ""


def _reason(day: date, calendar: Calendar) -> str:
    return _named(day, calendar) or ("周六" if day.weekday() == 5 else "周日" if day.weekday() == 6 else "休息日")


def _exceptions(first: date, last: date, calendar: Calendar) -> str:
    """Return the holidays and make-up days from `first` to `last`:

    what a reader who counts on a wall would miss.
    """
    holidays: list[tuple[str, date, date]] = []
    made_up: list[str] = []
    day = first
    while day <= last:
        working, weekday = calendar.is_working_day(day), day.weekday() < 5
        name = _named(day, calendar)
        if not working and (name or weekday):
            _extend(holidays, name or "休息日", day)
        elif working and not weekday:
            made_up.append(_short(day))
        day += working_days.ONE_DAY
    clauses = [f"{_span(begin, end)}{name}" for name, begin, end in holidays]
    skipped = f"，跳过{_listed(clauses, '段节假日')}" if clauses else ""
    counted = f"，{_listed(made_up, '天')}调休上班计入" if made_up else ""
    return skipped + counted


def _listed(texts: list[str], unit: str) -> str:
    """Return the texts as a list; of a long one the beginning and the number."""
    if len(texts) <= MOST_LISTED:
        return "、".join(texts)
    return f"{'、'.join(texts[:MOST_LISTED])}等{len(texts)}{unit}"


def _extend(holidays: list[tuple[str, date, date]], name: str, day: date) -> None:
    """Add `day` to the last stretch of the same holiday, or begin a stretch."""
    if holidays and holidays[-1][0] == name and holidays[-1][2] + working_days.ONE_DAY == day:
        holidays[-1] = (name, holidays[-1][1], day)
    else:
        holidays.append((name, day, day))


def _span(begin: date, end: date) -> str:
    if begin == end:
        return _short(begin)
    return f"{_short(begin)}至{end.day}日" if begin.month == end.month else f"{_short(begin)}至{_short(end)}"
