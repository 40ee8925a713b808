"""What a case waits for, as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from SpiffWorkflow.util.task import TaskState

from engine.runtime import values, variables
from engine.runtime.case import Case, path
from engine.runtime.model import Waiting
from engine.runtime.specs.gateways import JoiningSpec
from engine.runtime.workflows import ROOT_ID, Scope, Task, is_live, live_tasks, scopes


def waiting(case: Case) -> tuple[Waiting, ...]:
    """Return everything the case waits for, in the order it came to be."""
    found = [item for scope in scopes(case.top) for item in _in_scope(case, scope)]
    return tuple(sorted(found, key=lambda item: int(item.id)))


def _in_scope(case: Case, scope: Scope) -> Iterator[Waiting]:
    tasks = list(live_tasks(scope))
    for task in tasks:
        if "incident" in task.internal_data:
            incident = task.internal_data["incident"]
            yield _item(task, "incident", incident["id"], cause=incident["cause"])
        elif "wait" in task.internal_data:
            yield _event(task, task.internal_data["wait"])
        elif "work" in task.internal_data:
            yield _work(task, task.internal_data["work"])
    yield from _stuck(case, tasks)


def _stuck(case: Case, tasks: list[Task]) -> Iterator[Waiting]:
    """Tokens at a join for which nothing can come any more: better an incident than silence."""
    active = [task for task in tasks if not (task._state & TaskState.WAITING and task._parent == ROOT_ID)]
    if not active or any("joining" not in task.internal_data for task in active):
        return
    seen: set[str] = set()
    for task in active:
        spec: JoiningSpec = task.task_spec
        if spec.bpmn_id not in seen:
            seen.add(spec.bpmn_id)
            arrived = {other.internal_data.get("flow") for other in active if other.task_spec is spec}
            missing = "、".join(flow.id for flow in spec.element.incoming if flow.id not in arrived)
            cause = f"网关仍在等待分支 {missing}，但已没有任何分支会再到达，请检查流程图。"
            yield _item(task, "incident", task.id, cause=cause, retryable=False)


def _item(task: Task, kind: Any, item_id: str, **fields: Any) -> Waiting:
    spec = task.task_spec
    parent = task.parent
    return Waiting(
        id=item_id,
        kind=kind,
        process_id=spec.scope.process.id,
        element_id=spec.bpmn_id,
        element_name=spec.bpmn_name or "",
        element_type=spec.element.type,
        path=path(task),
        parent_id=_parent_id(task, parent),
        lane=_lane(task),
        read_variables=lambda: values.plain(variables.visible(task)),
        **fields,
    )


def _parent_id(task: Task, parent: Task | None) -> str | None:
    if parent is not None and is_live(parent) and not task.task_spec.is_instance:
        return str(parent.id)
    listens = task._state & TaskState.WAITING and parent is not None and parent.id == ROOT_ID
    holder = task.workflow.parent_task if listens else None
    return str(holder.id) if holder is not None else None


def _lane(task: Task) -> str | None:
    """The lane of the element; in a called process without lanes that of the caller."""
    current: Task | None = task
    while current is not None:
        lane: str | None = current.task_spec.element.lane
        if lane:
            return lane
        current = current.workflow.parent_task
    return None


def _work(task: Task, work: dict[str, Any]) -> Waiting:
    element = task.task_spec.element
    if "type" in work:
        return _item(
            task,
            "job",
            task.id,
            type=work["type"],
            retries=work["retries"],
            headers=dict(element.headers),
            deadlines={
                name: due
                for name, kept in task.internal_data.get("deadlines", {}).items()
                if (due := values.restored(kept)) is not None
            },
            read_inputs=lambda: values.plain(variables.own(task) if element.inputs else variables.visible(task)),
        )
    lane = _lane(task)
    return _item(
        task,
        "user_task",
        task.id,
        form_id=work["form"],
        assignee=work["assignee"],
        candidate_groups=tuple(work["groups"]) or ((lane,) if lane else ()),
        candidate_users=tuple(work["users"]),
        due=values.restored(work["due"]),
        follow_up=values.restored(work["follow_up"]),
        priority=work["priority"],
        headers=dict(element.headers),
    )


def _event(task: Task, wait: dict[str, Any]) -> Waiting:
    interrupting = _interrupts(task)
    match wait["kind"]:
        case "timer":
            cycle = wait.get("cycle")
            return _item(
                task,
                "timer",
                task.id,
                due=values.restored(wait["due"]),
                repeats_left=cycle[4] if cycle else None,
                is_cycle=cycle is not None,
                interrupting=interrupting,
            )
        case "message":
            return _item(
                task,
                "message",
                task.id,
                message_name=wait["name"],
                correlation_key=wait["key"],
                interrupting=interrupting,
            )
    return _item(task, "signal", task.id, signal_name=wait["name"], interrupting=interrupting)


def _interrupts(task: Task) -> bool:
    spec = task.task_spec
    start = getattr(spec, "start", None)
    return bool(start.element.interrupting if start is not None else spec.element.interrupting)
