"""One field's value: read from what was given, and judged where JSON Schema cannot."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from forms import messages, options, text, tree
from forms.components import CHOICES, MULTIPLE, TEXTS, Component
from forms.formats import FORMATS
from forms.schema import LONGEST_LINE, LONGEST_TEXT, decimal_digits

OFFICE = ZoneInfo("Asia/Shanghai")
NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
#: Longer texts are refused unread.
TEXT_TO_LOOK_AT = 100_000
FILE_KEYS = ("key", "name", "content_type", "size", "sha256")


class Wrong(Exception):
    """What is wrong with a value."""


@dataclass(frozen=True)
class Limits:
    """What the form's expressions gave for a field, by property (`validate.min`, `valuesExpression` …)."""

    computed: Mapping[str, Any]
    variables: Mapping[str, Any]
    now: datetime
    before: Any
    """The value the field had before the person wrote."""
    locked: bool = False
    """The value is not the person's; form-js still requires it and compares it with its limits."""

    def number(self, component: Component, name: str) -> Any:
        """Return a limit of `validate`, computed or written."""
        return self.computed.get(f"validate.{name}", component.validate.get(name))


def empty(value: Any) -> bool:
    """Say whether nothing was entered."""
    return value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip())


def cleaned(component: Component, value: Any) -> Any:
    """Return the value in the shape it is kept in. Raise `Wrong` when it cannot be that field's value."""
    if value is None:
        return False if component.type == "checkbox" else None
    return _CLEANED[component.type](component, value)


def _checkbox(component: Component, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong(messages.unreadable(component))
    return value


def _single(component: Component, value: Any) -> Any:
    if not tree.shallow(value):
        raise Wrong(messages.unreadable(component))
    return tree.copy(value)


def _several(component: Component, value: Any) -> list[Any]:
    if not isinstance(value, list) or not tree.shallow(value):
        raise Wrong(messages.unreadable(component))
    return list(tree.copy(value))


def _text(component: Component, given: Any) -> str:
    value = given
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Wrong(messages.unreadable(component))
    if len(value) > TEXT_TO_LOOK_AT:
        raise Wrong(messages.about(component, f"最多写 {LONGEST_TEXT} 个字，现在有 {len(value)} 个"))
    value = text.one_line(value) if component.type == "textfield" else text.lines(value)
    if objection := text.objection(value):
        raise Wrong(messages.about(component, objection))
    named = component.format or component.validate.get("validationType")
    if named in FORMATS and value.strip():
        canonical = FORMATS[named].canonical(value)
        if canonical is None:
            raise Wrong(messages.about(component, FORMATS[named].objection))
        return canonical
    return str(value)


def decimal(value: Any) -> Decimal | None:
    """Return a number exactly as its digits say, None when it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    # Integers beyond this are no amounts, and printing them would take its time.
    if isinstance(value, int) and abs(value) > 10**40:
        return None
    digits = str(value).strip()
    try:
        return Decimal(digits) if NUMBER.fullmatch(digits) else None
    except InvalidOperation:
        return None


def _number(component: Component, value: Any) -> Any:
    if value == "":
        return None
    number = decimal(value)
    if number is None:
        raise Wrong(messages.about(component, "应当是数字，不写单位和千分号"))
    digits = decimal_digits(component)
    places = -int(number.normalize().as_tuple().exponent) if number else 0
    if digits is not None and places > digits:
        raise Wrong(messages.about(component, f"最多 {digits} 位小数" if digits else "应当是整数"))
    if abs(number.adjusted()) > 30:
        raise Wrong(messages.about(component, "太大或太小，请核对"))
    if component.attributes.get("serializeToString") is True or component.format == "money":
        return f"{number:f}" if digits is None else f"{number:.{digits}f}"
    return int(number) if number == number.to_integral_value() else float(number)


def _moment(component: Component, value: Any) -> str | None:
    """Return ISO text. An instant comes out on China's clock, so that its day is the day people mean."""
    if value == "":
        return None
    parse = {"time": time.fromisoformat, "datetime": datetime.fromisoformat}
    try:
        moment = parse.get(str(component.attributes.get("subtype")), date.fromisoformat)(str(value))
    except ValueError:
        raise Wrong(messages.not_a_moment(component)) from None
    if isinstance(moment, datetime) and moment.tzinfo and moment.utcoffset() != OFFICE.utcoffset(moment):
        return moment.astimezone(OFFICE).isoformat()
    return str(value)


def _files(component: Component, value: Any) -> list[dict[str, Any]]:
    if value == "":
        return []
    if not isinstance(value, list) or not all(isinstance(one, Mapping) and one.get("key") for one in value):
        raise Wrong(messages.about(component, "的附件没有上传成功，请重新上传"))
    return [{key: tree.copy(one[key]) for key in FILE_KEYS if one.get(key) is not None} for one in value]


_CLEANED: Mapping[str, Callable[[Component, Any], Any]] = {
    "textfield": _text,
    "textarea": _text,
    "number": _number,
    "checkbox": _checkbox,
    "datetime": _moment,
    "filepicker": _files,
    "radio": _single,
    "select": _single,
    "checklist": _several,
    "taglist": _several,
}


def objections(component: Component, value: Any, limits: Limits) -> list[str]:
    """Return what is wrong with a value that is there, as far as it depends on more than the form's file."""
    found = []
    if component.type == "number":
        found += _bounds(component, value, limits)
    elif limits.locked:
        return []
    elif component.type in TEXTS:
        found += _length(component, value, limits)
    elif component.type in CHOICES:
        found += _choice(component, value, limits)
    elif component.type == "datetime" and component.attributes.get("disallowPassedDates") is True:
        found += _passed(component, value, limits)
    elif component.type == "filepicker":
        found += _files_taken(component, value, limits)
    return found


def _bounds(component: Component, value: Any, limits: Limits) -> list[str]:
    number = decimal(value)
    lowest, highest = (decimal(limits.number(component, name)) for name in ("min", "max"))
    if number is None:
        return []
    if lowest is not None and number < lowest:
        return [messages.about(component, f"不能小于 {lowest.normalize():f}")]
    if highest is not None and number > highest:
        return [messages.about(component, f"不能大于 {highest.normalize():f}")]
    step = decimal(component.attributes.get("increment"))
    if step and number % step:
        below = number - number % step
        return [messages.about(component, f"应当是 {step:f} 的倍数，最接近的是 {below:f} 和 {below + step:f}")]
    return []


def _length(component: Component, value: str, limits: Limits) -> list[str]:
    """Blanks at both ends do not count, as in form-js; in the schema, which cannot say so, they do."""
    length = len(value.strip())
    shortest, longest = (decimal(limits.number(component, name)) for name in ("minLength", "maxLength"))
    most = Decimal(LONGEST_TEXT if component.type == "textarea" else LONGEST_LINE)
    most = most if longest is None else min(most, longest)
    if shortest is not None and length < shortest:
        return [messages.about(component, f"至少写 {shortest:f} 个字，现在有 {length} 个")]
    if length > most:
        return [messages.about(component, f"最多写 {most:f} 个字，现在有 {length} 个")]
    return []


def _choice(component: Component, value: Any, limits: Limits) -> list[str]:
    known = options_of(component, limits)
    chosen = value if component.type in MULTIPLE and isinstance(value, list) else [value]
    if all(options.offered(one, known) for one in chosen):
        return []
    return [messages.about(component, "里没有所选的这一项，请重新选择")]


def options_of(component: Component, limits: Limits) -> tuple[options.Option, ...]:
    """Return the options a person had, in the order of form-js: from a variable, from the form, computed."""
    if "valuesKey" in component.attributes:
        return options.normalised(limits.variables.get(str(component.attributes["valuesKey"])))
    known = options.static(component)
    return options.normalised(limits.computed.get("valuesExpression")) if known is None else known


def _passed(component: Component, value: Any, limits: Limits) -> list[str]:
    if value == limits.before or component.attributes.get("subtype") == "time":
        return []
    day = date.fromisoformat(str(value)[:10])
    return [messages.about(component, "不能早于今天")] if day < limits.now.astimezone(OFFICE).date() else []


def _files_taken(component: Component, value: list[Mapping[str, Any]], limits: Limits) -> list[str]:
    several = limits.computed.get("multiple", component.attributes.get("multiple", False)) is True
    if len(value) > 1 and not several:
        return [messages.about(component, "只能附一个文件，请移除多余的")]
    accept = limits.computed.get("accept", component.attributes.get("accept"))
    if not isinstance(accept, str) or "{{" in accept:
        return []
    kinds = [kind.strip().lower() for kind in accept.split(",") if kind.strip()]
    refused = [str(one.get("name")) for one in value if kinds and not _taken(one, kinds)]
    if not refused:
        return []
    return [messages.about(component, f"不收文件“{refused[0][:60]}”，只收 {'、'.join(kinds)}")]


def _taken(file: Mapping[str, Any], kinds: list[str]) -> bool:
    name, content_type = str(file.get("name", "")).lower(), str(file.get("content_type", "")).lower()
    for kind in kinds:
        if kind.startswith("."):
            if name.endswith(kind):
                return True
        elif kind == content_type or (kind.endswith("/*") and content_type.startswith(kind[:-1])):
            return True
    return False
