"""The rows of what a case waits for: the difference between the run and the open rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from engine import store
from engine.casework import verbs
from engine.journal import Where
from engine.permissions import EVERYBODY
from engine.runtime import Waiting
from engine.tables import FAR_FUTURE

if TYPE_CHECKING:
    from engine.casework.step import Step


def write(step: Step) -> None:
    """Close the rows whose token has gone, insert one for each new token; keep lists, incidents, journal in line."""
    waiting = {item.id: item for item in step.run.waiting}
    for item_id in step.open:
        if item_id not in waiting and item_id not in step.closed:
            step.closed[item_id] = "CANCELED"
    # An item that this step dealt with and that still waits (a cycle's timer, a repeated message) is a new one.
    new = [item for item_id, item in waiting.items() if item_id not in step.open or item_id in step.closed]
    _close(step)
    _remind(step)
    keys = store.insert_items(step.tx, [_row(step, item) for item in new]) if new else {}
    step.opened.update({item.id: (keys[item.id], item) for item in new})
    _offer(step, [(keys[item.id], item) for item in new if item.kind == "user_task"])
    for item in new:
        _tell_opened(step, keys[item.id], item)
    verbs.prepare(step, [(keys[item.id], item) for item in new if item.kind == "job"])
    _raise_incidents(step)


def groups(item: Waiting) -> tuple[str, ...]:
    """Return whom a user task is offered to; everybody if the diagram names nobody at all."""
    if item.candidate_groups or item.candidate_users or item.assignee:
        return item.candidate_groups
    return (EVERYBODY,)


def where(item: Waiting, key: int | None = None) -> Where:
    return Where(item.process_id, item.element_id, item.element_name, key)


def where_row(row: Any) -> Where:
    return Where(row.process_id, row.element_id, row.name, row.key)


def _row(step: Step, item: Waiting) -> dict[str, Any]:
    is_task, is_job = item.kind == "user_task", item.kind == "job"
    due = item.due
    return {
        "case_key": step.case.key,
        "item_id": item.id,
        "kind": item.kind,
        "state": "CREATED",
        "process_id": item.process_id,
        "element_id": item.element_id,
        "name": item.element_name or item.element_id,
        "path": list(item.path),
        "parent_id": item.parent_id,
        "lane": item.lane,
        "form_id": item.form_id,
        "headers": dict(item.headers),
        "priority": item.priority,
        "opened_at": step.now,
        "due_at": due.at if due else None,
        "due_rule": due.rule if due else "",
        "due_explanation": due.explanation if due else "",
        "due_calendar": due.calendar_version if due else "",
        "follow_up_at": item.follow_up.at if item.follow_up else None,
        "assignee": item.assignee if is_task else None,
        "candidates": {"groups": list(groups(item)), "users": list(item.candidate_users)} if is_task else None,
        "incident": item.id in step.failed or item.kind == "incident",
        "type": item.type,
        "inputs": dict(item.inputs) if is_job else None,
        "message_name": item.message_name or item.signal_name,
        "correlation_key": item.correlation_key,
        "run_at": _run_at(step, item),
        "retries": max(item.retries, 1) if is_job else 3,
    }


def _run_at(step: Step, item: Waiting) -> Any:
    """Return when a worker is to look: a job and the message buffer now, a timer when it is due."""
    if item.id in step.failed:
        return None
    if item.kind in ("job", "message"):
        return step.now
    return item.due.at if item.kind == "timer" and item.due else None


def _close(step: Step) -> None:
    if not step.closed:
        return
    rows = {item_id: step.open[item_id] for item_id in step.closed}
    for state in ("COMPLETED", "CANCELED"):
        keys = [row.key for item_id, row in rows.items() if step.closed[item_id] == state]
        if keys:
            by = step.by.username if state == "COMPLETED" else None
            store.close_items(step.tx, keys, state=state, by=by, at=step.now)
    tasks = [row for row in rows.values() if row.kind == "user_task"]
    step.candidates += [gone for row in tasks for gone in _withdrawn(step, row)]
    drafted = [row.key for row in tasks if row.has_drafts]
    if drafted:
        store.delete_drafts(step.tx, drafted)
    for row in tasks:
        if step.closed[row.item_id] == "CANCELED":
            step.record("task:canceled", {}, where_row(row))
    troubled = [row for row in rows.values() if row.incident]
    if troubled:
        store.resolve_incidents(step.tx, [row.key for row in troubled], by=step.by.username, at=step.now)
        for row in troubled:
            step.record("incident:resolved", {"state": step.closed[row.item_id]}, where_row(row))


def _remind(step: Step) -> None:
    """Count the reminders of tasks that a timer at their edge has just fired for without ending them."""
    for item_id, state in step.closed.items():
        timer = step.open[item_id]
        task = step.open.get(timer.parent_id) if timer.kind == "timer" and state == "COMPLETED" else None
        if task is not None and task.kind == "user_task" and task.item_id not in step.closed:
            store.count_reminder(step.tx, task.key)
            step.record("task:reminded", {"timer": timer.name}, where_row(task))


def _offer(step: Step, tasks: Sequence[tuple[int, Waiting]]) -> None:
    rows = [*step.candidates, *(row for key, item in tasks for row in _candidates(step, key, item))]
    if rows:
        store.put_candidates(step.tx, rows)


def _candidates(step: Step, key: int, item: Waiting) -> Iterable[dict[str, Any]]:
    sort_at = item.due.at if item.due else FAR_FUTURE
    named = [("group", name) for name in groups(item)] + [("user", name) for name in item.candidate_users]
    if item.assignee:
        named.append(("assignee", item.assignee))
    for kind, name in dict.fromkeys(named):
        listed = kind == "assignee" or not item.assignee
        yield candidate_row(
            key,
            kind,
            name,
            case_key=step.case.key,
            sort_at=sort_at if listed else None,
            priority=item.priority,
            process_id=item.process_id,
        )


def _withdrawn(step: Step, row: store.Item) -> Iterable[dict[str, Any]]:
    """Return the candidate rows of a closed task: out of everybody's list; who could see it still may see the case."""
    offered = json.loads(row.candidates)
    named = [("group", name) for name in offered["groups"]] + [("user", name) for name in offered["users"]]
    if row.assignee:
        named.append(("assignee", row.assignee))
    for kind, name in dict.fromkeys(named):
        yield candidate_row(
            row.key,
            kind,
            name,
            case_key=step.case.key,
            sort_at=None,
            priority=row.priority,
            process_id=row.process_id,
        )


def candidate_row(
    item_key: int, kind: str, name: str, *, case_key: int, sort_at: Any, priority: int, process_id: str
) -> dict[str, Any]:
    return {
        "item_key": item_key,
        "kind": kind,
        "name": name,
        "case_key": case_key,
        "sort_at": sort_at,
        "rank": -priority,
        "process_id": process_id,
    }


def _tell_opened(step: Step, key: int, item: Waiting) -> None:
    if item.kind == "user_task":
        facts = {
            "candidate_groups": list(groups(item)),
            "candidate_users": list(item.candidate_users),
            "assignee": item.assignee,
            "form_id": item.form_id,
        }
        step.record("task:opened", facts, where(item, key))
    if item.due is not None:
        facts = {
            "at": item.due.at.isoformat(),
            "rule": item.due.rule,
            "explanation": item.due.explanation,
            "calendar": item.due.calendar_version,
        }
        step.record("deadline:set", facts, where(item, key))


def _raise_incidents(step: Step) -> None:
    """Write the incidents of new rows: the run's own, and jobs whose verb failed in this step."""
    rows = []
    for key, item in step.opened.values():
        cause = item.cause if item.kind == "incident" else step.failed.get(item.id)
        if cause is None:
            continue
        rows.append(incident_row(step.case.key, key, item.kind, cause, at=step.now, retryable=item.retryable))
        if item.kind != "incident":  # the run has told its own
            step.record("incident:raised", {"cause": cause}, where(item, key))
    for item_id, cause in step.failed.items():
        row = step.open.get(item_id)
        if row is not None and item_id not in step.closed:  # tried again by hand, and failed again
            rows.append(incident_row(step.case.key, row.key, row.kind, cause, at=step.now))
            store.update_item(step.tx, row.key, incident=True, run_at=None)
            step.record("incident:raised", {"cause": cause}, where_row(row))
    if rows:
        store.insert_incidents(step.tx, rows)


def incident_row(
    case_key: int, item_key: int, kind: str, cause: str, *, at: datetime, retryable: bool = True
) -> dict[str, Any]:
    return {
        "case_key": case_key,
        "item_key": item_key,
        "kind": kind,
        "cause": cause,
        "retryable": retryable,
        "raised_at": at,
    }
