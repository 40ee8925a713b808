"""A form as JSON Schema (2020-12), checked by a validator whose regular expressions run in linear time.

The schema describes the answers without their empty values: a field left blank is absent. What depends on
other answers (hidden fields, FEEL limits, options from variables) is not in it; `reading` checks that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema_rs

from forms import options
from forms.components import Component
from forms.formats import FORMATS

LONGEST_LINE = 1_000
LONGEST_TEXT = 20_000
MOST_ROWS = 200
MOST_FILES = 50
DIALECT = "https://json-schema.org/draft/2020-12/schema"
REGEX = jsonschema_rs.RegexOptions(size_limit=1_000_000, dfa_size_limit=1_000_000)

DAY = r"^\d{4}-\d{2}-\d{2}$"
TIME = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?(Z|[+-]\d{2}:\d{2})?$"
INSTANT = r"^\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?$"
DATETIMES = {"date": DAY, "time": TIME, "datetime": INSTANT}


def schema_of(form_id: str, components: tuple[Component, ...]) -> dict[str, Any]:
    """Return the schema of a form's answers."""
    root = _object()
    for component in components:
        _add(root, component, conditional=False)
    return {"$schema": DIALECT, "$id": f"urn:hejie:form:{form_id}", **root}


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Return the validator of a schema made here."""
    return jsonschema_rs.Draft202012Validator(
        schema,
        pattern_options=REGEX,
        validate_formats=True,
        formats={name: _check(name) for name in FORMATS},
    )


def pattern_error(pattern: str) -> str | None:
    """Return why a pattern cannot be used, None when it can: no look-around, no back-references."""
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=REGEX)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        return str(error).splitlines()[0]
    return None


def _check(name: str) -> Callable[[str], bool]:
    return lambda value: FORMATS[name].canonical(value) is not None


def _object() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def _add(parent: dict[str, Any], component: Component, *, conditional: bool) -> None:
    """Add a component to the schema of the object that holds it."""
    conditional = conditional or component.hide is not None
    if component.type == "group":
        inner, always = parent, not conditional
        for step in component.steps:
            inner = _property(inner, step)
        for child in component.children:
            _add(inner, child, conditional=not always)
    elif component.steps:
        *outer, last = component.steps
        for step in outer:
            parent = _property(parent, step)
        parent["properties"][last] = _rows(component) if component.repeats else _field(component)
        if component.required and not conditional and component.writable and not component.readonly and not outer:
            parent["required"].append(last)


def _property(parent: dict[str, Any], step: str) -> dict[str, Any]:
    found: dict[str, Any] = parent["properties"].setdefault(step, _object())
    return found


def _rows(component: Component) -> dict[str, Any]:
    row = _object()
    for child in component.children:
        _add(row, child, conditional=False)
    return {"type": "array", "items": row, "maxItems": MOST_ROWS, "title": component.label}


def _field(component: Component) -> dict[str, Any]:
    schema: dict[str, Any] = {"title": component.label} if component.label else {}
    return {**schema, **_TYPES[component.type](component)}


def _textual(component: Component) -> dict[str, Any]:
    validate = component.validate
    longest = LONGEST_TEXT if component.type == "textarea" else LONGEST_LINE
    schema: dict[str, Any] = {
        "type": "string",
        "maxLength": min(_whole(validate.get("maxLength")) or longest, longest),
    }
    if _whole(validate.get("minLength")):
        schema["minLength"] = validate["minLength"]
    if isinstance(validate.get("pattern"), str) and validate["pattern"]:
        schema["pattern"] = validate["pattern"]
    named = component.format or validate.get("validationType")
    if named in FORMATS:
        schema["format"] = named
    return schema


def _number(component: Component) -> dict[str, Any]:
    if component.attributes.get("serializeToString") is True or component.format == "money":
        digits = decimal_digits(component)
        places = r"(\.\d+)?" if digits is None else (rf"\.\d{{{digits}}}" if digits else "")
        return {"type": "string", "pattern": rf"^-?\d+{places}$", "maxLength": 40}
    schema: dict[str, Any] = {"type": "integer" if decimal_digits(component) == 0 else "number"}
    for name, keyword in (("min", "minimum"), ("max", "maximum")):
        limit = component.validate.get(name)
        if isinstance(limit, int | float) and not isinstance(limit, bool):
            schema[keyword] = limit
    return schema


def _datetime(component: Component) -> dict[str, Any]:
    return {
        "type": "string",
        "pattern": DATETIMES.get(str(component.attributes.get("subtype")), DAY),
        "maxLength": 40,
    }


def _choice(component: Component) -> dict[str, Any]:
    known = options.static(component)
    return {} if known is None else {"enum": [option.value for option in known]}


def _choices(component: Component) -> dict[str, Any]:
    return {"type": "array", "items": _choice(component), "uniqueItems": True, "maxItems": 1_000}


def _checkbox(component: Component) -> dict[str, Any]:
    return {"const": True} if component.required else {"type": "boolean"}


def _files(component: Component) -> dict[str, Any]:
    text = {"type": "string", "minLength": 1, "maxLength": 500}
    properties = {
        "key": text,
        "name": text,
        "content_type": {"type": "string", "maxLength": 200},
        "size": {"type": "integer", "minimum": 0},
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    }
    file = {
        "type": "object",
        "properties": properties,
        "required": ["key", "name"],
        "additionalProperties": False,
    }
    most = 1 if component.attributes.get("multiple", False) is False else MOST_FILES
    return {"type": "array", "items": file, "maxItems": most}


def _anything(component: Component) -> dict[str, Any]:
    return {}


_TYPES: dict[str, Callable[[Component], dict[str, Any]]] = {
    "textfield": _textual,
    "textarea": _textual,
    "number": _number,
    "datetime": _datetime,
    "radio": _choice,
    "select": _choice,
    "checklist": _choices,
    "taglist": _choices,
    "checkbox": _checkbox,
    "filepicker": _files,
    "expression": _anything,
}


def decimal_digits(component: Component) -> int | None:
    """Return how many decimals a number may have, None for any."""
    digits = component.attributes.get("decimalDigits")
    if isinstance(digits, int) and not isinstance(digits, bool) and 0 <= digits <= 20:
        return digits
    return 2 if component.format == "money" else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
