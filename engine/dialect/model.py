"""What a diagram says, as plain data: BPMN 2.0 with the Camunda 8 (`zeebe:`) extension elements.

Attribute values that start with `=` are FEEL, anything else is literal text; they are kept here as written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from engine.problems import Problem

EventKind = Literal["none", "message", "timer", "error", "escalation", "signal", "link", "terminate"]


class Expression(NamedTuple):
    """One FEEL expression of an element, without the leading `=`. `where` names the field: `condition
    Flow_1`."""

    where: str
    text: str


class IoMapping(NamedTuple):
    """One `zeebe:input` or `zeebe:output`: `source` as written, `target` a variable name, dotted for a nested
    one."""

    source: str
    target: str


@dataclass(frozen=True)
class Flow:
    """A sequence flow. `condition` is FEEL as written (with its `=`), None when there is none."""

    id: str
    name: str
    source: str
    target: str
    condition: str | None = None
    is_default: bool = False


@dataclass(frozen=True)
class Timer:
    """When: `text` is an ISO 8601 literal or `=` FEEL."""

    kind: Literal["date", "duration", "cycle"]
    text: str


@dataclass(frozen=True)
class Event:
    """What an event element or a receive/send task catches or throws.

    `name` is the name of the message, signal or link, or the code of the error or escalation ("" for an error
    or escalation event that catches every code). `correlation_key` is FEEL or text, None where there is none.
    """

    kind: EventKind
    name: str = ""
    correlation_key: str | None = None
    timer: Timer | None = None


@dataclass(frozen=True)
class Loop:
    """Multi-instance or standard loop. FEEL as written; `condition` completes a multi-instance early, and
    keeps a standard loop going."""

    kind: Literal["parallel", "sequential", "standard"]
    input_collection: str = ""
    input_element: str = ""
    output_collection: str = ""
    output_element: str = ""
    condition: str = ""
    test_before: bool = False
    maximum: int | None = None


@dataclass(frozen=True)
class Element:
    """A flow node. `type` is BPMN's own name: userTask, serviceTask, exclusiveGateway, boundaryEvent,
    subProcess …

    `parent` is the id of the sub-process it stands in, None at the top. `lane` is the innermost lane's name,
    that of the enclosing sub-process if it has none itself. `attached_to` is the activity a boundary event
    guards; `interrupting` is also meant for the start event of an event sub-process.
    """

    id: str
    name: str
    type: str
    parent: str | None = None
    lane: str | None = None
    documentation: str = ""
    outgoing: tuple[Flow, ...] = ()
    incoming: tuple[Flow, ...] = ()
    event: Event | None = None
    attached_to: str | None = None
    interrupting: bool = True
    triggered_by_event: bool = False
    loop: Loop | None = None
    # user task
    form_id: str | None = None
    assignee: str | None = None
    candidate_groups: str | None = None
    candidate_users: str | None = None
    due_date: str | None = None
    follow_up_date: str | None = None
    priority: str | None = None
    # job
    job_type: str | None = None
    retries: str = "3"
    headers: Mapping[str, str] = field(default_factory=dict)
    # data
    inputs: tuple[IoMapping, ...] = ()
    outputs: tuple[IoMapping, ...] = ()
    script: str | None = None
    decision_id: str | None = None
    result_variable: str | None = None
    called_process: str | None = None
    propagate_all_parent_variables: bool = True
    propagate_all_child_variables: bool = True
    message_id: str | None = None
    time_to_live: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    expressions: tuple[Expression, ...] = ()

    @property
    def timer(self) -> Timer | None:
        """The timer of a timer event, else None."""
        return self.event.timer if self.event else None

    @property
    def message(self) -> str | None:
        """The name of the message it catches or throws (FEEL or text), else None."""
        return self.event.name if self.event and self.event.kind == "message" else None


@dataclass(frozen=True)
class StartEvent:
    """A way in at the top of a process: what starts a case. `name` is of the element; `event` says what
    triggers it."""

    id: str
    name: str
    event: Event


@dataclass(frozen=True)
class Process:
    """One executable process of a diagram, with the elements of its sub-processes (see `Element.parent`).

    `lanes` holds the names of the lanes that contain elements, in the order of the file. `properties` are the
    process's `zeebe:properties`.
    """

    id: str
    name: str
    file: str
    executable: bool
    lanes: tuple[str, ...]
    properties: Mapping[str, str]
    start_events: tuple[StartEvent, ...]
    elements: Mapping[str, Element]
    documentation: str = ""
    version_tag: str | None = None

    def children(self, parent: str | None) -> tuple[Element, ...]:
        """Return the elements that stand directly in the sub-process `parent` (None: at the top)."""
        return tuple(element for element in self.elements.values() if element.parent == parent)


@dataclass
class Diagram:
    """A BPMN file as read. `processes` holds the executable processes by id; without errors in `problems`
    they run."""

    file: str
    problems: tuple[Problem, ...] = ()
    processes: Mapping[str, Process] = field(default_factory=dict)

    @property
    def runnable(self) -> bool:
        """Say whether no problem is an error."""
        return not any(problem.severity == "error" for problem in self.problems)
