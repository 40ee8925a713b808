"""The component tree of a form, as form-js 1.23 understands it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TEXTS = frozenset({"textfield", "textarea"})
SINGLE = frozenset({"radio", "select"})
MULTIPLE = frozenset({"checklist", "taglist"})
CHOICES = SINGLE | MULTIPLE
KEYED = frozenset({"number", "datetime", "expression", "filepicker", "checkbox"}) | TEXTS | CHOICES
SHOWN = frozenset({"text", "image", "table", "html", "documentPreview", "spacer", "separator", "button"})
CONTAINERS = frozenset({"group", "dynamiclist"})
KNOWN = KEYED | SHOWN | CONTAINERS

#: What a value starts as when neither the case nor the form gives one.
EMPTY: Mapping[str, Any] = {
    "textfield": "",
    "textarea": "",
    "checkbox": False,
    "checklist": (),
    "taglist": (),
}


@dataclass(frozen=True)
class Component:
    """One component. `steps` are the keys that lead from its container's value to its own."""

    id: str
    type: str
    label: str
    steps: tuple[str, ...]
    path: tuple[str, ...]
    """From the root of the answers, `*` standing for an index."""
    hide: str | None
    """FEEL without `=`; hidden while true."""
    readonly: bool | str
    """True, False or FEEL without `=`."""
    disabled: bool
    attributes: Mapping[str, Any]
    children: tuple[Component, ...] = ()

    @property
    def keyed(self) -> bool:
        """Say whether it has a value of its own."""
        return self.type in KEYED

    @property
    def repeats(self) -> bool:
        """Say whether its value is a list of rows, one for each time its children are asked."""
        return self.type == "dynamiclist"

    @property
    def writable(self) -> bool:
        """Say whether a person can ever change it."""
        if self.type in CONTAINERS:
            return any(child.writable for child in self.children)
        return self.keyed and self.type != "expression" and self.readonly is not True and not self.disabled

    @property
    def answers(self) -> bool:
        """Say whether an answer can hold something of it that the case does not have yet."""
        return self.type == "expression" or self.writable or any(child.answers for child in self.children)

    @property
    def validate(self) -> Mapping[str, Any]:
        """Return form-js's `validate`."""
        found = self.attributes.get("validate")
        return found if isinstance(found, Mapping) else {}

    @property
    def required(self) -> bool:
        """Say whether it must be filled in where it is visible."""
        return self.validate.get("required") is True

    @property
    def format(self) -> str:
        """Return the custom property `format` (`cn_phone`, `money` …), "" when there is none."""
        found = self.attributes.get("properties")
        value = found.get("format", "") if isinstance(found, Mapping) else ""
        return value if isinstance(value, str) else ""

    @property
    def generic_path(self) -> str:
        """Return the path as `items[].amount`."""
        return path_text(self.path)


def walk(components: tuple[Component, ...]) -> Iterator[Component]:
    """Yield every component, containers before what they contain."""
    for component in components:
        yield component
        yield from walk(component.children)


def path_text(path: tuple[str | int, ...] | list[str | int]) -> str:
    """Return `("items", 0, "amount")` as `items[0].amount`; `*` becomes `[]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step == "*":
            text += "[]"
        else:
            text += f".{step}" if text else step
    return text


def is_expression(value: Any) -> bool:
    """Say whether form-js evaluates `value` as FEEL."""
    return isinstance(value, str) and value.startswith("=")
