"""The library's workflow and task tree, as we use them.

A live task (waiting, ready or started) is a token or something that waits for an event. A task whose parent
is live is part of it: a boundary event's wait, an instance of a loop, an event behind an event gateway. Every
other live task hangs, after compaction, from the root of its scope. Nothing reads a finished task, so all of
them can go.

We keep the library's tree, states and life cycle, and drop four of its habits: it predicts future tasks,
copies and merges data from task to task, polls waiting tasks after each completed one, and tells from a tree
walk of bounded depth whether a case is finished.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine
from SpiffWorkflow.bpmn.util.subworkflow import BpmnSubWorkflow
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.task import Task as LibraryTask
from SpiffWorkflow.util.task import TaskState

from engine.runtime.values import Trouble

if TYPE_CHECKING:
    from engine.runtime.case import Case

Task = Any  # the library ships no types
Scope = Any  # a CaseWorkflow or ScopeWorkflow

LIVE = TaskState.WAITING | TaskState.READY | TaskState.STARTED | TaskState.FUTURE
ROOT_ID = "0"


class NoPython(PythonScriptEngine):  # type: ignore[misc]  # the library ships no types
    """A script engine that runs nothing: FEEL is evaluated by `Case`, and Python from a diagram never is."""

    def validate(self, expression: str) -> None:
        raise Trouble("流程图中的脚本只能用 FEEL 书写。")

    def evaluate(self, task: Task, expression: str, external_context: Any = None) -> Any:
        raise Trouble("流程图中的表达式只能用 FEEL 书写。")

    def execute(self, task: Task, script: str, external_context: Any = None) -> Any:
        raise Trouble("流程图中的脚本只能用 FEEL 书写。")

    def call_service(self, task: Task, **kwargs: Any) -> Any:
        raise Trouble("服务任务由作业执行，不由流程图调用。")


class CaseWorkflow(BpmnWorkflow):  # type: ignore[misc]  # the library ships no types
    """The scope of the process that the case began with, and the keeper of the scopes within."""

    parent_task: Task = None

    def __init__(self, spec: Any, case: Case) -> None:
        self.case = case
        super().__init__(spec, script_engine=NoPython(), deserializing=True)
        _plant(self)

    def _task_completed_notify(self, task: Task) -> None:
        """Leave out the library's poll of all waiting tasks: events come to us by id."""


class ScopeWorkflow(BpmnSubWorkflow):  # type: ignore[misc]  # the library ships no types
    """The scope of a running sub-process or called process."""

    def __init__(self, spec: Any, parent_task: Task) -> None:
        self.parent_task = parent_task
        super().__init__(spec, parent_task.id, parent_task.workflow.top_workflow, deserializing=True)
        self.written: set[str] = set()  # names a called process wrote in its root scope
        _plant(self)

    @property
    def case(self) -> Case:
        case: Case = self.top_workflow.case
        return case

    @property
    def parent_workflow(self) -> Scope:
        return self.parent_task.workflow

    def _task_completed_notify(self, task: Task) -> None:
        """As in `CaseWorkflow`."""


def _plant(scope: Scope) -> None:
    scope.task_tree = LibraryTask(scope, scope.spec.start, state=TaskState.COMPLETED, id=ROOT_ID)


def add_task(parent: Task, spec: Any, state: int, task_id: str, **kept: Any) -> Task:
    """Return a new task below `parent`; `kept` becomes its internal data."""
    task = LibraryTask(parent.workflow, spec, parent, state=state, id=task_id)
    task.triggered = True
    task.internal_data.update(kept)
    return task


def is_live(task: Task) -> bool:
    return bool(task._state & LIVE)


def live_tasks(scope: Scope) -> Iterator[Task]:
    """Yield the live tasks of one scope, oldest first."""
    for task in list(scope.tasks.values()):
        if task._state & LIVE:
            yield task


def live_children(task: Task) -> list[Task]:
    """Return what is part of a live task."""
    tasks = task.workflow.tasks
    return [child for key in task._children if (child := tasks.get(key)) is not None and is_live(child)]


def scopes(top: CaseWorkflow) -> list[Scope]:
    """Return all scopes, outer ones first."""
    return [top, *top.subprocesses.values()]


def compact(scope: Scope) -> None:
    """Drop the finished tasks; what lives hangs from its live parent or from the root."""
    root = scope.task_tree
    live = {task.id: task for task in scope.tasks.values() if task._state & LIVE}
    for task in (root, *live.values()):
        task._children = []
    for task in live.values():
        if task._parent not in live:
            task._parent = ROOT_ID
        live.get(task._parent, root)._children.append(task.id)
    scope.tasks = {ROOT_ID: root, **live}
