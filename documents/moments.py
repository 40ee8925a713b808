"""Dates and times as a Chinese document writes them, on the clock of Asia/Shanghai."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def moment(value: object) -> date | datetime:
    """Return the day or the time of day in Shanghai that an ISO 8601 text (or a date, a datetime) names.

    A time without an offset is taken as Shanghai's. Raise ValueError, in Chinese, for anything else.
    """
    if isinstance(value, datetime):
        return _in_shanghai(value)
    if isinstance(value, date):
        return value
    text = str(value).strip()
    try:
        return date.fromisoformat(text) if len(text) <= 10 else _in_shanghai(datetime.fromisoformat(text))
    except ValueError:
        raise ValueError(f"“{value}”不是日期，应当写成 2026-11-21 或者 2026-11-21T09:30:00+08:00") from None


def _in_shanghai(value: datetime) -> datetime:
    return value.replace(tzinfo=SHANGHAI) if value.tzinfo is None else value.astimezone(SHANGHAI)


def day(value: object) -> str:
    """Return "2026年11月21日"."""
    when = moment(value)
    return f"{when.year}年{when.month}月{when.day}日"


def minute(value: object) -> str:
    """Return "2026年11月21日 09:30", or the day alone where no time was given."""
    when = moment(value)
    return f"{day(when)} {when:%H:%M}" if isinstance(when, datetime) else day(when)


def deadline(value: object) -> str:
    """Return "2026年11月21日24:00" for the midnight that ends the 21st, otherwise as `minute`."""
    when = moment(value)
    if isinstance(when, datetime) and (when.hour, when.minute, when.second) == (0, 0, 0):
        return f"{day(when - timedelta(days=1))}24:00"
    return minute(when)


def pdf_date(value: datetime) -> str:
    """Return the W3C form in UTC that PDF metadata are made of. Raise ValueError for a naive time."""
    if value.tzinfo is None:
        raise ValueError("issued_at must be aware")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
