"""Loops: multi-instance, parallel or one after another, and the standard loop.

The loop's own task stays started while its rounds run; each round is a task below it with the spec `inner`.
The state of a loop is JSON in `internal_data["loop"]`: `total` (null: unknown), `begun`, `done`, and the
`items` still to come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.util.task import TaskState

from engine.dialect.model import Element, Loop
from engine.runtime import variables
from engine.runtime.specs.activities import ActivitySpec
from engine.runtime.specs.base import ElementSpec, ScopeSpec
from engine.runtime.values import Trouble, plain, said
from engine.runtime.workflows import Task, add_task, is_live, live_children

if TYPE_CHECKING:
    from engine.runtime.case import Case


class LoopSpec(ActivitySpec):
    """What multi-instance and standard loop share. Boundary events guard the whole loop."""

    def __init__(self, scope: ScopeSpec, element: Element, inner: ElementSpec) -> None:
        super().__init__(scope, element)
        self.inner = inner
        self.loop: Loop = element.loop or Loop("sequential")

    def map_inputs(self, task: Task, case: Case) -> None:
        """Map nothing: the mappings are each round's."""

    def map_outputs(self, task: Task, case: Case, results: Mapping[str, Any]) -> None:
        """Write the collected output."""
        name = self.loop.output_collection
        if name:
            case.write(task, {name: variables.own(task)[name]}, from_within=False)

    def collect_from(self, task: Task, case: Case, results: Mapping[str, Any]) -> None:
        """Take the result of a round."""

    def begin_round(self, task: Task, case: Case, given: dict[str, Any]) -> None:
        """Start one round with its local variables, kept as `given` until it has begun."""
        state = task.internal_data["loop"]
        state["begun"] += 1
        number = given["loopCounter"] = state["begun"]
        round_ = add_task(task, self.inner, TaskState.FUTURE, case.new_id(), round=number, given=given)
        round_.internal_data["locals"] = dict(given)
        self.inner._update(round_)

    def round_done(self, task: Task, case: Case) -> None:
        """One round has ended."""
        if is_live(task):
            task.internal_data["loop"]["done"] += 1
            self.go_on(task, case)

    def go_on(self, task: Task, case: Case) -> None:
        """Begin the next round or end the loop; again after an incident of the condition."""
        try:
            over = self.is_over(task, case)
        except Trouble as trouble:
            case.stop(task, "loop", trouble)
            return
        if over:
            for child in live_children(task):
                if child.task_spec is self.inner:
                    case.cancel_task(child)
            self.finish(task, case, {})
        else:
            self.next_round(task, case)

    def is_over(self, task: Task, case: Case) -> bool:
        """Say whether the loop has ended. Raise `Trouble` when its condition cannot be told."""
        raise NotImplementedError

    def next_round(self, task: Task, case: Case) -> None:
        """Begin the next round if one is due."""
        raise NotImplementedError


class MultiInstanceSpec(LoopSpec):
    """One round for each item of a collection."""

    def begin(self, task: Task, case: Case) -> bool | None:
        items = case.json(self.loop.input_collection, task, "输入集合")
        if not isinstance(items, list):
            raise Trouble(f"多实例的输入集合须是列表，得到的是“{said(items)}”。")
        if self.loop.output_collection:
            variables.own(task)[self.loop.output_collection] = [None] * len(items)
        parallel = self.loop.kind == "parallel"
        task.internal_data["loop"] = {
            "total": len(items),
            "begun": 0,
            "done": 0,
            "items": [] if parallel else items,
        }
        if not items:
            return self.leave(task, case, {})
        case.happen("element:entered", task, {"rounds": len(items)})
        for item in items if parallel else items[:1]:
            self._begin_item(task, case, item)
        return None

    def _begin_item(self, task: Task, case: Case, item: Any) -> None:
        given: dict[str, Any] = {self.loop.input_element: plain(item)} if self.loop.input_element else {}
        result = self.loop.output_element.removeprefix("=").strip()
        if result.isidentifier() and result not in given:
            given[result] = None  # each round's own, so that rounds do not overwrite each other's result
        self.begin_round(task, case, given)

    def next_round(self, task: Task, case: Case) -> None:
        state = task.internal_data["loop"]
        if self.loop.kind == "sequential" and state["begun"] == state["done"]:
            self._begin_item(task, case, state["items"][state["begun"]])

    def is_over(self, task: Task, case: Case) -> bool:
        state = task.internal_data["loop"]
        if state["done"] >= state["total"]:
            return True
        if not self.loop.condition:
            return False
        counts = {
            "numberOfInstances": state["total"],
            "numberOfActiveInstances": state["begun"] - state["done"],
            "numberOfCompletedInstances": state["done"],
            "numberOfTerminatedInstances": 0,
        }
        return case.condition(self.loop.condition, task, "完成条件", extra=counts)

    def collect_from(self, task: Task, case: Case, results: Mapping[str, Any]) -> None:
        if not self.loop.output_collection:
            return
        seen = {**variables.visible(task), **results}
        value = case.json(self.loop.output_element, task, "输出元素", seen=seen)
        variables.own(task.parent)[self.loop.output_collection][task.internal_data["round"] - 1] = value


class StandardLoopSpec(LoopSpec):
    """Again and again while the condition holds, at most so many times."""

    def begin(self, task: Task, case: Case) -> bool | None:
        task.internal_data["loop"] = {"total": None, "begun": 0, "done": 0, "items": []}
        if self.loop.test_before and not self._holds(task, case):
            return self.leave(task, case, {})
        case.happen("element:entered", task, {})
        self.begin_round(task, case, {})
        return None

    def next_round(self, task: Task, case: Case) -> None:
        self.begin_round(task, case, {})

    def is_over(self, task: Task, case: Case) -> bool:
        done = task.internal_data["loop"]["done"]
        if self.loop.maximum is not None and done >= self.loop.maximum:
            return True
        return not self._holds(task, case)

    def _holds(self, task: Task, case: Case) -> bool:
        if not self.loop.condition:
            return True
        counter = {"loopCounter": task.internal_data["loop"]["begun"]}
        return case.condition(self.loop.condition, task, "循环条件", extra=counter)
