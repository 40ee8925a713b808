"""Values of FEEL and their JSON: what the isolate is given and gives, and what a variable stores.

JSON has no dates. Between Python and the isolate they travel as objects that carry the key `@hejie`; a
variable stores them as ISO 8601 text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from engine.deadlines import Deadline

TAG = "@hejie"


@dataclass(frozen=True)
class Duration:
    """A duration with months, whose length depends on where it starts: `duration("P1Y2M")`.

    Durations without months are plain `timedelta`.
    """

    months: int
    rest: timedelta = timedelta()

    def isoformat(self) -> str:
        """Return ISO 8601 text, such as `P14M` or `P1MT2H`."""
        sign = "-" if self.months < 0 else ""
        tail = duration_text(abs(self.rest))[1:] if self.rest else ""
        return f"{sign}P{abs(self.months)}M{tail}"


def duration_text(length: timedelta) -> str:
    """Return ISO 8601 text for a duration in days and time:

    `P3D`, `PT36H` becomes `P1DT12H`, nothing is `PT0S`.
    """
    if length < timedelta():
        return "-" + duration_text(-length)
    hours, seconds = divmod(length.seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    fraction = f".{length.microseconds:06}".rstrip("0") if length.microseconds else ""
    parts = [(hours, "H"), (minutes, "M")]
    clock = "".join(f"{amount}{unit}" for amount, unit in parts if amount)
    if seconds or fraction:
        clock += f"{seconds}{fraction}S"
    days = f"{length.days}D" if length.days else ""
    return f"P{days}T{clock}" if clock else f"P{days}" if days else "PT0S"


def to_json(value: Any) -> Any:  # noqa: PLR0911 - one line for each kind of value
    """Return `value` as JSON for a variable.

    Dates, times, durations and deadlines become ISO 8601 text (a deadline loses its rule: keep the
    `Deadline` where the rule matters), a `Decimal` becomes text that keeps its decimals, tuples and sets
    become lists.
    """
    match value:
        case Mapping():
            return {str(key): to_json(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [to_json(item) for item in value]
        case Deadline():
            return value.at.isoformat()
        case timedelta():
            return duration_text(value)
        case datetime() | date() | time() | Duration():
            return value.isoformat()
        case Decimal():
            return str(value)
        case _:
            return value


def tag(value: Any) -> Any:  # noqa: PLR0911 - one line for each kind of value
    """Return the tagged object for a value that JSON lacks (the `default` of `json.dumps`).

    Raise `TypeError`.
    """
    match value:
        case Deadline():
            return {TAG: "deadline"} | asdict(value) | {"at": value.at.isoformat()}
        case datetime():
            return {TAG: "date and time", "value": value.isoformat()}
        case date():
            return {TAG: "date", "value": value.isoformat()}
        case time():
            return {TAG: "time", "value": value.isoformat()}
        case timedelta():
            return {TAG: "duration", "months": 0, "milliseconds": value / timedelta(milliseconds=1)}
        case Duration():
            rest = value.rest / timedelta(milliseconds=1)
            return {TAG: "duration", "months": value.months, "milliseconds": rest}
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case Mapping():
            return dict(value)
        case set() | frozenset():
            return sorted(value)
        case _:
            raise TypeError(f"{type(value).__name__} 不是 FEEL 的值")


def untag(value: Any) -> Any:  # noqa: PLR0911 - one line for each kind of value
    """Return the Python value of what the isolate gave: the inverse of `tag`, all the way down."""
    if isinstance(value, list):
        return [untag(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"@hejie": "deadline", "at": str(at), **facts}:
            rule, explanation, version = (
                str(facts.get(name, "")) for name in ("rule", "explanation", "calendar_version")
            )
            recipe = facts.get("recipe")
            kept = recipe if isinstance(recipe, dict) else {}
            return Deadline(datetime.fromisoformat(at).astimezone(UTC), rule, explanation, version, kept)
        case {"@hejie": "date and time", "value": str(text)}:
            return datetime.fromisoformat(text)
        case {"@hejie": "date", "value": str(text)}:
            return date.fromisoformat(text)
        case {"@hejie": "time", "value": str(text)}:
            return time.fromisoformat(text)
        case {"@hejie": "duration", "months": int(months), "milliseconds": int() | float() as length}:
            rest = timedelta(milliseconds=length)
            return Duration(months, rest) if months else rest
        case _:
            return {key: untag(item) for key, item in value.items()}
