"""The literals of timers: ISO 8601 dates, durations and repeating intervals.

A date and time without an offset is meant in China's time: the procedures' owners write it so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.clock import SHANGHAI

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_DURATION = re.compile(
    rf"P(?=\d|T\d)(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?=\d)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
)
_CYCLE = re.compile(r"R(-1|\d*)/(.+)")
_ZONE_SUFFIX = re.compile(r"\[[A-Za-z_]+(?:/[A-Za-z_+-]+)*\]$")


class NotIso8601(ValueError):
    """The text is no ISO 8601 literal of the kind; the argument is a Chinese clause that says why."""


@dataclass(frozen=True)
class Period:
    """A length of time: whole calendar months, then exact time."""

    months: int
    rest: timedelta

    def after(self, start: datetime, times: int = 1) -> datetime:
        """Return the instant (UTC) `times` periods after the aware `start`; negative `times` count backwards.

        Months are counted in China's calendar and end on the last day of a shorter month, always from
        `start`: three times one month after 31 January is 30 April.
        """
        local = start.astimezone(SHANGHAI)
        month = local.year * 12 + local.month - 1 + self.months * times
        year, month = divmod(month, 12)
        day = min(local.day, _days_in_month(year, month + 1))
        try:
            moved = local.replace(year=year, month=month + 1, day=day)
            return (moved.astimezone(UTC) + self.rest * times).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise NotIso8601("得出的时间超出公元1年至9999年") from error

    @property
    def is_zero(self) -> bool:
        """Say whether it is no time at all."""
        return not self.months and not self.rest


@dataclass(frozen=True)
class Cycle:
    """A repeating interval: `repeats` occurrences (None: endless), from `start` or up to `end` where
    given."""

    repeats: int | None
    period: Period
    start: datetime | None = None
    end: datetime | None = None


def parse_date(text: str) -> datetime:
    """Return the instant (UTC) that `text` names. Raise `NotIso8601`."""
    try:
        moment = datetime.fromisoformat(_ZONE_SUFFIX.sub("", text.strip()))
    except ValueError:
        raise NotIso8601(f"“{text}”不是 ISO 8601 日期时间，例如 2026-01-31T09:00:00+08:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise NotIso8601(f"“{text}”超出可用的时间范围") from None


def parse_duration(text: str) -> Period:
    """Return the length of time that `text` (`P3D`, `PT8H`, `P1Y2M`) names. Raise `NotIso8601`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise NotIso8601(f"“{text}”不是 ISO 8601 时长，例如 P3D 或 PT8H")
    years, months, weeks, days, hours, minutes, seconds = (
        float(part.replace(",", ".")) if part else 0.0 for part in match.groups()
    )
    if (years * 12) % 1 or months % 1:
        raise NotIso8601(f"“{text}”中的年、月不能有小数")
    try:
        rest = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
        return Period(int(years * 12 + months), rest)
    except OverflowError:
        raise NotIso8601(f"“{text}”超出可用的时长范围") from None


def parse_cycle(text: str) -> Cycle:
    """Return the repetition that `text` (`R3/PT8H`, `R/2026-01-01T00:00:00Z/P1M`) names. Raise
    `NotIso8601`."""
    match = _CYCLE.fullmatch(text.strip())
    if match is None:
        if len(text.split()) in {5, 6, 7}:
            raise NotIso8601(f"不支持 cron 写法“{text}”，请改用 ISO 8601 周期，例如 R/P1M")
        raise NotIso8601(f"“{text}”不是 ISO 8601 周期，例如 R3/PT8H 或 R/P1D")
    repeats = None if match[1] in {"", "-1"} else int(match[1])
    if repeats == 0:
        raise NotIso8601(f"周期“{text}”一次也不执行")
    return _cycle(text, repeats, match[2].split("/"))


def _cycle(text: str, repeats: int | None, parts: list[str]) -> Cycle:
    start = end = None
    if len(parts) == 2 and parts[0].startswith("P"):
        period, end = parse_duration(parts[0]), parse_date(parts[1])
    elif len(parts) == 2:
        start, period = parse_date(parts[0]), parse_duration(parts[1])
    elif len(parts) == 1:
        period = parse_duration(parts[0])
    else:
        raise NotIso8601(f"“{text}”不是 ISO 8601 周期，例如 R3/PT8H 或 R/P1D")
    if period.is_zero:
        raise NotIso8601(f"周期“{text}”的间隔为零")
    return Cycle(repeats, period, start, end)


def _days_in_month(year: int, month: int) -> int:
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC) if year < 9999 else None
    return (following - timedelta(days=1)).day if following else 31
