"""Reading values out of raw JSON, with the path of each for the message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from engine.compensation.errors import InputProblem

NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,20})?|\d{1,9}/[1-9]\d{0,8}")
HIGHEST_AMOUNT = Fraction(10**12)
OFFICE = ZoneInfo("Asia/Shanghai")


class Reader:
    """Reads one JSON object; problems gather in one list shared by the readers of its inner objects."""

    def __init__(self, raw: Any, path: str = "", problems: list[InputProblem] | None = None) -> None:
        self.path = path
        self.problems: list[InputProblem] = [] if problems is None else problems
        self.raw: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
        if raw is not None and not isinstance(raw, Mapping):
            self.problem_at(path or "输入", "应当是一组字段（JSON 对象）。")

    def problem(self, key: str, message: str) -> None:
        """Note that field `key` of this object must be put right."""
        self.problem_at(self._at(key), message)

    def problem_at(self, path: str, message: str) -> None:
        """Note a problem by its full path."""
        self.problems.append(InputProblem(path, message))

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def present(self, key: str) -> bool:
        """Say whether something was entered; empty text counts as nothing."""
        value = self.raw.get(key)
        return value is not None and not (isinstance(value, str) and not value.strip())

    def inner(self, key: str) -> Reader | None:
        """Return a reader for the object under `key`, or None when nothing stands there."""
        return Reader(self.raw[key], self._at(key), self.problems) if self.present(key) else None

    def filled(self, key: str) -> Reader | None:
        """Return a reader for the object under `key`, or None when nothing was entered in it."""
        return self.inner(key) if _entered(self.raw.get(key)) else None

    def rows(self, key: str) -> list[Reader]:
        """Return a reader a row of the list under `key`; rows in which nothing was entered are left out."""
        if not self.present(key):
            return []
        value = self.raw[key]
        if not isinstance(value, list | tuple):
            self.problem(key, "应当是一个列表。")
            return []
        return [Reader(row, f"{self._at(key)}[{n}]", self.problems) for n, row in enumerate(value) if _entered(row)]

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Return the object under `key`, empty when nothing stands there."""
        reader = self.inner(key)
        return reader.raw if reader else {}

    def text(self, key: str) -> str:
        """Return the text under `key` without outer blanks, "" when there is none."""
        value = self.raw.get(key)
        return str(value).strip() if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else ""

    def flag(self, key: str, label: str) -> bool:
        """Return a yes or no; nothing is no."""
        value = self.raw.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.problem(key, f"{label}应当是 true 或 false。")
        return False

    def choice(self, key: str, label: str, options: Mapping[str, str], *, default: str) -> str:
        """Return one of the keys of `options`, `default` when nothing was entered."""
        if not self.present(key):
            return default
        value = self.raw[key]
        if isinstance(value, str) and value.strip() in options:
            return value.strip()
        listed = "、".join(f"{option}({name})" for option, name in options.items())
        self.problem(key, f"{label}只能是 {listed}。")
        return default or next(iter(options))

    def number(self, key: str, label: str, *, highest: Fraction) -> Fraction | None:
        """Return a number from 0 to `highest`, None when nothing was entered."""
        if not self.present(key):
            return None
        value = exact(self.raw[key])
        if value is None:
            self.problem(key, f"{label}应当是数字，例如 0.5，不带单位和千分号。")
        elif value < 0:
            self.problem(key, f"{label}不能是负数。")
        elif value > highest:
            self.problem(key, f"{label}不能大于 {highest}。")
        else:
            return value
        return None

    def amount(self, key: str, label: str, *, positive: bool = False) -> Fraction | None:
        """Return an amount in yuan with at most two decimals, None when nothing was entered."""
        value = self.number(key, label, highest=HIGHEST_AMOUNT)
        if value is not None and (value * 100).denominator != 1:
            self.problem(key, f"{label}最多两位小数。")
            return None
        if value is not None and positive and value == 0:
            self.problem(key, f"{label}必须大于 0。")
            return None
        return value

    def needed_amount(self, key: str, label: str) -> Fraction:
        """Return an amount; nothing entered is a problem (and 0 for the rest of the reading)."""
        if not self.present(key):
            self.problem(key, f"请填写{label}。")
        return self.amount(key, label) or Fraction(0)

    def whole(self, key: str, label: str, *, lowest: int = 0, highest: int) -> int | None:
        """Return a whole number, None when nothing was entered."""
        if not self.present(key):
            return None
        value = exact(self.raw[key])
        if value is None or value.denominator != 1 or not lowest <= value <= highest:
            self.problem(key, f"{label}应当是 {lowest} 到 {highest} 的整数。")
            return None
        return int(value)

    def date(self, key: str, label: str) -> date | None:
        """Return a day. An instant gives the day it has in China."""
        value = self.raw.get(key)
        try:
            if isinstance(value, datetime):
                return value.astimezone(OFFICE).date() if value.tzinfo else value.date()
            if isinstance(value, date):
                return value
            if isinstance(value, str) and len(value.strip()) == len("2026-01-01"):
                return date.fromisoformat(value.strip())
            if isinstance(value, str) and value.strip():
                instant = datetime.fromisoformat(value.strip())
                return instant.astimezone(OFFICE).date() if instant.tzinfo else instant.date()
        except ValueError:
            self.problem(key, f"{label}不是有效的日期，请写成 2026-11-21 的样子。")
            return None
        self.problem(key, f"请填写{label}，写成 2026-11-21 的样子。")
        return None


def _entered(value: Any) -> bool:
    """Say whether a form's row or group holds anything: an unticked box is nothing."""
    if isinstance(value, Mapping):
        return any(_entered(inner) for inner in value.values())
    return value is not None and value is not False and value not in ("", [])


def exact(value: Any) -> Fraction | None:
    """Return the exact value of a JSON number or of digits as text ("12.50", "1/3"), else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    if isinstance(value, str):
        text = value.strip()
    else:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        # An exponent is spelt out below: 1E+999999 must not become a million digits.
        if not number.is_finite() or abs(number.adjusted()) > 20:
            return None
        text = f"{number:f}"
    return Fraction(text) if NUMBER.fullmatch(text) and text.isascii() else None
