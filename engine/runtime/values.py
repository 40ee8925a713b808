"""Values at the border between FEEL, variables and waiting points."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from engine.clock import SHANGHAI
from engine.deadlines import Deadline
from engine.dialect.iso8601 import NotIso8601, parse_date
from engine.errors import EngineError
from engine.feel import to_json

_DEEPEST = 100  # lists and contexts within each other; what people fill in is never so deep
_UNSOUND = re.compile("[\x00\ud800-\udfff]")
_LONGEST_SHOWN = 120  # characters of a value in a gateway's journal fact: enough to see why, never a whole file


class Trouble(EngineError):
    """这个环节无法继续。"""


def plain(value: Any, depth: int = 0) -> Any:
    """Return a deep copy of a variable's value as plain JSON.

    Raise `Trouble` for what JSON or a database cannot carry: NaN, a key that is no text, an object, a NUL or
    half a character pair, nesting without end.
    """
    if depth > _DEEPEST:
        raise Trouble(f"变量嵌套超过 {_DEEPEST} 层。")
    match value:
        case str():
            return _sound(value)
        case None | bool() | int():
            return value
        case float():
            if math.isfinite(value):
                return value
            raise Trouble("变量中含有不是有限数的数值。")
        case Mapping():
            return {_key(key): plain(item, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [plain(item, depth + 1) for item in value]
    converted = to_json(value)
    if type(converted) is type(value):
        raise Trouble(f"变量中含有无法保存的值（{type(value).__name__}）。")
    return plain(converted, depth)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise Trouble(f"变量中的名称“{key}”不是文字。")
    return _sound(key)


def _sound(text: str) -> str:
    if _UNSOUND.search(text):
        raise Trouble("变量中含有无法保存的字符（NUL 或残缺的字符）。")
    return text


def shown(value: Any) -> Any:
    """Return a value for the journal, long ones cut to a text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else _text(value)
    if len(text) <= _LONGEST_SHOWN:
        return plain(value)
    return text[:_LONGEST_SHOWN] + "…"


def said(value: Any) -> str:
    """Return a value as a word in a Chinese sentence."""
    words = {None: "空", True: "真", False: "假"}
    return words[value] if value is None or isinstance(value, bool) else str(shown(value))


def _text(value: Any) -> str:
    return str(plain(value))


def deadline(value: Any, *, end_of_day: bool) -> Deadline | None:
    """Return the instant an attribute's value stands for, None for null or empty.

    A mere date means the end of that day (24:00 in China) for a due date, its beginning for a timer. Raise
    `Trouble` for anything that is no time.
    """
    match value:
        case None | "":
            return None
        case Deadline():
            return value
        case str():
            return _parsed(value, end_of_day=end_of_day)
        case datetime():
            at = value if value.tzinfo else value.replace(tzinfo=SHANGHAI)
        case date():
            at = _day(value, end_of_day=end_of_day)
        case _:
            raise Trouble(f"“{said(value)}”不是日期时间。")
    return Deadline(at.astimezone(UTC), "", "", "")


def _parsed(text: str, *, end_of_day: bool) -> Deadline:
    try:
        if len(text.strip()) == len("2026-01-31"):
            at = _day(date.fromisoformat(text.strip()), end_of_day=end_of_day)
        else:
            at = parse_date(text)
    except NotIso8601 as error:
        raise Trouble(f"{error}。") from error
    except ValueError as error:
        raise Trouble(f"“{text}”不是日期时间。") from error
    return Deadline(at.astimezone(UTC), "", "", "")


def _day(day: date, *, end_of_day: bool) -> datetime:
    return datetime.combine(day, time(), SHANGHAI) + timedelta(days=1 if end_of_day else 0)


def stored(due: Deadline | None) -> list[str] | None:
    """Return a deadline as JSON for the state, without its recipe: the element's expression gives it again."""
    return None if due is None else [due.at.isoformat(), due.rule, due.explanation, due.calendar_version]


def stored_whole(due: Deadline) -> list[Any]:
    """Return a deadline as JSON with its recipe, for what outlives its element."""
    return [due.at.isoformat(), due.rule, due.explanation, due.calendar_version, dict(due.recipe)]


def restored(kept: list[Any] | None) -> Deadline | None:
    """Return the deadline that `stored` or `stored_whole` gave."""
    return None if kept is None else Deadline(datetime.fromisoformat(kept[0]), *kept[1:])


def names(value: Any, what: str) -> tuple[str, ...]:
    """Return groups or users: a list of texts, or one text with commas. Raise `Trouble` for anything else."""
    match value:
        case None:
            return ()
        case str():
            return tuple(name.strip() for name in value.replace("，", ",").split(",") if name.strip())
        case list() if all(isinstance(item, str) for item in value):
            return tuple(item.strip() for item in value if item.strip())
    raise Trouble(f"{what}须是文字或文字列表，得到的是“{said(value)}”。")


def text(value: Any, what: str) -> str:
    """Return a name or key. Numbers become text. Raise `Trouble` for null and anything else."""
    match value:
        case str() if value.strip():
            return value.strip()
        case bool():
            pass
        case int():
            return str(value)
        case float() if value.is_integer():
            return str(int(value))
        case float():
            return repr(value)
    raise Trouble(f"{what}须是非空文字，得到的是“{said(value)}”。")


def whole_number(value: Any, what: str, *, least: int, most: int) -> int:
    """Return a whole number in a range. Raise `Trouble`."""
    number = value
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        number = int(value)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise Trouble(f"{what}须是 {least} 至 {most} 的整数，得到的是“{said(value)}”。")
    return number
