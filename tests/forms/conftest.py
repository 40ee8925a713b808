"""A real FEEL interpreter for the forms, and a short way to write a form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.calendars import ChinaCalendar
from engine.feel import Feel
from forms import Form, Reading, compile_form

NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def feel() -> Iterator[Feel]:
    with Feel(Path("bundles/feel.js"), ChinaCalendar()) as interpreter:
        yield interpreter


def form_file(*components: dict[str, Any], form_id: str = "toy.task") -> bytes:
    """Return a form file; components get ids by their order."""
    document = {
        "type": "default",
        "id": form_id,
        "schemaVersion": 19,
        "components": _with_ids(components, "F"),
    }
    return json.dumps(document, ensure_ascii=False).encode()


def _with_ids(components: Any, prefix: str) -> list[dict[str, Any]]:
    found = []
    for number, component in enumerate(components):
        if not isinstance(component, dict):
            return list(components)
        own = {"id": f"{prefix}{number}", **component}
        if "components" in own:
            own["components"] = _with_ids(own["components"], f"{own['id']}_")
        found.append(own)
    return found


@pytest.fixture
def make(feel: Feel) -> Callable[..., Form]:
    """Return a function from components to a compiled form."""
    return lambda *components: compile_form("forms/toy/task.form", form_file(*components), feel)


@pytest.fixture
def read(make: Callable[..., Form]) -> Callable[..., Reading]:
    """Return a function that reads an answer to components: `read(raw, *components, **variables)`."""

    def read_one(raw: dict[str, Any], *components: dict[str, Any], **variables: Any) -> Reading:
        return make(*components).read(raw, variables, now=NOW)

    return read_one
