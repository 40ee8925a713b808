"""The doors of the runtime: `Runtime` starts and restores cases, `Run` is one case in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from SpiffWorkflow.util.task import TaskState

from engine.dialect.model import Process
from engine.feel import Feel
from engine.runtime import state, timers, values
from engine.runtime.build import SpecCache
from engine.runtime.case import Case
from engine.runtime.model import (
    Bundle,
    Happening,
    RuntimeProblem,
    Thrown,
    UnknownItem,
    UnknownProcess,
    UnreadableState,
    Waiting,
    WrongKind,
)
from engine.runtime.recompute import recompute
from engine.runtime.specs.events import begin
from engine.runtime.specs.scopes import listen
from engine.runtime.values import Trouble
from engine.runtime.waiting import waiting
from engine.runtime.workflows import Task, add_task, live_tasks, scopes


class Run:
    """One case between restore and save. Not to be shared between threads.

    Each command runs the case on to its next waiting points, within the budgets of the runtime. A command
    that cannot be carried out raises before anything changes: `UnknownItem` when the item is no longer there,
    `WrongKind` when it is of another kind, `RuntimeProblem` when a value cannot be kept as JSON. An
    expression that fails further on is an incident in `waiting`, not an exception.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._waiting: tuple[Waiting, ...] | None = None

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """Everything the case waits for now, oldest first."""
        if self._waiting is None:
            self._waiting = waiting(self._case)
        return self._waiting

    @property
    def happened(self) -> tuple[Happening, ...]:
        """What came about since the start or restore, in order."""
        return tuple(self._case.happened)

    @property
    def thrown(self) -> tuple[Thrown, ...]:
        """The messages and signals thrown since the start or restore."""
        return tuple(self._case.thrown)

    @property
    def finished(self) -> bool:
        """Whether the case has ended; `cancelled` says whether by a command."""
        return self._case.finished

    @property
    def cancelled(self) -> bool:
        """Whether the case was cancelled."""
        return self._case.cancelled

    @property
    def process_id(self) -> str:
        """The process the case was started with."""
        return self._case.process_id

    @property
    def variables(self) -> dict[str, Any]:
        """The root scope, a deep copy."""
        copied: dict[str, Any] = values.plain(self._case.top.data)
        return copied

    def complete(self, item_id: str, variables: Mapping[str, Any]) -> None:
        """A user task or job is done, with these results."""
        task = self._task(item_id, "work", "不是待办任务或作业，不能办理完成")
        results = _checked(variables)
        task.internal_data.pop("work")
        task.task_spec.finish(task, self._case, results)
        self._run_on()

    def throw_error(
        self, item_id: str, code: str, message: str = "", variables: Mapping[str, Any] | None = None
    ) -> None:
        """A job (or user task) ends with a BPMN error. If nothing catches it, that is an incident; a retry of
        the incident brings the job back."""
        task = self._task(item_id, "work", "不是待办任务或作业，不能抛出错误")
        brought = _checked(variables or {})
        self._case.throw_error(task, code, message, brought)
        self._run_on()

    def fire(self, item_id: str) -> None:
        """A timer is due. A cycle gives one occurrence and opens the next, under the same id."""
        task = self._wait(item_id, {"timer"}, "不是定时器")
        kept = task.internal_data["wait"]
        self._case.happen("timer:fired", task, {"item": task.id, "due": kept["due"][0]})
        task.task_spec.came(task, self._case, {})
        if task._state == TaskState.WAITING and "wait" in task.internal_data:
            self._reopen(task, kept)
        self._run_on()

    def _reopen(self, task: Task, kept: dict[str, Any]) -> None:
        following = timers.following(kept, self._case.now)
        if following is None:
            self._case.discard(task)
            self._case.branch_ended(task.workflow)
        else:
            task.internal_data["wait"] = {"kind": "timer", **following}

    def deliver(self, item_id: str, variables: Mapping[str, Any]) -> None:
        """The message or signal that this item waits for has come."""
        task = self._wait(item_id, {"message", "signal"}, "不在等待消息或信号")
        kept = task.internal_data["wait"]
        brought = _checked(variables)
        self._case.happen(f"{kept['kind']}:received", task, {"item": task.id, "name": kept["name"]})
        task.task_spec.came(task, self._case, brought)
        self._run_on()

    def retry(self, item_id: str) -> None:
        """Try an incident again, from where it stopped."""
        task = self._incident(item_id)
        incident = task.internal_data.pop("incident")
        case, spec = self._case, task.task_spec
        case.happen("incident:resolved", task, {"item": item_id})
        match incident["phase"]:
            case "enter":
                task._set_state(TaskState.FUTURE)
                spec._update(task)
            case "leave":
                spec.finish(task, case, incident.get("results", {}))
            case "loop":
                spec.go_on(task, case)
            case "throw":
                spec.thrown(task, case)
            case "subscribe":
                task._set_state(TaskState.WAITING)
                spec.subscribe(task, case)
        self._run_on()

    def set_variables(self, scope_item_id: str | None, variables: Mapping[str, Any]) -> None:
        """Write variables as seen from a waiting item: where the name is found, else into the root of its
        process. None writes into the root scope of the case."""
        changed = _checked(variables)
        case = self._case
        if scope_item_id is None:
            case.top.data.update(changed)
            case.happened.append(
                Happening("variables:set", self.process_id, "", "", (), {"scope": "", "values": _checked(changed)})
            )
        else:
            case.write(self._find(scope_item_id), changed, from_within=True)
        self._waiting = None

    def recompute_deadlines(self) -> None:
        """The calendar has changed: compute the open deadlines that read it again, as of when they were
        opened. What changed is in `waiting` and, as `deadline:recomputed`, in `happened`."""
        recompute(self._case)
        self._waiting = None

    def cancel(self) -> None:
        """End the case where it stands."""
        case = self._case
        for task in live_tasks(case.top):
            case.cancel_task(task)
        case.cancelled = True
        case.queue.clear()
        self._run_on()

    def save(self) -> bytes:
        """Return the state, without specs, compressed."""
        return state.save(self._case)

    def _run_on(self) -> None:
        case = self._case
        case.run_on()
        self._waiting = None
        if case.finished:
            event = "case:cancelled" if case.cancelled else "case:completed"
            process = case.bundle.diagrams[case.process_id]
            case.happened.append(Happening(event, process.id, "", process.name, (), {}))

    def _tasks(self) -> Iterable[Task]:
        for scope in scopes(self._case.top):
            yield from live_tasks(scope)

    def _find(self, item_id: str) -> Task:
        for task in self._tasks():
            incident = task.internal_data.get("incident")
            if task.id == item_id or (incident is not None and incident["id"] == item_id):
                return task
        raise UnknownItem

    def _task(self, item_id: str, mark: str, otherwise: str) -> Task:
        task = self._find(item_id)
        if mark not in task.internal_data or "incident" in task.internal_data:
            raise WrongKind(f"工作项 {item_id}（{task.task_spec.bpmn_name or task.task_spec.bpmn_id}）{otherwise}。")
        return task

    def _wait(self, item_id: str, kinds: set[str], otherwise: str) -> Task:
        task = self._task(item_id, "wait", otherwise)
        if task.internal_data["wait"]["kind"] not in kinds:
            raise WrongKind(f"工作项 {item_id}（{task.task_spec.bpmn_name or task.task_spec.bpmn_id}）{otherwise}。")
        return task

    def _incident(self, item_id: str) -> Task:
        task = self._find(item_id)
        if task.internal_data.get("incident", {}).get("id") != item_id:
            raise WrongKind(f"工作项 {item_id} 不是可以重试的异常。")
        return task


class Runtime:
    """Starts and restores cases. Thread-safe; keeps the specs of the processes used last.

    `step_budget` and `time_budget` bound how far one command may run: beyond them whatever still runs stops
    as an incident. `keep_history` leaves finished tasks in the state, for comparing with the compacted run in
    tests.
    """

    def __init__(
        self,
        feel: Feel,
        *,
        step_budget: int = 10_000,
        time_budget: timedelta = timedelta(seconds=20),
        keep_history: bool = False,
    ) -> None:
        self._feel = feel
        self._step_budget = step_budget
        self._time_budget = time_budget
        self._keep_history = keep_history
        self._specs = SpecCache()

    @property
    def feel(self) -> Feel:
        """What evaluates a case's expressions."""
        return self._feel

    def start(
        self,
        bundle: Bundle,
        process_id: str,
        variables: Mapping[str, Any],
        *,
        now: datetime,
        start_event: str | None = None,
    ) -> Run:
        """Begin a case and run it to its first waiting points.

        It begins at the process's none start event, or at `start_event` (a message, timer or signal start
        event, whose trigger the caller has seen). Raise `UnknownProcess` if there is no such process or start
        event.
        """
        initial = _checked(variables)
        case = self._case(bundle, process_id, now)
        spec = case.top.spec
        start = spec.first if start_event is None else spec.task_specs.get(start_event)
        if start is None or start.element.type != "startEvent":
            raise UnknownProcess(f"流程“{process_id}”没有可用的开始事件“{start_event or '空开始事件'}”。")
        case.top.data.update(initial)
        process: Process = spec.process
        facts = {"start_event": start.bpmn_id, "variables": values.plain(initial)}
        case.happened.append(Happening("case:started", process.id, "", process.name, (), facts))
        listen(case.top, case)
        token = add_task(case.top.task_tree, start, TaskState.FUTURE, case.new_id())
        begin(token, case, {})
        run = Run(case)
        run._run_on()
        return run

    def restore(self, bundle: Bundle, state: bytes, *, now: datetime) -> Run:
        """Return the case as it was saved. Raise `UnreadableState` if it is damaged or of another bundle."""
        return self._restore(bundle, state, now)

    def _restore(self, bundle: Bundle, kept: bytes, now: datetime) -> Run:
        unpacked = state.unpack(kept)
        if unpacked["b"] != bundle.hash:
            raise UnreadableState("案件状态属于另一次部署，不能按这次部署的流程图继续。")
        case = self._case(bundle, unpacked["p"], now)
        state.fill(case, unpacked)
        return Run(case)

    def start_timer(self, bundle: Bundle, process_id: str, start_event: str, *, now: datetime) -> dict[str, Any]:
        """Return when a timer start event is due first: `{"due": [ISO instant, …], …}` for
        `next_start_timer`."""
        process = bundle.diagrams.get(process_id)
        element = process.elements.get(start_event) if process else None
        if element is None or element.timer is None:
            raise UnknownProcess(f"流程“{process_id}”没有定时开始事件“{start_event}”。")
        text = element.timer.text
        try:
            value = self._feel.evaluate(text[1:], {}, now=now) if text.startswith("=") else text
            return timers.opened(element.timer, value, now)
        except Trouble as trouble:
            raise RuntimeProblem(trouble.message) from trouble

    def next_start_timer(self, kept: dict[str, Any], *, now: datetime) -> dict[str, Any] | None:
        """Return the timer state after one occurrence, None after the last."""
        return timers.following(kept, now)

    def _case(self, bundle: Bundle, process_id: str, now: datetime) -> Case:
        if now.tzinfo is None:
            raise ValueError("now must be aware")
        if self._specs.get(bundle, process_id) is None:
            raise UnknownProcess(f"部署中没有流程“{process_id}”。")
        return Case(
            bundle,
            process_id,
            self._specs,
            self._feel,
            now=now,
            step_budget=self._step_budget,
            time_budget=self._time_budget,
            keep_history=self._keep_history,
        )


def _checked(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deep copy as JSON. Raise `RuntimeProblem` for a value that JSON cannot carry."""
    try:
        copied: dict[str, Any] = values.plain(variables)
    except Trouble as trouble:
        raise RuntimeProblem(trouble.message) from trouble
    return copied
