"""What all elements share: a token arrives, the element does its work or waits, results are mapped, a token
leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from SpiffWorkflow.bpmn.specs.bpmn_process_spec import BpmnProcessSpec
from SpiffWorkflow.bpmn.specs.bpmn_task_spec import BpmnTaskSpec
from SpiffWorkflow.bpmn.specs.control import BpmnStartTask
from SpiffWorkflow.util.task import TaskState

from engine.deadlines import Deadline
from engine.dialect.model import Element, Flow, Process
from engine.runtime import values, variables
from engine.runtime.values import Trouble
from engine.runtime.workflows import Task, add_task, live_children

if TYPE_CHECKING:
    from engine.runtime.case import Case
    from engine.runtime.specs.events import BoundarySpec
    from engine.runtime.specs.scopes import EventSubProcessSpec


class Exit(NamedTuple):
    """A way out of an element: the flow taken and the spec it leads to."""

    flow: Flow
    spec: Any


class ScopeSpec(BpmnProcessSpec):  # type: ignore[misc]  # the library ships no types
    """The elements of one process or sub-process. `owner` is the sub-process, None for a process."""

    def __init__(self, process: Process, owner: Element | None) -> None:
        super().__init__(name=owner.id if owner else process.id, filename=process.file)
        # The library's own Start and End take these ids from the elements; ours has one inner spec, named as
        # no id can be. Nothing joins at an end: a scope is done when nothing in it lives.
        self.task_specs.clear()
        self.start = _Root(self)
        self.process = process
        self.owner = owner
        self.is_process = owner is None
        self.event_sub_processes: list[EventSubProcessSpec] = []


class _Root(BpmnStartTask):  # type: ignore[misc]  # the library ships no types
    """The root of a scope's tree; always finished."""

    is_instance = False

    def __init__(self, scope: ScopeSpec) -> None:
        super().__init__(scope, "(root)")


class ElementSpec(BpmnTaskSpec):  # type: ignore[misc]  # the library ships no types
    """One element. Subclasses say in `enter` what happens when a token comes.

    `is_instance` marks the spec of one round of a loop or multi-instance: it has no exits, its end is
    reported to the loop.
    """

    def __init__(self, scope: ScopeSpec, element: Element, *, is_instance: bool = False) -> None:
        super().__init__(scope, f"{element.id}()" if is_instance else element.id, lane=element.lane)
        self.bpmn_id = element.id
        self.bpmn_name = element.name
        self.scope = scope
        self.element = element
        self.is_instance = is_instance
        self.exits: list[Exit] = []
        self.boundaries: list[BoundarySpec] = []

    # The library's life cycle: FUTURE -> _update -> READY -> _run -> STARTED or COMPLETED -> _on_complete.

    def test(self) -> None:
        """Say nothing: connections were checked at deployment."""

    def _predict(self, my_task: Task, seen: Any = None, looked_ahead: int = 0, mask: int = 0) -> None:
        """Predict nothing: what comes is known when it comes."""

    def _update_hook(self, my_task: Task) -> bool:
        return True

    def _on_ready_hook(self, my_task: Task) -> None:
        case_of(my_task).queue.append(my_task)

    def _run_hook(self, my_task: Task) -> bool | None:
        case = case_of(my_task)
        try:
            return self.enter(my_task, case)
        except Trouble as trouble:
            self.undo(my_task, case)
            case.stop(my_task, "enter", trouble)
            return None

    def _on_complete_hook(self, my_task: Task) -> None:
        case = case_of(my_task)
        exits = case.exits.pop(my_task.id, ())
        for flow, spec in exits:
            add_task(my_task, spec, TaskState.FUTURE, case.new_id(), flow=flow.id)
        if self.is_instance:
            loop = my_task.parent
            case.later(lambda: loop.task_spec.round_done(loop, case))
        elif not exits:
            case.branch_ended(my_task.workflow)

    # What an element does.

    def enter(self, task: Task, case: Case) -> bool | None:
        """Do the element's work: True when it is done and has chosen its exits, None when it waits.

        Raise `Trouble` when it cannot; then it is as if nothing had been done.
        """
        return self.leave(task, case, {})

    def undo(self, task: Task, case: Case) -> None:
        """Take back what a failed `enter` left behind: local variables and waiting boundary events."""
        for child in live_children(task):
            case.discard(child)
        given = task.internal_data.get("given")
        task.internal_data.pop("locals", None)
        if given is not None:
            task.internal_data["locals"] = dict(given)

    def finish(self, task: Task, case: Case, results: Mapping[str, Any]) -> None:
        """End a waiting element with its results; an incident keeps them for the retry."""
        if self.leave(task, case, results):
            task.complete()

    def leave(self, task: Task, case: Case, results: Mapping[str, Any]) -> bool | None:
        """Write the results, choose the exits: True. None when an expression failed: the branch stops
        here."""
        try:
            if "mapped" not in task.internal_data:
                self.map_outputs(task, case, results)
                task.internal_data["mapped"] = True
            exits = [] if self.is_instance else self.choose(task, case)
        except Trouble as trouble:
            case.stop(task, "leave", trouble, results=results)
            return None
        case.exits[task.id] = exits
        for child in live_children(task):
            case.discard(child)
        case.happen("element:completed", task, {"item": task.id} if self.waits else {})
        return True

    waits = False  # whether it may wait for something: then the journal names the item

    def map_inputs(self, task: Task, case: Case) -> None:
        """Evaluate the input mappings into local variables; later ones see earlier ones."""
        if not self.element.inputs:
            return
        local = variables.own(task)
        deadlines: dict[str, Any] = {}
        for source, target in self.element.inputs:
            value = case.value(source, task, f"输入映射“{target}”")
            if isinstance(value, Deadline) and self.element.job_type:
                deadlines[target] = values.stored_whole(value)
            local[target.partition(".")[0]] = variables.nested(local, target, values.plain(value))
        if deadlines:  # a variable keeps the instant only; a verb may want the rule that set it
            task.internal_data["deadlines"] = deadlines

    def map_outputs(self, task: Task, case: Case, results: Mapping[str, Any]) -> None:
        """Write the results outwards: through the output mappings if there are any, else all of them."""
        if not self.element.outputs:
            if self.is_instance:
                self.collect(task, case, results)
            case.write(task, results, from_within=True)
            return
        seen = {**variables.visible(task), **results}
        mapped: dict[str, Any] = {}
        for source, target in self.element.outputs:
            value = case.json(source, task, f"输出映射“{target}”", seen=seen)
            first = target.partition(".")[0]
            mapped[first] = variables.nested(mapped, target, value, variables.visible(task).get(first))
        if self.is_instance:
            self.collect(task, case, {**results, **mapped})
        case.write(task, mapped, from_within=False)

    def collect(self, task: Task, case: Case, results: Mapping[str, Any]) -> None:
        """Hand the result of one round to its loop."""
        task.parent.task_spec.collect_from(task, case, results)

    def choose(self, task: Task, case: Case) -> list[Exit]:
        """Return the exits to take: all unconditional ones, the conditional ones that hold, else the
        default."""
        if all(exit_.flow.condition is None and not exit_.flow.is_default for exit_ in self.exits):
            return self.exits
        return case.choose_all(task, self.exits)

    def catches(self, kind: str, code: str) -> BoundarySpec | None:
        """Return the boundary event that catches this error or escalation: by its code, else the one for
        all."""
        boundary: BoundarySpec | None = catching(self.boundaries, kind, code)
        return boundary


def catching(candidates: list[Any], kind: str, code: str) -> Any:
    """Return the candidate whose event catches the code; one with the code itself comes before one for all
    codes."""
    fitting = [spec for spec in candidates if spec.event.kind == kind and spec.event.name in {code, ""}]
    return max(fitting, key=lambda spec: bool(spec.event.name), default=None)


def case_of(task: Task) -> Case:
    case: Case = task.workflow.case
    return case
