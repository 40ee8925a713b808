"""Events: waiting for them, throwing them, beginning and ending with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.util.task import TaskState

from engine.dialect.model import Element, Event
from engine.runtime import variables
from engine.runtime.model import Thrown
from engine.runtime.specs.activities import ActivitySpec
from engine.runtime.specs.base import ElementSpec, ScopeSpec
from engine.runtime.specs.gateways import EventGatewaySpec
from engine.runtime.values import plain
from engine.runtime.workflows import Task, add_task, is_live

if TYPE_CHECKING:
    from engine.runtime.case import Case


class EventSpec(ElementSpec):
    """An element with an event."""

    def __init__(self, scope: ScopeSpec, element: Element, *, is_instance: bool = False) -> None:
        super().__init__(scope, element, is_instance=is_instance)
        self.event = element.event or Event("none")


class StartSpec(EventSpec):
    """Where a scope begins. `came` holds what the event that started it brought."""

    def enter(self, task: Task, case: Case) -> bool | None:
        return self.leave(task, case, task.internal_data.get("came", {}))


class CatchSpec(EventSpec):
    """An intermediate catch event: waits until its event comes."""

    waits = True

    def enter(self, task: Task, case: Case) -> bool | None:
        if "came" in task.internal_data:
            return self.leave(task, case, task.internal_data["came"])
        if self.event.kind in {"none", "link"}:
            return self.leave(task, case, {})
        self.map_inputs(task, case)
        task.internal_data["wait"] = case.subscription(self.event, task)
        case.happen("element:entered", task, {"item": task.id})
        return None

    def came(self, task: Task, case: Case, brought: Mapping[str, Any]) -> None:
        """The event has come, bringing variables."""
        task.internal_data.pop("wait", None)
        if task.state == TaskState.WAITING:  # it stood behind an event gateway
            gateway: EventGatewaySpec = task.parent.task_spec
            gateway.happened(task.parent, task, case)
            begin(task, case, brought)
        else:
            self.finish(task, case, brought)


class ReceiveSpec(ActivitySpec):
    """A receive task: waits for a message, may have boundary events and loop."""

    def __init__(self, scope: ScopeSpec, element: Element, *, is_instance: bool = False) -> None:
        super().__init__(scope, element, is_instance=is_instance)
        self.event = element.event or Event("message")

    def enter(self, task: Task, case: Case) -> bool | None:
        if "came" in task.internal_data:
            return self.leave(task, case, task.internal_data["came"])
        return super().enter(task, case)

    def begin(self, task: Task, case: Case) -> bool | None:
        task.internal_data["wait"] = case.subscription(self.event, task)
        case.happen("element:entered", task, {"item": task.id})
        return None

    came = CatchSpec.came


class BoundarySpec(EventSpec):
    """A boundary event. While its activity lives, a waiting task below the activity's stands for it."""

    waits = True

    def enter(self, task: Task, case: Case) -> bool | None:
        return self.leave(task, case, task.internal_data.get("came", {}))

    def came(self, task: Task, case: Case, brought: Mapping[str, Any]) -> None:
        """The event has come to the waiting `task`."""
        self.caught(task.parent, case, brought)

    def caught(self, host: Task, case: Case, brought: Mapping[str, Any]) -> None:
        """Send a token along the boundary event, ending the activity if it interrupts."""
        if self.element.interrupting:
            case.cancel_task(host)
        token = add_task(host.workflow.task_tree, self, TaskState.FUTURE, case.new_id())
        begin(token, case, brought)


class ThrowSpec(EventSpec):
    """An intermediate throw or end event; also a send task that publishes by itself."""

    def enter(self, task: Task, case: Case) -> bool | None:
        self.map_inputs(task, case)
        match self.event.kind:
            case "message":
                self._publish(task, case)
            case "signal":
                name = case.text(self.event.name, task, "信号名称", required=True) or ""
                payload = self._payload(task)
                self._note(task, case, Thrown("signal", name, "", payload, self.bpmn_id))
                case.later(lambda: case.signal(name, payload))
            case "error" | "escalation":
                return self._throw(task, case)
            case "terminate":
                case.later(lambda: case.terminate(task))
                return None
        return self.leave(task, case, {})

    def _payload(self, task: Task) -> dict[str, Any]:
        local: dict[str, Any] = plain(variables.own(task)) if self.element.inputs else {}
        return local

    def _publish(self, task: Task, case: Case) -> None:
        element = self.element
        thrown = Thrown(
            "message",
            case.text(self.event.name, task, "消息名称", required=True) or "",
            case.text(self.event.correlation_key, task, "关联键", required=True) or "",
            self._payload(task),
            self.bpmn_id,
            message_id=case.text(element.message_id, task, "消息编号") or "",
            time_to_live=case.text(element.time_to_live, task, "消息有效期") or "",
        )
        self._note(task, case, thrown)

    def _note(self, task: Task, case: Case, thrown: Thrown) -> None:
        case.thrown.append(thrown)
        facts = {"name": thrown.name}
        if thrown.kind == "message":
            facts["correlation_key"] = thrown.correlation_key
        case.happen(f"{thrown.kind}:thrown", task, facts)

    def _throw(self, task: Task, case: Case) -> bool | None:
        """Throw once this step is over: what catches it may end this very task."""
        code = case.text(self.event.name, task, "代码", required=True) or ""
        task.internal_data["throws"] = code
        case.later(lambda: self.thrown(task, case))
        return None

    def thrown(self, task: Task, case: Case) -> None:
        """Throw the error or escalation; an escalation goes on afterwards unless that ended it."""
        if not is_live(task):
            return
        code: str = task.internal_data["throws"]
        if self.event.kind == "error":
            case.throw_error(task, code, "", self._payload(task))
            return
        case.escalate(task, code, self._payload(task))
        if is_live(task):
            self.finish(task, case, {})


def begin(task: Task, case: Case, brought: Mapping[str, Any]) -> None:
    """Let a task run on whose event has come."""
    task.internal_data["came"] = plain(brought)
    task._set_state(TaskState.FUTURE)
    task.task_spec._update(task)
