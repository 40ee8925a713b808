"""Tasks: people's work, workers' jobs, FEEL scripts, decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from SpiffWorkflow.util.task import TaskState

from engine.decisions import DecisionError
from engine.runtime import values, variables
from engine.runtime.specs.base import ElementSpec
from engine.runtime.values import Trouble
from engine.runtime.workflows import Task, add_task

if TYPE_CHECKING:
    from engine.runtime.case import Case
    from engine.runtime.evaluation import Evaluation


class ActivitySpec(ElementSpec):
    """Maps its inputs, opens the waits of its boundary events, begins."""

    waits = True

    def enter(self, task: Task, case: Case) -> bool | None:
        self.map_inputs(task, case)
        self.guard(task, case)
        done = self.begin(task, case)
        task.internal_data.pop("given", None)
        return done

    def guard(self, task: Task, case: Case) -> None:
        """Open what the boundary events wait for. Errors and escalations are looked up when thrown."""
        for boundary in self.boundaries:
            if boundary.event.kind in {"message", "timer", "signal"}:
                kept = case.subscription(boundary.event, task)
                add_task(task, boundary, TaskState.WAITING, case.new_id(), wait=kept)

    def begin(self, task: Task, case: Case) -> bool | None:
        """Do the work or wait for it; True, None and `Trouble` as in `enter`."""
        raise NotImplementedError


class PassSpec(ActivitySpec):
    """A manual or undefined task: done as soon as it is reached."""

    waits = False

    def guard(self, task: Task, case: Case) -> None:
        """Open nothing: there is no time in which an event could come."""

    def begin(self, task: Task, case: Case) -> bool | None:
        return self.leave(task, case, {})


class UserTaskSpec(ActivitySpec):
    """Waits for a person."""

    def begin(self, task: Task, case: Case) -> bool | None:
        element = self.element
        priority = case.value(element.priority, task, "优先级") if element.priority else 50
        groups = case.value(element.candidate_groups, task, "候选组")
        users = case.value(element.candidate_users, task, "候选人")
        deadlines = self.deadlines(task, case.evaluation)
        task.internal_data["work"] = {
            "form": case.text(element.form_id, task, "表单"),
            "assignee": case.text(element.assignee, task, "办理人"),
            "groups": list(values.names(groups, "候选组")),
            "users": list(values.names(users, "候选人")),
            "priority": values.whole_number(priority, "优先级", least=0, most=100),
            "at": case.now.isoformat(),
            **deadlines,
        }
        due = deadlines["due"]
        case.happen("element:entered", task, {"item": task.id, **({"due": due[0]} if due else {})})
        return None

    def deadlines(self, task: Task, evaluation: Evaluation) -> dict[str, list[str] | None]:
        """Return `due` and `follow_up` as the state keeps them. Raise `Trouble`."""
        element = self.element
        return {
            "due": _deadline(element.due_date, task, evaluation, "办理期限"),
            "follow_up": _deadline(element.follow_up_date, task, evaluation, "跟进日期"),
        }


def _deadline(text: str | None, task: Task, evaluation: Evaluation, what: str) -> list[str] | None:
    value = evaluation.value(text, task, what)
    try:
        return values.stored(values.deadline(value, end_of_day=True))
    except Trouble as trouble:
        raise Trouble(f"{what}：{trouble.message}") from trouble


class JobSpec(ActivitySpec):
    """Waits for a worker: a service or send task, and every element with a task definition."""

    def begin(self, task: Task, case: Case) -> bool | None:
        job_type = case.text(self.element.job_type, task, "作业类型", required=True)
        retries = case.value(self.element.retries, task, "重试次数")
        task.internal_data["work"] = {
            "type": job_type,
            "retries": values.whole_number(retries, "重试次数", least=0, most=1000),
        }
        case.happen("element:entered", task, {"item": task.id, "type": job_type})
        return None


class ScriptSpec(ActivitySpec):
    """Evaluates FEEL into a variable."""

    waits = False
    guard = PassSpec.guard

    def begin(self, task: Task, case: Case) -> bool | None:
        result = case.json(self.element.script or "", task, "脚本")
        return self.leave(task, case, {self.element.result_variable or "result": result})


class DecisionSpec(ActivitySpec):
    """Evaluates a decision of the bundle into a variable."""

    waits = False
    guard = PassSpec.guard

    def begin(self, task: Task, case: Case) -> bool | None:
        decision_id = case.text(self.element.decision_id, task, "决策编号", required=True) or ""
        if decision_id not in case.bundle.decisions.decisions:
            raise Trouble(f"部署中没有决策“{decision_id}”。")
        try:
            result = case.bundle.decisions.evaluate(decision_id, variables.visible(task), feel=case.feel, now=case.now)
        except DecisionError as error:
            raise Trouble(error.message) from error
        for evaluation in result.evaluations:
            case.happen("decision:evaluated", task, evaluation.facts())
        value: Any = values.plain(result.value)
        return self.leave(task, case, {self.element.result_variable or "result": value})
