"""The diagrams of a case, with what their elements have been through."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from engine.deployments import Bundle
from engine.dialect import Process
from engine.tables import AnyRow, journal, process_definition
from engine.worklist.views import DiagramView


@dataclass
class _Marks:
    finished: set[str] = field(default_factory=set)
    current: set[str] = field(default_factory=set)
    overdue: set[str] = field(default_factory=set)
    incidents: set[str] = field(default_factory=set)


def diagrams(
    tx: Connection, case: AnyRow, bundle: Bundle, open_items: Iterable[Any], now: datetime
) -> tuple[DiagramView, ...]:
    """Return the case's own process first, then those it called, in the order they were first reached.

    `open_items` are rows of `work_item`.
    """
    marks: dict[str, _Marks] = {case.process_id: _Marks()}
    for process_id, element_id, facts in _passed(tx, case.key):
        marks.setdefault(process_id, _Marks()).finished |= {element_id, *facts.get("flows", ())}
    for item in open_items:
        _mark_open(marks, bundle, case.process_id, item, now)
    versions = _versions(tx, case.deployment_key)
    views = []
    for process_id, found in marks.items():
        process = bundle.diagrams.get(process_id)
        if process is not None:
            found.finished |= _flows_between(process, found)
            views.append(_view(process, versions.get(process_id, 0), bundle, found))
    return tuple(views)


def _passed(tx: Connection, case_key: int) -> Sequence[tuple[str, str, dict[str, Any]]]:
    """Return what was completed, and the flows that were chosen, each once however often a loop passed it."""
    query = (
        select(journal.c.process_id, journal.c.element_id, journal.c.event, journal.c.facts)
        .where(journal.c.stream == case_key, journal.c.event.in_(("element:completed", "flow:taken")))
        .order_by(journal.c.seq)
    )
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for process_id, element_id, event, facts in tx.execute(query):
        if process_id and element_id:
            told = json.loads(facts) if event == "flow:taken" else {}
            flows = told.get("flows", ())
            found.setdefault((process_id, element_id, ",".join(flows)), {"flows": flows})
    return [(process_id, element_id, facts) for (process_id, element_id, _), facts in found.items()]


def _mark_open(marks: dict[str, _Marks], bundle: Bundle, root: str, item: Any, now: datetime) -> None:
    for process_id, element_id in _around(bundle, root, item):
        marks.setdefault(process_id, _Marks()).current.add(element_id)
    found = marks.setdefault(item.process_id, _Marks())
    if item.incident:
        found.incidents.add(item.element_id)
    if item.kind == "user_task" and item.due_at is not None and item.due_at <= now:
        found.overdue.add(item.element_id)
    element = (
        bundle.diagrams[item.process_id].elements.get(item.element_id) if item.process_id in bundle.diagrams else None
    )
    # What waits at a task's edge is not where the case is; the task itself is.
    if element is None or element.attached_to is None:
        found.current.add(item.element_id)


def _around(bundle: Bundle, root: str, item: Any) -> Iterable[tuple[str, str]]:
    """Return the sub-processes and call activities around an item, each with the process it is drawn in."""
    process = bundle.diagrams.get(root)
    inside = [*item.path, item.element_id][1:]
    for element_id, next_id in zip(item.path, inside, strict=True):
        element = process.elements.get(element_id) if process else None
        if process is None or element is None:
            return
        yield process.id, element_id
        if element.type == "callActivity":
            process = _called(bundle, element.called_process or "", next_id, item.process_id)


def _called(bundle: Bundle, called: str, next_id: str, innermost: str) -> Process | None:
    """Return the process that a call activity has called; of a computed one, that which holds the next element."""
    if not called.startswith("="):
        return bundle.diagrams.get(called)
    if next_id in bundle.diagrams[innermost].elements:
        return bundle.diagrams[innermost]
    return next((process for process in bundle.diagrams.values() if next_id in process.elements), None)


def _flows_between(process: Process, marks: _Marks) -> set[str]:
    """Return the flows that must have been passed because both their ends were and there was no other way on."""
    reached = marks.finished | marks.current
    return {
        flow.id
        for element in process.elements.values()
        if element.id in marks.finished
        for flow in element.outgoing
        if flow.target in reached and (len(element.outgoing) == 1 or element.type == "parallelGateway")
    }


def _versions(tx: Connection, deployment_key: int) -> dict[str, int]:
    query = select(process_definition.c.process_id, process_definition.c.version).where(
        process_definition.c.deployment_key == deployment_key
    )
    return {row.process_id: row.version for row in tx.execute(query)}


def _view(process: Process, version: int, bundle: Bundle, marks: _Marks) -> DiagramView:
    return DiagramView(
        process_id=process.id,
        name=process.name or process.id,
        version=version,
        file=process.file,
        xml=bundle.files[process.file],
        finished=tuple(sorted(marks.finished - marks.current)),
        current=tuple(sorted(marks.current)),
        overdue=tuple(sorted(marks.overdue)),
        incidents=tuple(sorted(marks.incidents)),
    )
