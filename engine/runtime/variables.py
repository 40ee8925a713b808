"""Variables in scopes, as Camunda 8 has them.

A scope is a plain dict: the root of each process (case or called process), and the locals of an element
(mapped inputs, the item of a loop's instance, all that is set within a sub-process only). Reading goes
outwards; a result is written where the name is found first, else into the root of its process. Everything
written is a deep copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.runtime.values import plain
from engine.runtime.workflows import Task

Values = dict[str, Any]


def own(task: Task) -> Values:
    """Return the task's local variables, made if there are none."""
    values: Values = task.internal_data.setdefault("locals", {})
    return values


def chain(task: Task) -> list[Values]:
    """Return the scopes seen from within the task, inner ones first; the last is the root of its process."""
    found: list[Values] = []
    while True:
        inner: Task | None = task
        while inner is not None:
            if inner.internal_data.get("locals"):
                found.append(inner.internal_data["locals"])
            inner = inner.parent if inner.task_spec.is_instance else None
        scope = task.workflow
        if scope.spec.is_process:
            found.append(scope.data)
            return found
        task = scope.parent_task


def visible(task: Task) -> Mapping[str, Any]:
    """Return what the task sees. Not a copy: only to read, at once."""
    scopes = chain(task)
    if len(scopes) == 1:
        return scopes[0]
    merged: Values = {}
    for scope in reversed(scopes):
        merged.update(scope)
    return merged


def write(task: Task, values: Mapping[str, Any], *, from_within: bool) -> list[tuple[str, Values]]:
    """Write results seen from the task: from within its own scope, or from the scope around it.

    Return what was written where: ("" for the process's root, else the element id of the scope, the values).
    """
    scopes = _named_chain(task, from_within=from_within)
    written: dict[str, Values] = {}
    for name, value in values.items():
        where, scope = next(((where, scope) for where, scope in scopes if name in scope), scopes[-1])
        scope[name] = plain(value)
        written.setdefault(where, {})[name] = scope[name]
        if scope is scopes[-1][1]:
            _note_written(task, name)
    return list(written.items())


def _named_chain(task: Task, *, from_within: bool) -> list[tuple[str, Values]]:
    found: list[tuple[str, Values]] = []
    within = from_within or task.task_spec.is_instance
    while True:
        inner: Task | None = task
        while inner is not None:
            if within and inner.internal_data.get("locals") is not None:
                found.append((inner.task_spec.bpmn_id, inner.internal_data["locals"]))
            within = True
            inner = inner.parent if inner.task_spec.is_instance else None
        scope = task.workflow
        if scope.spec.is_process:
            found.append(("", scope.data))
            return found
        task = scope.parent_task


def _note_written(task: Task, name: str) -> None:
    """Remember what a called process wrote: only that goes back to its caller."""
    scope = task.workflow
    while not scope.spec.is_process:
        scope = scope.parent_task.workflow
    if scope.parent_task is not None:
        scope.written.add(name)


def nested(values: Mapping[str, Any], target: str, value: Any, existing: Any = None) -> Any:
    """Return the new value of the first part of a dotted `target` (`a.b`), `existing` or `values` kept around
    it."""
    first, _, rest = target.partition(".")
    if not rest:
        return value
    base = values.get(first, existing)
    context = dict(base) if isinstance(base, Mapping) else {}
    context[rest.partition(".")[0]] = nested(context, rest, value)
    return context
