"""Elements with elements inside: sub-processes, event sub-processes, call activities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.util.task import TaskState

from engine.dialect.model import Element, Event
from engine.runtime import variables
from engine.runtime.specs.activities import ActivitySpec
from engine.runtime.specs.base import ElementSpec, ScopeSpec
from engine.runtime.specs.events import begin
from engine.runtime.values import Trouble, plain
from engine.runtime.workflows import Scope, Task, add_task, is_live, live_tasks

if TYPE_CHECKING:
    from engine.runtime.case import Case

MAX_DEPTH = 60  # scopes within scopes, called processes included: deeper is a process that calls itself


def open_scope(
    task: Task,
    spec: ScopeSpec,
    case: Case,
    *,
    start: ElementSpec,
    brought: Mapping[str, Any],
    data: Mapping[str, Any] | None = None,
) -> Scope:
    """Return the new scope inside `task`, a token at its start event and its event sub-processes listening.

    `data` are the variables of a called process, not copied here.
    """
    if task.workflow.depth >= MAX_DEPTH:
        raise Trouble(f"子流程与被调用流程嵌套超过 {MAX_DEPTH} 层，流程可能在调用自己。")
    scope = case.add_scope(task, spec)
    scope.data.update(data or {})
    listen(scope, case)
    token = add_task(scope.task_tree, start, TaskState.FUTURE, case.new_id())
    begin(token, case, brought)
    return scope


def listen(scope: Scope, case: Case) -> None:
    """Open what the event sub-processes of a scope wait for."""
    for spec in scope.spec.event_sub_processes:
        task = add_task(scope.task_tree, spec, TaskState.WAITING, case.new_id())
        spec.subscribe(task, case)


class SubProcessSpec(ActivitySpec):
    """An embedded sub-process."""

    def __init__(self, scope: ScopeSpec, element: Element, inner: ScopeSpec, *, is_instance: bool = False) -> None:
        super().__init__(scope, element, is_instance=is_instance)
        self.inner = inner

    def begin(self, task: Task, case: Case) -> bool | None:
        variables.own(task)
        case.happen("element:entered", task, {})
        open_scope(task, self.inner, case, start=self.inner.first, brought={})
        return None

    def scope_done(self, task: Task, scope: Scope, case: Case) -> None:
        """Nothing lives inside any more."""
        self.finish(task, case, {})


class CallActivitySpec(ActivitySpec):
    """Calls a process of the same bundle, with variables of its own."""

    def begin(self, task: Task, case: Case) -> bool | None:
        process_id = case.text(self.element.called_process, task, "被调用流程", required=True) or ""
        spec = case.process_spec(process_id)
        if spec is None:
            raise Trouble(f"部署中没有流程“{process_id}”。")
        if spec.first is None or spec.first.event.kind != "none":
            raise Trouble(f"被调用的流程“{process_id}”没有空开始事件。")
        everything = self.element.propagate_all_parent_variables
        passed = variables.visible(task) if everything else task.internal_data.get("locals", {})
        data = plain(passed)
        case.happen("element:entered", task, {"process": process_id})
        open_scope(task, spec, case, start=spec.first, brought={}, data=data)
        return None

    def scope_done(self, task: Task, scope: Scope, case: Case) -> None:
        """The called process has ended: what it wrote comes back.

        Values that were only handed in do not: a parallel branch may have changed them in the meantime.
        """
        if self.element.outputs:
            results: dict[str, Any] = scope.data
        elif self.element.propagate_all_child_variables:
            results = {name: scope.data[name] for name in scope.data if name in scope.written}
        else:
            results = {}
        self.finish(task, case, results)


class EventSubProcessSpec(ElementSpec):
    """An event sub-process. A waiting task in its scope listens for the start event."""

    waits = True

    def __init__(self, scope: ScopeSpec, element: Element, inner: ScopeSpec) -> None:
        super().__init__(scope, element)
        self.inner = inner
        self.start: ElementSpec = inner.first
        self.event: Event = inner.first.event

    def subscribe(self, task: Task, case: Case) -> None:
        """Open the wait. An error or escalation needs none; a failed expression is an incident of its own."""
        if self.event.kind in {"error", "escalation"}:
            return
        try:
            task.internal_data["wait"] = case.subscription(self.event, task)
        except Trouble as trouble:
            task._set_state(TaskState.STARTED)
            case.stop(task, "subscribe", trouble)

    def came(self, task: Task, case: Case, brought: Mapping[str, Any]) -> None:
        """The start event has come to the listening `task`."""
        if self.start.element.interrupting:
            for other in live_tasks(task.workflow):
                if other is not task and is_live(other):
                    case.cancel_task(other)
            task.internal_data.pop("wait", None)
            begin(task, case, brought)
        else:
            token = add_task(task.workflow.task_tree, self, TaskState.FUTURE, case.new_id())
            begin(token, case, brought)

    def enter(self, task: Task, case: Case) -> bool | None:
        self.map_inputs(task, case)
        variables.own(task)
        case.happen("element:entered", task, {})
        open_scope(task, self.inner, case, start=self.start, brought=task.internal_data.get("came", {}))
        return None

    def scope_done(self, task: Task, scope: Scope, case: Case) -> None:
        """Nothing lives inside any more."""
        self.finish(task, case, {})
