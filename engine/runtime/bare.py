"""The bare library's durable step, to measure ours against: restore, complete one user task, save; specs cached."""

from __future__ import annotations

import json
from typing import Any

from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.serializer.config import DEFAULT_CONFIG
from SpiffWorkflow.bpmn.serializer.helpers.bpmn_converter import BpmnConverter
from SpiffWorkflow.bpmn.specs.bpmn_process_spec import BpmnProcessSpec
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.task import TaskState


class BareCase:
    """One case of a diagram with a single user task in a loop, without anything of ours."""

    def __init__(self, diagram: bytes, process_id: str, data: dict[str, Any]) -> None:
        parser = BpmnParser()
        parser.add_bpmn_str(diagram)
        spec = parser.get_spec(process_id)

        class CachedSpec(BpmnConverter):  # type: ignore[misc]  # the library ships no types
            """Saves the name of the spec only, as a server with a cache of specs would."""

            def to_dict(self, _: BpmnProcessSpec) -> dict[str, Any]:
                return {"name": process_id}

            def from_dict(self, _: dict[str, Any]) -> BpmnProcessSpec:
                return spec

        registry = BpmnWorkflowSerializer.configure(DEFAULT_CONFIG | {BpmnProcessSpec: CachedSpec})
        self._serializer = BpmnWorkflowSerializer(registry)
        workflow = BpmnWorkflow(spec)
        workflow.data.update(data)
        workflow.task_tree.data.update(data)
        workflow.do_engine_steps()
        self.state: str = self._serializer.serialize_json(workflow)

    def step(self, answers: dict[str, Any]) -> None:
        """Complete the user task that waits."""
        workflow = self._serializer.deserialize_json(self.state)
        task = workflow.get_next_task(state=TaskState.READY, manual=True)
        task.data.update(answers)
        task.run()
        workflow.do_engine_steps()
        self.state = self._serializer.serialize_json(workflow)

    @property
    def size(self) -> int:
        """Bytes of the saved state."""
        return len(json.dumps(json.loads(self.state)).encode())
