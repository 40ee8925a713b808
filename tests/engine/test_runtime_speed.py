"""A durable step (restore, complete one user task, save) against the bare library's, in the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree
from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from engine.runtime import Runtime
from tests.engine.drawing import chain, diagram, el, end, multi, process, start, user
from tests.engine.play import NOW, bundle, feel

DATA = {
    "complainant": {"name": "张三", "address": "x" * 500},
    "items": [{"n": n, "text": "y" * 40} for n in range(25)],
}


def sequence(length: int) -> str:
    ids = [f"a{number}" for number in range(length)]
    tasks = [el("userTask", element_id) for element_id in ids]
    return process("p", start(), *tasks, end(), chain(f"s {' '.join(ids)} e"))


def usual_seconds(step: Callable[[], Any], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.process_time()
        step()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def ours(done: int) -> float:
    """Seconds of the step after `done` completed tasks."""
    files, runtime = bundle(sequence(done + 2)), Runtime(feel())
    run = runtime.start(files, "p", DATA, now=NOW)
    for number in range(done):
        run.complete(run.waiting[0].id, {"result": number})
    state, item = run.save(), run.waiting[0].id

    def step() -> None:
        run = runtime.restore(files, state, now=NOW)
        run.complete(item, {"result": -1})
        assert len(run.waiting) == 1
        run.save()

    return usual_seconds(step, 30)


def bare(done: int) -> float:
    """The same with the library alone."""
    parser, serializer = BpmnParser(), BpmnWorkflowSerializer()
    parser.add_bpmn_xml(etree.fromstring(diagram(sequence(done + 2))))
    workflow = BpmnWorkflow(parser.get_spec("p"))
    workflow.do_engine_steps()
    workflow.get_next_task(state=TaskState.READY).data.update(DATA)
    for number in range(done):
        complete(workflow, number)
    state = serializer.serialize_json(workflow)

    def step() -> None:
        loaded = serializer.deserialize_json(state)
        complete(loaded, -1)
        serializer.serialize_json(loaded)

    return usual_seconds(step, 7)


def complete(workflow: BpmnWorkflow, result: int) -> None:
    task = workflow.get_next_task(state=TaskState.READY, manual=True)
    task.data["result"] = result
    task.run()
    workflow.do_engine_steps()


@pytest.mark.parametrize(("done", "most"), [(10, 3.0), (300, 1.0)])
def test_a_step_costs_no_more_than_agreed(done: int, most: float) -> None:
    assert ours(done) <= most * bare(done)


def test_a_loop_over_a_thousand_items_is_bearable() -> None:
    """Users of the neighbours complain of 144 items."""
    rounds = multi("=items", "item", outputCollection="out", outputElement="=item")
    files = bundle(process("p", start(), user("a", rounds), end(), chain("s a e")))
    runtime = Runtime(feel())
    run = runtime.start(files, "p", {"items": list(range(1000))}, now=NOW)
    assert len(run.waiting) == 1000
    state = run.save()
    items = [item.id for item in run.waiting]

    def step() -> None:
        run = runtime.restore(files, state, now=NOW)
        run.complete(items[500], {})
        run.save()

    assert usual_seconds(step, 5) < 0.25
    for item in items:
        run.complete(item, {})
    assert run.finished
    assert run.variables["out"] == list(range(1000))
