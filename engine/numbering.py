"""Numbers without gaps and without doubles, allocated in the transaction that uses them.

A pattern like `{org}-HJ-{yyyymm}-{seq:04}` is filled in but for the sequence; what comes out names the series
(`HJ-HJ-202611-{seq}`), which counts from 1. So a series starts anew with each month or year its pattern mentions,
and two patterns that would give equal numbers share one series. Dates are those of Asia/Shanghai.

A number whose use is undone by a rollback was never given out. One that is voided later stays taken, with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from engine.clock import SHANGHAI
from engine.errors import EngineError
from engine.tables import number, number_series

DEFAULT_CASE_NUMBER = "TS-{yyyymm}-{seq:04}"

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SEQ = re.compile(r"seq(?::0?([1-9]))?")
_FIELDS: dict[str, Callable[[datetime], str]] = {
    "yyyy": lambda local: f"{local:%Y}",
    "yy": lambda local: f"{local:%y}",
    "mm": lambda local: f"{local:%m}",
    "dd": lambda local: f"{local:%d}",
    "yyyymm": lambda local: f"{local:%Y%m}",
    "yyyymmdd": lambda local: f"{local:%Y%m%d}",
}


class BadPattern(EngineError):
    """编号格式有误。"""

    def __init__(self, pattern: str, cause: str) -> None:
        super().__init__(f"编号格式“{pattern}”有误：{cause}。")
        self.pattern = pattern


def series(pattern: str, *, org: str, at: datetime) -> str:
    """Return the name of the pattern's series at this time: everything filled in but `{seq}`. Raise `BadPattern`."""
    problem = pattern_problem(pattern)
    if problem:
        raise BadPattern(pattern, problem)
    local = at.astimezone(SHANGHAI)

    def fill(match: re.Match[str]) -> str:
        field = match[1]
        if field == "org":
            return org
        return _FIELDS[field](local) if field in _FIELDS else "{seq}"

    return _PLACEHOLDER.sub(fill, pattern)


def pattern_problem(pattern: str) -> str | None:
    """Say in Chinese what is wrong with a pattern; None if nothing is. For the check."""
    fields = _PLACEHOLDER.findall(pattern)
    unknown = [field for field in fields if field != "org" and field not in _FIELDS and not _SEQ.fullmatch(field)]
    if unknown:
        known = "、".join(f"{{{name}}}" for name in ("org", *_FIELDS, "seq:04"))
        return f"不认识“{{{unknown[0]}}}”，可用的有{known}"
    if sum(bool(_SEQ.fullmatch(field)) for field in fields) != 1:
        return "必须恰好有一个流水号“{seq:04}”"
    if "{" in _PLACEHOLDER.sub("", pattern) or "}" in _PLACEHOLDER.sub("", pattern):
        return "花括号不成对"
    if len(pattern) > 100:
        return "不能超过100个字符"
    return None


def allocate(tx: Connection, pattern: str, *, org: str, at: datetime, case_key: int | None) -> str:
    """Return the next number of the pattern's series. Two statements; others wait for the series until commit."""
    name = series(pattern, org=org, at=at)
    upsert = (postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert)(number_series)
    value = (
        tx.execute(
            upsert.values(series=name, next_value=2)
            .on_conflict_do_update(index_elements=["series"], set_={"next_value": number_series.c.next_value + 1})
            .returning(number_series.c.next_value)
        ).scalar_one()
        - 1
    )
    text = name.replace("{seq}", f"{value:0{_width(pattern)}d}")
    tx.execute(insert(number).values(number=text, series=name, value=value, case_key=case_key, allocated_at=at))
    return text


def void(tx: Connection, text: str, reason: str, *, at: datetime) -> None:
    """Mark a number as void. It stays taken."""
    tx.execute(update(number).where(number.c.number == text).values(void_at=at, void_reason=reason))


def _width(pattern: str) -> int:
    return next(int(match[1] or 1) for field in _PLACEHOLDER.findall(pattern) if (match := _SEQ.fullmatch(field)))
