"""The options of a choice, wherever form-js takes them from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forms.components import Component


@dataclass(frozen=True)
class Option:
    value: Any
    label: str


def static(component: Component) -> tuple[Option, ...] | None:
    """Return the options written in the form, None when they come from variables or an expression."""
    if "valuesKey" in component.attributes or not isinstance(component.attributes.get("values"), list):
        return None
    return normalised(component.attributes["values"])


def normalised(found: Any) -> tuple[Option, ...]:
    """Return options out of anything; a plain value is its own label, what cannot be one is left out."""
    options = (_option(one) for one in found) if isinstance(found, list) else ()
    return tuple(option for option in options if option is not None)


def _option(one: Any) -> Option | None:
    if _plain(one):
        return Option(one, _text(one))
    if not isinstance(one, Mapping):
        return None
    value, label = one.get("value"), one.get("label")
    if isinstance(label, str) and label:
        usable = _plain(value) or (isinstance(value, Mapping | list) and bool(value))
        return Option(value, label) if usable else None
    return Option(value, _text(value)) if _plain(value) else None


def _plain(value: Any) -> bool:
    if isinstance(value, bool):
        return True
    return isinstance(value, int | float) or (isinstance(value, str) and bool(value))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def same(one: Any, other: Any) -> bool:
    """Compare JSON values as the browser does: true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def offered(value: Any, options: tuple[Option, ...]) -> bool:
    """Say whether `value` is one of the options."""
    return any(same(value, option.value) for option in options)
