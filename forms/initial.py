"""What form-js holds right after it imported a form: a field's variable, else its default, else nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from forms import options, text, tree
from forms.components import CHOICES, EMPTY, MULTIPLE, TEXTS, Component


def state(components: Sequence[Component], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables with every field's value in its place."""
    data: dict[str, Any] = tree.copy(variables)
    _fill(components, data, variables)
    return data


def row(components: Sequence[Component], given: Any, root: Mapping[str, Any]) -> dict[str, Any]:
    """Return one row of a list: `given` with every field's value in its place."""
    data: dict[str, Any] = tree.copy(given) if isinstance(given, Mapping) else {}
    _fill(components, data, root)
    return data


def _fill(components: Sequence[Component], data: dict[str, Any], root: Mapping[str, Any]) -> None:
    for component in components:
        if component.repeats:
            found = tree.get(data, component.steps)
            rows = found if isinstance(found, list) and found else [{}] * _repetitions(component, found)
            tree.put(data, component.steps, [row(component.children, one, root) for one in rows])
        elif component.children:
            _descend(component, data, root)
        elif component.keyed:
            tree.put(data, component.steps, _value(component, tree.get(data, component.steps), root))


def _descend(component: Component, data: dict[str, Any], root: Mapping[str, Any]) -> None:
    inner: Any = data
    for step in component.steps:
        if not isinstance(inner.get(step), dict):
            inner[step] = {}
        inner = inner[step]
    _fill(component.children, inner, root)


def _repetitions(component: Component, found: Any) -> int:
    """Return how many empty rows a list starts with: none where the case already has an empty list."""
    if isinstance(found, list):
        return 0
    count = component.attributes.get("defaultRepetitions", 1)
    return min(count, 50) if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else 1


def _value(component: Component, found: Any, root: Mapping[str, Any]) -> Any:
    if found is not tree.MISSING:
        return sanitised(component, found, root)
    default = component.attributes.get("defaultValue")
    return tree.copy(default if default is not None else EMPTY.get(component.type))


def sanitised(component: Component, value: Any, root: Mapping[str, Any]) -> Any:
    """Return a variable's value as form-js takes it into the field, empty where the field cannot show it."""
    if component.type in TEXTS:
        shown = value if isinstance(value, str) else _plain_text(value)
        return text.one_line(shown) if component.type == "textfield" else shown
    if component.type == "checkbox":
        return value is True
    if component.type == "number":
        return _number(component, value)
    if component.type == "datetime":
        return value if _is_moment(component, value) else None
    if component.type == "filepicker":
        return value if isinstance(value, list) and all(isinstance(one, Mapping) for one in value) else None
    return _chosen(component, value, root) if component.type in CHOICES else value


def _plain_text(value: Any) -> str:
    if value is None or isinstance(value, Mapping | list):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(component: Component, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or value == "":
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if math.isnan(number):
        return None
    if component.attributes.get("serializeToString") is True:
        return str(value)
    if isinstance(value, str):
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return value


def _is_moment(component: Component, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    subtype = component.attributes.get("subtype", "date")
    try:
        if subtype == "time":
            hour, _, rest = value.partition(":")
            return 0 <= int(hour) <= 24 and (not rest or 0 <= int(rest[:2]) <= 60)
        if subtype == "datetime":
            return "T" in value and bool(datetime.fromisoformat(value))
        return bool(date.fromisoformat(value)) and value.count("-") == 2
    except ValueError:
        return False


def _chosen(component: Component, value: Any, root: Mapping[str, Any]) -> Any:
    """A computed list of options is not known yet, so its value passes; form-js judges it later."""
    many = component.type in MULTIPLE
    if component.attributes.get("valuesExpression"):
        return value
    known = options.static(component)
    if known is None:
        known = options.normalised(root.get(str(component.attributes.get("valuesKey"))))
    if many:
        return [one for one in value if options.offered(one, known)] if isinstance(value, list) else []
    return value if options.offered(value, known) else None
