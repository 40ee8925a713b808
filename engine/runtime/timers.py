"""When timers are due: absolute instants, computed when a timer opens. Nothing here reads a clock.

The state of an open timer is JSON: `{"due": [...]}`, and for a cycle also `{"cycle": [months, seconds, first,
index, left]}`: the period, the instant the cycle counts from, the number of this occurrence, how many follow
(null: endless).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from engine.deadlines import Deadline
from engine.dialect.iso8601 import Cycle, NotIso8601, Period, parse_cycle, parse_duration
from engine.dialect.model import Timer
from engine.feel import Duration
from engine.runtime.values import Trouble, deadline, said, stored


def opened(timer: Timer, value: Any, now: datetime) -> dict[str, Any]:
    """Return the state of a timer that opens `now`, from its evaluated text. Raise `Trouble`."""
    try:
        if timer.kind == "date":
            due = deadline(value, end_of_day=False)
            if due is None:
                raise Trouble("定时的日期为空。")
            return {"due": stored(due)}
        if timer.kind == "duration":
            return {"due": stored(_after(value, now))}
        return _first(_cycle(value), now)
    except NotIso8601 as error:
        raise Trouble(f"定时写法有误：{error}。") from error


def following(state: dict[str, Any], now: datetime) -> dict[str, Any] | None:
    """Return the state after one occurrence of a cycle, None after the last and for timers that are no cycle.

    Every occurrence of a counted cycle comes, late if need be. An endless cycle that has been asleep goes on
    with the first occurrence after `now`: there is no use in a hundred reminders at once.
    """
    if "cycle" not in state:
        return None
    months, seconds, base, index, left = state["cycle"]
    if left == 0:
        return None
    period, first = Period(months, timedelta(seconds=seconds)), datetime.fromisoformat(base)
    index += 1
    if left is None:
        index = max(index, _index_after(period, first, now))
    due = Deadline(period.after(first, index), "", "", "")
    return {
        "due": stored(due),
        "cycle": [months, seconds, base, index, None if left is None else left - 1],
    }


def _after(value: Any, now: datetime) -> Deadline:
    if isinstance(value, str):
        return Deadline(parse_duration(value).after(now), "", "", "")
    if isinstance(value, timedelta):
        return Deadline((now + value).astimezone(UTC), "", "", "")
    if isinstance(value, Deadline | datetime):  # workingDays(…) and its kin say when, not how long
        due = deadline(value, end_of_day=False)
        if due is not None:
            return due
    if isinstance(value, Duration):
        return Deadline(Period(value.months, value.rest).after(now), "", "", "")
    raise Trouble(f"“{said(value)}”不是时长。")


def _cycle(value: Any) -> Cycle:
    if isinstance(value, str):
        return parse_cycle(value)
    raise Trouble(f"“{said(value)}”不是周期，例如 R3/PT8H。")


def _first(cycle: Cycle, now: datetime) -> dict[str, Any]:
    """Return the state of the first occurrence of a cycle that opens `now`."""
    period, left = cycle.period, None if cycle.repeats is None else cycle.repeats - 1
    base, index = now, 1
    if cycle.start is not None:
        base, index = cycle.start, 0
        if cycle.start <= now:
            index = _index_after(period, cycle.start, now)
    elif cycle.end is not None:
        base = cycle.end
        index = -(cycle.repeats - 1) if cycle.repeats is not None else _index_after(period, cycle.end, now)
        if cycle.repeats is not None:
            index = max(index, _index_after(period, cycle.end, now))
        if index > 0:
            raise Trouble("定时周期的结束时间已过，一次也不会执行。")
        left = -index
    due = Deadline(period.after(base, index), "", "", "")
    return {
        "due": stored(due),
        "cycle": [period.months, period.rest.total_seconds(), base.isoformat(), index, left],
    }


def _index_after(period: Period, base: datetime, now: datetime) -> int:
    """Return the number of the first occurrence after `now`, counted from `base`."""
    average = timedelta(days=30.436875) * period.months + period.rest
    index = int((now - base) / average) - 1
    while period.after(base, index) <= now:
        index += 1
    return index
