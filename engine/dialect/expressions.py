"""Where an element holds FEEL."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dialect.model import Element, Expression

_FIELDS = {
    "assignee": "assignee",
    "candidate_groups": "candidateGroups",
    "candidate_users": "candidateUsers",
    "due_date": "dueDate",
    "follow_up_date": "followUpDate",
    "priority": "priority",
    "form_id": "formId",
    "job_type": "taskDefinition type",
    "retries": "taskDefinition retries",
    "script": "script",
    "decision_id": "decisionId",
    "called_process": "processId",
    "message_id": "messageId",
    "time_to_live": "timeToLive",
}

_LOOP_FIELDS = {
    "input_collection": "inputCollection",
    "output_element": "outputElement",
    "condition": "completionCondition",
}


def expressions_of(element: Element) -> tuple[Expression, ...]:
    """Return every FEEL expression of the element, in reading order."""
    found = ((where, text) for where, text in _texts(element) if text and text.startswith("="))
    return tuple(Expression(where, text[1:].strip()) for where, text in found if text)


def _texts(element: Element) -> Iterator[tuple[str, str | None]]:
    for mapping in element.inputs:
        yield f"input {mapping.target}", mapping.source
    for field, where in _FIELDS.items():
        yield where, getattr(element, field)
    if element.event is not None:
        yield f"{element.event.kind} name", element.event.name
        yield "correlationKey", element.event.correlation_key
        if element.event.timer is not None:
            yield "timer", element.event.timer.text
    if element.loop is not None:
        for field, where in _LOOP_FIELDS.items():
            yield where, getattr(element.loop, field)
    for mapping in element.outputs:
        yield f"output {mapping.target}", mapping.source
    for flow in element.outgoing:
        yield f"condition {flow.id}", flow.condition
