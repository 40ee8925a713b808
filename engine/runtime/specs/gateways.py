"""Gateways: which way, and waiting for each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from SpiffWorkflow.util.task import TaskState

from engine.runtime.specs.base import ElementSpec, Exit
from engine.runtime.workflows import Task, add_task, is_live, live_tasks

if TYPE_CHECKING:
    from engine.runtime.case import Case


class ExclusiveSpec(ElementSpec):
    """Takes the first flow whose condition holds, else the default. Every token passes for itself."""

    def choose(self, task: Task, case: Case) -> list[Exit]:
        return case.choose_first(task, self.exits)


class JoiningSpec(ElementSpec):
    """A gateway at which tokens wait for each other. A waiting token is a started task with the mark
    `joining`."""

    def enter(self, task: Task, case: Case) -> bool | None:
        if len(self.element.incoming) < 2:
            return self.leave(task, case, {})
        task.internal_data["joining"] = True
        case.later(lambda: self.arrived(task, case))
        return None

    def arrived(self, task: Task, case: Case) -> None:
        """A token has come and waits."""

    def gathered(self, task: Task) -> dict[str, Task]:
        """Return the oldest waiting token of every flow, in the scope of `task`."""
        found: dict[str, Task] = {}
        for other in live_tasks(task.workflow):
            if other.task_spec is self and "joining" in other.internal_data:
                found.setdefault(other.internal_data.get("flow", ""), other)
        return found

    def join(self, tokens: dict[str, Task], case: Case) -> None:
        """Let one token go on for all of them."""
        *merged, last = tokens.values()
        for task in merged:
            task._set_state(TaskState.COMPLETED)
        del last.internal_data["joining"]
        self.finish(last, case, {})


class ParallelSpec(JoiningSpec):
    """Waits for one token from every incoming flow, takes all outgoing ones."""

    def arrived(self, task: Task, case: Case) -> None:
        tokens = self.gathered(task)
        if is_live(task) and len(tokens) == len(self.element.incoming):
            self.join(tokens, case)

    def choose(self, task: Task, case: Case) -> list[Exit]:
        return self.exits


class InclusiveSpec(JoiningSpec):
    """Takes all flows whose conditions hold. Waits for every token that can still arrive (BPMN 2.0, 13.4.3).

    Looked at when everything else has come to rest: only then it is plain what can still arrive.
    """

    def choose(self, task: Task, case: Case) -> list[Exit]:
        return case.choose_all(task, self.exits)

    def may_join(self, task: Task) -> dict[str, Task] | None:
        """Return the tokens to join at this gateway, None while others can still arrive.

        A token elsewhere holds the join up if it can reach an incoming flow that has no token yet, and cannot
        reach one that has (then it may as well come later, by itself).
        """
        tokens = self.gathered(task)
        empty = [flow.source for flow in self.element.incoming if flow.id not in tokens]
        full = [flow.source for flow in self.element.incoming if flow.id in tokens]
        if not empty:
            return tokens
        to_empty, to_full = self._upstream(empty), self._upstream(full)
        for other in live_tasks(task.workflow):
            spec = other.task_spec
            if spec is self and "joining" in other.internal_data:
                continue
            if spec.bpmn_id in to_empty and spec.bpmn_id not in to_full:
                return None
        return tokens

    def _upstream(self, sources: list[str]) -> set[str]:
        """Return the elements from which a token can reach one of `sources` without passing this gateway."""
        found: set[str] = set()
        open_ends = [source for source in sources if source != self.bpmn_id]
        while open_ends:
            element_id = open_ends.pop()
            if element_id not in found:
                found.add(element_id)
                before = self.scope.predecessors.get(element_id, ())
                open_ends += [source for source in before if source != self.bpmn_id]
        return found


class EventGatewaySpec(ElementSpec):
    """Waits for the first of several events; each has its own wait."""

    waits = True

    def enter(self, task: Task, case: Case) -> bool | None:
        for flow, spec in self.exits:
            kept = case.subscription(spec.event, task)
            add_task(task, spec, TaskState.WAITING, case.new_id(), wait=kept, flow=flow.id)
        case.happen("element:entered", task, {"item": task.id})
        return None

    def happened(self, task: Task, chosen: Task, case: Case) -> None:
        """One of the events has come: the others are no longer waited for."""
        for child in live_children_except(task, chosen):
            case.discard(child)
        task._set_state(TaskState.COMPLETED)
        case.happen("element:completed", task, {"item": task.id, "event": chosen.task_spec.bpmn_id})


def live_children_except(task: Task, kept: Task) -> list[Task]:
    return [other for other in live_tasks(task.workflow) if other._parent == task.id and other.id != kept.id]
