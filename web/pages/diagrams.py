"""What the diagram viewer of a page gets to know, and the forms of a case's own bundle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for

from engine.worklist import DiagramView
from forms import Form, FormInvalid
from web.context import person, services
from web.pages.history import FormOf


def for_page(
    case_key: int, views: Sequence[DiagramView], *, here: tuple[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return the viewer's data; `here`, a process and element id, is what to show first."""
    return [
        {
            "process_id": view.process_id,
            "name": view.name or view.process_id,
            "version": view.version,
            "url": url_for("case.diagram", key=case_key, process_id=view.process_id),
            "finished": list(view.finished),
            "current": list(view.current),
            "overdue": list(view.overdue),
            "incidents": list(view.incidents),
            "focus": here[1] if here and here[0] == view.process_id else None,
        }
        for view in views
    ]


def forms_of(case_key: int) -> FormOf:
    """Return what finds the form of a task by process and element, in the case's own bundle."""
    files = services().records.forms(case_key, person())

    def find(process_id: str | None, element_id: str | None) -> Form | None:
        found = files.get((process_id or "", element_id or ""))
        if found is None:
            return None
        try:
            return services().forms.get(*found)
        except FormInvalid:
            return None  # of a bundle checked by older rules: the answers are shown under their keys

    return find
