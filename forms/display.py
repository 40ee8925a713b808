"""Answers in the words of the form: labels in place of keys, options' labels in place of their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from forms import options, tree
from forms.components import CHOICES, Component, walk

OFFICE = ZoneInfo("Asia/Shanghai")


def labels(components: Sequence[Component]) -> dict[str, str]:
    """Return the label of each field and list by its path."""
    named = (one for one in walk(tuple(components)) if one.keyed or one.repeats)
    return {component.generic_path: component.label or component.generic_path for component in named}


def lines(components: Sequence[Component], data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield label and text of every value that `data` has, in the order of the form."""
    for component in components:
        value = tree.get(data, component.steps)
        if component.repeats:
            rows = value if isinstance(value, list) else []
            name = component.label or component.generic_path
            for number, row in enumerate(rows, start=1):
                if isinstance(row, Mapping):
                    yield from lines(component.children, row, f"{prefix}{name} {number} · ")
        elif component.children:
            if isinstance(value, Mapping):
                yield from lines(component.children, value, prefix)
        elif component.keyed and value is not tree.MISSING:
            yield prefix + (component.label or component.generic_path), text_of(component, value)


def text_of(component: Component, value: Any) -> str:
    """Return a value to be read, "" for an empty one."""
    if value is None or value == "":
        return ""
    if isinstance(value, list):
        return "、".join(filter(None, (text_of(component, one) for one in value)))
    if component.type in CHOICES:
        return _option_label(component, value)
    if isinstance(value, Mapping):
        return str(value.get("name") or value.get("label") or "")
    if isinstance(value, bool):
        return "是" if value else "否"
    text = str(value)
    return _moment(text) if component.type == "datetime" else _with_adorners(component, text)


def _option_label(component: Component, value: Any) -> str:
    for option in options.static(component) or ():
        if options.same(option.value, value):
            return option.label
    return str(value.get("label", "")) if isinstance(value, Mapping) else str(value)


def _moment(value: str) -> str:
    """Return a date or a time as it is written in China, in China's time."""
    try:
        if "T" in value:
            instant = datetime.fromisoformat(value)
            local = instant.astimezone(OFFICE) if instant.tzinfo else instant
            return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"
        if "-" in value[1:]:
            day = date.fromisoformat(value)
            return f"{day.year}年{day.month}月{day.day}日"
    except ValueError:
        return value
    return value


def _with_adorners(component: Component, text: str) -> str:
    """Return the text with the unit that the form shows beside it (`元`)."""
    appearance = component.attributes.get("appearance")
    after = appearance.get("suffixAdorner") if isinstance(appearance, Mapping) else None
    plain = isinstance(after, str) and not after.startswith("=") and "{{" not in after
    return f"{text} {after}" if plain and component.type == "number" and after else text
