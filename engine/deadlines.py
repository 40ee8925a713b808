"""A deadline: an instant together with the rule that set it, and how the FEEL deadline functions compute one.

This is the only implementation of the arithmetic. FEEL does not compute deadlines itself: the isolate
collects the calls it meets, `resolve` answers them, and the expression is evaluated again with real
instants in their place (`engine/feel.py`). So the same code and the same calendar serve expressions, the
command line and the tests, and an expression can compare a deadline or do arithmetic with it like with any
date and time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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


Recipe = Mapping[str, Any]
"""`{"function": name, "arguments": [...]}`, the arguments plain JSON or recipes themselves."""

EXACT = "exact"
"""The unit of a limit that is counted in hours or minutes, or not counted at all."""


class DeadlineError(EngineError):
    """期限无法计算。"""


@dataclass(frozen=True)
class Deadline:
    """When something is due, and why.

    `at` is aware, in UTC. `rule` is the text of the law or policy that set it ("" if the expression names
    none). `explanation` is a Chinese clause for the page: `自11月23日起第3个自然日24:00`.
    `calendar_version` names the holiday data the computation read ("" when it read none). `recipe` is the call that
    gave it, as JSON (see `resolve`), empty for an instant that no deadline function has counted: with it the deadline
    can be counted again, by another calendar or with a pause in it. Two deadlines are equal without regard to it.
    """

    at: datetime
    rule: str
    explanation: str
    calendar_version: str
    recipe: Recipe = field(default_factory=dict, compare=False)

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
            found = _limit(start, limit, calendar)
        else:
            start, *amounts = arguments
            amount = _amount(amounts[0], f"{name} 的第二个参数") if amounts else None
            found = _COMPUTE[name](_start(start, name), amount, calendar)
    except (OverflowError, ValueError):
        raise DeadlineError(f"{name} 算出的日期超出范围，请检查参数") from None
    return replace(found, recipe={"function": name, "arguments": [_kept(argument) for argument in arguments]})


def recompute(recipe: Recipe, calendar: Calendar) -> Deadline:
    """Return the deadline of a recipe by the calendar as it is now. Raise as `resolve` does."""
    if recipe["function"] == _PAUSED:
        inner, days, unit, length = recipe["arguments"]
        found = _lengthened(_recounted(inner, calendar), int(days), str(unit), float(length), calendar)
        return replace(found, recipe=recipe)
    arguments = [_recounted(argument, calendar) for argument in recipe["arguments"]]
    return resolve({"function": recipe["function"], "arguments": arguments}, calendar)


def unit_of(deadline: Deadline) -> str:
    """Return the unit that the deadline's own rule counts in: working_days, calendar_days or `EXACT`."""
    return _unit(deadline.recipe) if deadline.recipe else EXACT


def paused(deadline: Deadline, since: datetime, until: datetime, calendar: Calendar) -> Deadline:
    """Return the deadline without the time from `since` to `until`, both aware.

    Time is left out in the unit the rule counts in: days after that of `since`, up to and including that of `until`;
    of a limit of hours, the exact length. A last day that gives way to a working day does so afterwards, as if the
    limit had been longer from the beginning. Raise as `resolve` does.
    """
    unit = unit_of(deadline)
    days = paused_days(since, until, unit, calendar)
    length = (until - since).total_seconds() if unit == EXACT else 0.0
    if not days and not length:
        return deadline
    if not deadline.recipe:
        moved = deadline.at + timedelta(seconds=length)
        return replace(deadline, at=moved, explanation=_with_pause(deadline.explanation, days, unit, length))
    longer = recompute(_with_pause_inside(deadline.recipe, days, unit, length), calendar)
    return replace(longer, rule=deadline.rule or longer.rule)


def paused_days(since: datetime, until: datetime, unit: str, calendar: Calendar) -> int:
    """Return how many days of the unit lie between two instants: the first day is not counted, the last one is."""
    first, last = working_days.day_of(since), working_days.day_of(until)
    if unit == "working_days":
        day, number = first, 0
        while day < last:
            day += working_days.ONE_DAY
            number += calendar.is_working_day(day)
        return number
    return max((last - first).days, 0) if unit == "calendar_days" else 0


_PAUSED = "paused"
"""A recipe of ours only, no function of FEEL: [recipe, days, unit, seconds]."""


def _kept(argument: Any) -> Any:
    """Return an argument as JSON that `resolve` understands again."""
    match argument:
        case Deadline():
            return argument.recipe or argument.at.isoformat()
        case datetime() | date():
            return argument.isoformat()
        case Mapping():
            return {str(key): _kept(value) for key, value in argument.items()}
        case None | bool() | int() | float() | str():
            return argument
        case _:
            return str(argument)


def _recounted(argument: Any, calendar: Calendar) -> Any:
    return recompute(argument, calendar) if isinstance(argument, Mapping) and "function" in argument else argument


def _unit(recipe: Recipe) -> str:
    function, arguments = recipe["function"], recipe["arguments"]
    if function == "limit":
        function = _FUNCTION_OF.get(str(arguments[1].get("unit")), "")
    if function in ("nextWorkingDay", "endOfDay", _PAUSED):
        inner = arguments[0]
        return _unit(inner) if isinstance(inner, Mapping) and "function" in inner else EXACT
    return {"workingDays": "working_days", "calendarDays": "calendar_days", "calendarMonths": "calendar_days"}.get(
        function, EXACT
    )


def _with_pause_inside(recipe: Recipe, days: int, unit: str, length: float) -> Recipe:
    inner = recipe["arguments"][0]
    if recipe["function"] == "nextWorkingDay" and isinstance(inner, Mapping) and "function" in inner:
        return {**recipe, "arguments": [_with_pause_inside(inner, days, unit, length)]}
    return {"function": _PAUSED, "arguments": [recipe, days, unit, length]}


def _lengthened(before: Deadline, days: int, unit: str, length: float, calendar: Calendar) -> Deadline:
    explanation = _with_pause(before.explanation, days, unit, length)
    if unit == EXACT:
        return replace(before, at=before.at + timedelta(seconds=length), explanation=explanation)
    if unit == "working_days":
        last, version = working_days.add_working_days(before.day, days, calendar), calendar.version()
    else:
        last, version = working_days.add_calendar_days(before.day, days), before.calendar_version
    return replace(before, at=working_days.end_of(last), explanation=explanation, calendar_version=version)


def _with_pause(explanation: str, days: int, unit: str, length: float) -> str:
    words = {"working_days": f"{days}个工作日", "calendar_days": f"{days}个自然日"}
    text = f"扣除暂停的{words.get(unit) or f'{length / 60:.0f}分钟'}"
    return f"{explanation}，{text}" if explanation else text


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

_FUNCTION_OF: Mapping[str, str] = {
    "calendar_days": "calendarDays",
    "working_days": "workingDays",
    "calendar_months": "calendarMonths",
    "hours": "hours",
    "minutes": "minutes",
}
"""Unit of a `limit` -> the function that counts in it."""
_UNITS: Mapping[str, _Compute] = {unit: _COMPUTE[function] for unit, function in _FUNCTION_OF.items()}


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
