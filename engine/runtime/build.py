"""From a process as read to the library's specs, once for each process of a bundle.

Built by a loop over plain data, not by the library's parser: that one recurses along the sequence flows (a
plain sequence of some 490 elements ends it), accepts much of what it then leaves out, and gives its own nodes
the ids `Start` and `End`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict

from engine.dialect.model import Element, Flow, Process
from engine.runtime.model import Bundle
from engine.runtime.specs.activities import (
    DecisionSpec,
    JobSpec,
    PassSpec,
    ScriptSpec,
    UserTaskSpec,
)
from engine.runtime.specs.base import ElementSpec, Exit, ScopeSpec
from engine.runtime.specs.events import BoundarySpec, CatchSpec, ReceiveSpec, StartSpec, ThrowSpec
from engine.runtime.specs.gateways import EventGatewaySpec, ExclusiveSpec, InclusiveSpec, ParallelSpec
from engine.runtime.specs.loops import MultiInstanceSpec, StandardLoopSpec
from engine.runtime.specs.scopes import CallActivitySpec, EventSubProcessSpec, SubProcessSpec

_SIMPLE: dict[str, type[ElementSpec]] = {
    "task": PassSpec,
    "manualTask": PassSpec,
    "userTask": UserTaskSpec,
    "receiveTask": ReceiveSpec,
    "callActivity": CallActivitySpec,
    "startEvent": StartSpec,
    "intermediateCatchEvent": CatchSpec,
    "boundaryEvent": BoundarySpec,
    "exclusiveGateway": ExclusiveSpec,
    "parallelGateway": ParallelSpec,
    "inclusiveGateway": InclusiveSpec,
    "eventBasedGateway": EventGatewaySpec,
}


class ProcessSpecs:
    """The scopes of one process: `root` of the process itself, `scopes` by sub-process id."""

    def __init__(self, process: Process) -> None:
        self.scopes: dict[str, ScopeSpec] = {}
        self.root = self._scope(process, None)

    def _scope(self, process: Process, owner: Element | None) -> ScopeSpec:
        scope = ScopeSpec(process, owner)
        members = process.children(owner.id if owner else None)
        for element in members:
            if element.type == "subProcess":
                self.scopes[element.id] = self._scope(process, element)
            spec = self._element(scope, element)
            if isinstance(spec, EventSubProcessSpec):
                scope.event_sub_processes.append(spec)
        _connect(scope, members)
        starts = [element for element in members if element.type == "startEvent"]
        plain = [element for element in starts if element.event is None or element.event.kind == "none"]
        alone = starts if owner is not None or len(starts) == 1 else []
        first = next(iter(plain or alone), None)
        scope.first = scope.task_specs[first.id] if first is not None else None
        return scope

    def _element(self, scope: ScopeSpec, element: Element) -> ElementSpec:
        if element.triggered_by_event:
            return EventSubProcessSpec(scope, element, self.scopes[element.id])
        if element.loop is None:
            return self._single(scope, element, is_instance=False)
        inner = self._single(scope, element, is_instance=True)
        kind = StandardLoopSpec if element.loop.kind == "standard" else MultiInstanceSpec
        return kind(scope, element, inner)

    def _single(self, scope: ScopeSpec, element: Element, *, is_instance: bool) -> ElementSpec:
        if element.type == "subProcess":
            return SubProcessSpec(scope, element, self.scopes[element.id], is_instance=is_instance)
        return _spec_class(element)(scope, element, is_instance=is_instance)


def _spec_class(element: Element) -> type[ElementSpec]:
    if element.job_type:
        return JobSpec
    if element.type in {"endEvent", "intermediateThrowEvent", "sendTask"}:
        return ThrowSpec
    if element.type == "scriptTask":
        return ScriptSpec
    if element.type == "businessRuleTask":
        return DecisionSpec
    return _SIMPLE[element.type]


def _connect(scope: ScopeSpec, members: tuple[Element, ...]) -> None:
    specs = scope.task_specs
    predecessors: dict[str, list[str]] = defaultdict(list)
    catches = {
        element.event.name: specs[element.id]
        for element in members
        if element.event and element.event.kind == "link" and element.type == "intermediateCatchEvent"
    }
    for element in members:
        spec = specs[element.id]
        for flow in element.outgoing:
            spec.exits.append(Exit(flow, specs[flow.target]))
            spec.connect(specs[flow.target])
            predecessors[flow.target].append(element.id)
        if element.attached_to:
            specs[element.attached_to].boundaries.append(spec)
            predecessors[element.id].append(element.attached_to)
        if element.event and element.event.kind == "link" and element.type == "intermediateThrowEvent":
            catch = catches[element.event.name]
            spec.exits.append(Exit(_link_flow(element, catch.bpmn_id), catch))
            predecessors[catch.bpmn_id].append(element.id)
    scope.predecessors = dict(predecessors)


def _link_flow(element: Element, target: str) -> Flow:
    """Return the flow that a pair of link events stands for."""
    return Flow(f"{element.id}->", "", element.id, target)


class SpecCache:
    """The specs of the processes used last. Thread-safe; specs are never changed once built."""

    def __init__(self, size: int = 128) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._specs: OrderedDict[tuple[str, str], ProcessSpecs] = OrderedDict()

    def get(self, bundle: Bundle, process_id: str) -> ProcessSpecs | None:
        """Return the specs of a process of the bundle, None if the bundle has no such process."""
        key = (bundle.hash, process_id)
        with self._lock:
            found = self._specs.get(key)
            if found is not None:
                self._specs.move_to_end(key)
                return found
        process = bundle.diagrams.get(process_id)
        if process is None:
            return None
        built = ProcessSpecs(process)
        with self._lock:
            built = self._specs.setdefault(key, built)
            while len(self._specs) > self._size:
                self._specs.popitem(last=False)
        return built
