"""One running case: the loop that runs tokens on, and what elements need from it."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from SpiffWorkflow.util.task import TaskState

from engine.dialect.model import Event
from engine.feel import Feel
from engine.runtime import timers, values, variables
from engine.runtime.build import SpecCache
from engine.runtime.evaluation import Evaluation
from engine.runtime.model import Bundle, Happening, Thrown
from engine.runtime.specs.base import Exit, ScopeSpec, catching
from engine.runtime.specs.gateways import InclusiveSpec
from engine.runtime.values import Trouble
from engine.runtime.workflows import (
    CaseWorkflow,
    Scope,
    ScopeWorkflow,
    Task,
    compact,
    is_live,
    live_children,
    live_tasks,
    scopes,
)

_COMPACT_EVERY = 64  # steps: a long run through passing elements must not drag its past along


class Case:
    """The state of one case in memory, and how it moves."""

    def __init__(
        self,
        bundle: Bundle,
        process_id: str,
        specs: SpecCache,
        feel: Feel,
        *,
        now: datetime,
        step_budget: int,
        time_budget: timedelta,
        keep_history: bool,
    ) -> None:
        self.bundle = bundle
        self.process_id = process_id
        self.feel = feel
        self.now = now
        self.keep_history = keep_history
        self.cancelled = False
        self.queue: deque[Task] = deque()
        self.exits: dict[str, list[Exit]] = {}
        self.happened: list[Happening] = []
        self.thrown: list[Thrown] = []
        self._later: deque[Callable[[], None]] = deque()
        self._specs = specs
        self._step_budget = step_budget
        self._time_budget = time_budget
        self.last_id = 0
        root = specs.get(bundle, process_id)
        assert root is not None  # noqa: S101 - the caller looked it up
        self.top = CaseWorkflow(root.root, self)
        self.evaluation = Evaluation(feel, now)
        self.json = self.evaluation.json
        self.value = self.evaluation.value
        self.text = self.evaluation.text
        self.condition = self.evaluation.condition

    # What elements and the doors of the runtime ask for

    def new_id(self) -> str:
        """Return the next id; ids are counted, so the same commands give the same ids."""
        self.last_id += 1
        return str(self.last_id)

    def later(self, action: Callable[[], None]) -> None:
        """Do something once the present task's step is over."""
        self._later.append(action)

    def process_spec(self, process_id: str) -> ScopeSpec | None:
        """Return the scope of another process of the bundle, None if there is none."""
        found = self._specs.get(self.bundle, process_id)
        return found.root if found else None

    def scope_spec(self, process_id: str, owner: str | None) -> ScopeSpec | None:
        """Return the scope of a process or of one of its sub-processes."""
        found = self._specs.get(self.bundle, process_id)
        if found is None or owner is None:
            return found.root if found else None
        return found.scopes.get(owner)

    def add_scope(self, task: Task, spec: ScopeSpec) -> Scope:
        """Return a new scope inside a task."""
        scope = ScopeWorkflow(spec, task)
        self.top.subprocesses[task.id] = scope
        return scope

    def happen(self, event: str, task: Task, facts: Mapping[str, Any]) -> None:
        """Note a fact for the journal."""
        spec = task.task_spec
        self.happened.append(
            Happening(event, spec.scope.process.id, spec.bpmn_id, spec.bpmn_name or "", path(task), facts)
        )

    def write(self, task: Task, results: Mapping[str, Any], *, from_within: bool) -> None:
        """Write variables seen from a task and note what was written where."""
        if not results:
            return
        for where, written in variables.write(task, results, from_within=from_within):
            self.happen("variables:set", task, {"scope": where, "values": values.plain(written)})

    def subscription(self, event: Event, task: Task) -> dict[str, Any]:
        """Return the state of a wait for a message, signal or timer, as seen from `task`. Raise `Trouble`."""
        match event.kind:
            case "timer":
                opened = open_timer(event, task, self.evaluation)
                return {"kind": "timer", **opened, "at": self.now.isoformat()}
            case "message":
                name = self.text(event.name, task, "消息名称", required=True)
                key = self.text(event.correlation_key, task, "关联键", required=True)
                return {"kind": "message", "name": name, "key": key}
            case "signal":
                return {"kind": "signal", "name": self.text(event.name, task, "信号名称", required=True)}
        raise Trouble(f"不能等待“{event.kind}”事件。")

    # Choosing flows

    def choose_first(self, task: Task, exits: list[Exit]) -> list[Exit]:
        """Return the first exit whose condition holds, else the default; a lone exit needs no condition."""
        chosen, judged = self._judge(task, exits, only_first=True)
        return self._taken(task, exits, chosen, judged)

    def choose_all(self, task: Task, exits: list[Exit]) -> list[Exit]:
        """Return every exit without condition or whose condition holds, else the default."""
        chosen, judged = self._judge(task, exits, only_first=False)
        return self._taken(task, exits, chosen, judged)

    def _judge(self, task: Task, exits: list[Exit], *, only_first: bool) -> tuple[list[Exit], list[dict[str, Any]]]:
        chosen: list[Exit] = []
        judged: list[dict[str, Any]] = []
        for exit_ in exits:
            condition = exit_.flow.condition
            if exit_.flow.is_default:
                continue
            if condition is None:
                chosen.append(exit_)
            else:
                result = self.condition(condition, task, f"流向“{exit_.flow.name or exit_.flow.id}”的条件")
                read = self.evaluation.values_read(condition, task)
                judged.append({"flow": exit_.flow.id, "condition": condition, "result": result, "values": read})
                if result:
                    chosen.append(exit_)
            if chosen and only_first:
                break
        return chosen, judged

    def _taken(self, task: Task, exits: list[Exit], chosen: list[Exit], judged: list[dict[str, Any]]) -> list[Exit]:
        if not chosen and exits:
            chosen = [exit_ for exit_ in exits if exit_.flow.is_default]
            if not chosen:
                raise Trouble(_nothing_holds(judged))
        if judged or any(exit_.flow.is_default for exit_ in chosen):
            self.happen("flow:taken", task, _explained([exit_.flow.id for exit_ in chosen], judged))
        return chosen

    # Ending and stopping

    def stop(self, task: Task, phase: str, trouble: Trouble, *, results: Mapping[str, Any] | None = None) -> None:
        """Stop a branch at an element: an incident, to be tried again from `phase`."""
        incident: dict[str, Any] = {"id": self.new_id(), "phase": phase, "cause": trouble.message}
        if results:
            incident["results"] = values.plain(results)
        task.internal_data["incident"] = incident
        if not task._state & TaskState.WAITING:
            task._set_state(TaskState.STARTED)
        self.happen("incident:raised", task, {"item": incident["id"], "cause": trouble.message})

    def discard(self, task: Task) -> None:
        """Drop a wait that never was an element of its own."""
        task._set_state(TaskState.CANCELLED)

    def cancel_task(self, task: Task) -> None:
        """End an element where it stands, with everything inside."""
        if not is_live(task):
            return
        was_waiting = task._state == TaskState.WAITING
        task._set_state(TaskState.CANCELLED)
        for child in live_children(task):
            self.cancel_task(child)
        scope = self.top.subprocesses.pop(task.id, None)
        if scope is not None:
            for inner in live_tasks(scope):
                self.cancel_task(inner)
        if not was_waiting:
            self.happen("element:cancelled", task, {"item": task.id} if task.task_spec.waits else {})

    def terminate(self, task: Task) -> None:
        """End the scope of a terminate end event."""
        if not is_live(task):
            return
        for other in live_tasks(task.workflow):
            if other is not task:
                self.cancel_task(other)
        task.task_spec.finish(task, self, {})

    def branch_ended(self, scope: Scope) -> None:
        """A token has come to its end: see whether its scope has, too."""
        self.later(lambda: self._settle(scope))

    def _settle(self, scope: Scope) -> None:
        if any(not _listens(task) for task in live_tasks(scope)):
            return
        for task in live_tasks(scope):
            self.discard(task)
        if scope is self.top:
            return
        if self.top.subprocesses.get(scope.parent_task.id) is scope:
            scope.parent_task.task_spec.scope_done(scope.parent_task, scope, self)
            if not is_live(scope.parent_task):
                self.top.subprocesses.pop(scope.parent_task.id, None)

    # Events

    def throw_error(self, task: Task, code: str, message: str, brought: Mapping[str, Any]) -> None:
        """Throw a BPMN error at an element: the next one outwards that catches it goes on, else an
        incident."""
        self.happen("error:thrown", task, {"code": code, "message": message})
        if not self._caught("error", task, code, brought):
            cause = f"错误“{code}”没有被捕获" + (f"：{message}" if message else "。")
            phase = "throw" if "throws" in task.internal_data else "wait"
            self.stop(task, phase, Trouble(cause))

    def escalate(self, task: Task, code: str, brought: Mapping[str, Any]) -> None:
        """Throw an escalation; nobody need catch it."""
        caught = self._caught("escalation", task, code, brought)
        self.happen("escalation:thrown", task, {"code": code, "caught": caught})

    def _caught(self, kind: str, task: Task, code: str, brought: Mapping[str, Any]) -> bool:
        """Find what catches an error or escalation. An event sub-process does not catch what it throws
        itself."""
        passed = set()
        for host, scope in _outwards(task):
            passed.add(host.task_spec)
            boundary = host.task_spec.catches(kind, code)
            if boundary is not None:
                boundary.caught(host, self, brought)
                return True
            if scope is None:
                continue
            listening = [other for other in live_tasks(scope) if _listens(other) and other.task_spec not in passed]
            spec = catching([other.task_spec for other in listening], kind, code)
            if spec is not None:
                listener = next(other for other in listening if other.task_spec is spec)
                spec.came(listener, self, brought)
                return True
        return False

    def signal(self, name: str, brought: Mapping[str, Any]) -> None:
        """Let everything in this case that waits for a signal have it."""
        waiting = [
            task
            for scope in scopes(self.top)
            for task in live_tasks(scope)
            if task.internal_data.get("wait", {}).get("name") == name and task.internal_data["wait"]["kind"] == "signal"
        ]
        for task in waiting:
            if is_live(task):
                self.happen("signal:received", task, {"name": name})
                task.task_spec.came(task, self, brought)

    # Running

    def run_on(self) -> None:
        """Run tokens on until everything waits, or the budget is used up: then what is left is an
        incident."""
        deadline = time.monotonic() + self._time_budget.total_seconds()
        for step in itertools.count():
            while self._later:
                self._later.popleft()()
            if not self.queue and not self._join_inclusive():
                break
            if not self.queue:
                continue
            if step >= self._step_budget or time.monotonic() > deadline:
                self._give_up(step)
                break
            task = self.queue.popleft()
            if task.state == TaskState.READY:
                task.run()
            if step % _COMPACT_EVERY == _COMPACT_EVERY - 1:
                self.tidy()
        self.tidy()

    def _give_up(self, steps: int) -> None:
        cause = f"连续执行了 {steps} 步仍没有停下，流程中可能有不等待任何人的循环。"
        while self.queue:
            task = self.queue.popleft()
            if task.state == TaskState.READY:
                self.stop(task, "enter", Trouble(cause))

    def _join_inclusive(self) -> bool:
        """Let the first inclusive gateway go on whose tokens need wait no longer; say whether there was
        one."""
        for scope in scopes(self.top):
            for task in live_tasks(scope):
                if "joining" in task.internal_data and isinstance(task.task_spec, InclusiveSpec):
                    tokens = task.task_spec.may_join(task)
                    if tokens:
                        task.task_spec.join(tokens, self)
                        return True
        return False

    def tidy(self) -> None:
        """Drop what is over."""
        if not self.keep_history:
            for scope in scopes(self.top):
                compact(scope)

    @property
    def finished(self) -> bool:
        """Say from the raw task states whether nothing lives any more."""
        return not any(True for _ in live_tasks(self.top))


def open_timer(event: Event, task: Task, evaluation: Evaluation) -> dict[str, Any]:
    """Return the state of a timer that opens at the evaluation's instant. Raise `Trouble`."""
    if event.timer is None:
        raise Trouble("定时事件没有写明时间。")
    return timers.opened(event.timer, evaluation.value(event.timer.text, task, "定时"), evaluation.now)


def path(task: Task) -> tuple[str, ...]:
    """Return the ids of the sub-processes and call activities around a task, from the root."""
    found: list[str] = []
    holder = task.workflow.parent_task
    while holder is not None:
        found.append(holder.task_spec.bpmn_id)
        holder = holder.workflow.parent_task
    return tuple(reversed(found))


def _listens(task: Task) -> bool:
    """Say whether a task only stands for an event sub-process that has not begun."""
    return bool(task._state & TaskState.WAITING) and task._parent == "0"


def _outwards(task: Task) -> Iterator[tuple[Task, Scope | None]]:
    """Yield what may catch an error, from the throwing task outwards: a task, and after the last task of a
    scope the scope itself, whose event sub-processes listen."""
    current: Task | None = task
    while current is not None:
        while current.task_spec.is_instance:
            yield current, None
            current = current.parent
        yield current, current.workflow
        current = current.workflow.parent_task


def _explained(taken: list[str], judged: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the facts of a gateway's decision: the flows taken, the condition that decided with what it read
    and gave, and everything that was judged if that is more."""
    decisive = [item for item in judged if item["result"]] or judged
    facts: dict[str, Any] = {"flows": taken}
    if decisive:
        facts["condition"] = "；".join(item["condition"] for item in decisive)
        facts["values"] = {name: value for item in decisive for name, value in item["values"].items()}
        facts["result"] = decisive[0]["result"]
    if len(judged) > len(decisive):
        facts["judged"] = judged
    return facts


def _nothing_holds(judged: list[dict[str, Any]]) -> str:
    """Say why no flow could be taken, with what the conditions read."""
    lines = "；".join(
        f"{item['flow']}：{item['condition']}（"
        + "、".join(f"{name}={values.said(value)}" for name, value in item["values"].items())
        + "）"
        for item in judged
    )
    return f"没有一个条件成立，也没有默认流向。{lines}"
