"""What the runtime takes and gives: plain values, no type of the BPMN library among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

from engine.deadlines import Deadline
from engine.decisions import DecisionModel
from engine.dialect.model import Process
from engine.errors import EngineError

WaitingKind = Literal["user_task", "job", "timer", "message", "signal", "incident"]


class Bundle(Protocol):
    """An immutable deployment, as far as the runtime needs it."""

    @property
    def hash(self) -> str:
        """The content address: equal hashes mean equal files."""

    @property
    def diagrams(self) -> Mapping[str, Process]:
        """The executable processes by process id."""

    @property
    def decisions(self) -> DecisionModel:
        """The decisions of all DMN files."""


class RuntimeProblem(EngineError):
    """流程无法继续执行。"""


class UnknownProcess(RuntimeProblem):
    """部署中没有这个流程。"""


class UnknownItem(RuntimeProblem):
    """这个工作项已不存在，可能已被办理或取消。"""


class WrongKind(RuntimeProblem):
    """这个工作项不能这样办理。"""


class UnreadableState(RuntimeProblem):
    """案件状态无法读取。"""


@dataclass(frozen=True)
class Waiting:
    """One thing a case waits for.

    `id` is unique in the case and stable over save and restore. `path` holds the ids of the call activities
    and sub-processes around the element, from the root. `parent_id` is the id of the item that a boundary
    event or an event gateway's event belongs to (the guarded user task or job; for an activity that is no
    item itself, a sub-process for instance, the stable id of that activity) or to which an event sub-process
    listens, None otherwise. `lane` is the element's lane, that of the calling activity if the called process
    has no lanes. Fields that do not belong to `kind` keep their defaults.
    """

    id: str
    kind: WaitingKind
    process_id: str
    element_id: str
    element_name: str
    element_type: str
    path: tuple[str, ...]
    parent_id: str | None
    lane: str | None
    # user task
    form_id: str | None = None
    assignee: str | None = None
    candidate_groups: tuple[str, ...] = ()
    candidate_users: tuple[str, ...] = ()
    due: Deadline | None = None  # user task: until when; timer: when it fires
    follow_up: Deadline | None = None
    priority: int = 50
    headers: Mapping[str, str] = field(default_factory=dict)  # user task and job
    # job
    type: str = ""
    retries: int = 3
    deadlines: Mapping[str, Deadline] = field(default_factory=dict)  # among the mapped inputs, by target
    # timer
    repeats_left: int | None = None  # after this one; None: endless, or not a cycle
    is_cycle: bool = False
    # message and signal
    message_name: str = ""
    correlation_key: str = ""
    signal_name: str = ""
    interrupting: bool = True  # whether firing ends the guarded activity or scope
    # incident
    cause: str = ""
    retryable: bool = True
    read_variables: Callable[[], dict[str, Any]] = field(default=dict, compare=False, repr=False)
    read_inputs: Callable[[], dict[str, Any]] = field(default=dict, compare=False, repr=False)

    @cached_property
    def variables(self) -> dict[str, Any]:
        """What the element sees: all scopes outwards, a deep copy made at the first access.

        Read it before the run goes on: afterwards it shows the later state.
        """
        return self.read_variables()

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """What a job is given: its mapped inputs, all it sees without a mapping; a deep copy like
        `variables`."""
        return self.read_inputs()


@dataclass(frozen=True)
class Happening:
    """One fact for the journal, in the order it came about. `facts` is small JSON.

    Events and their facts (`item` is the id of the waiting item):

    - `case:started` start_event, variables · `case:completed` · `case:cancelled`
    - `element:entered` for what comes to rest: item, due (user task), type (job), process (call activity),
      rounds · `element:completed` item · `element:cancelled` item. What passes at once is only completed.
    - `flow:taken` flows (the ids taken), condition, values (what it read), result, judged (all conditions, if
      more)
    - `decision:evaluated` as `Evaluation.facts()` · `variables:set` scope ("" or an element id), values
    - `incident:raised` item, cause · `incident:resolved` item
    - `timer:fired` item, due · `message:received` `signal:received` item, name
    - `message:thrown` name, correlation_key · `signal:thrown` name · `error:thrown` code, message ·
      `escalation:thrown` code, caught
    - `deadline:recomputed` item, field, before, due · `deadline:kept` item, cause
    """

    event: str
    process_id: str
    element_id: str
    element_name: str
    path: tuple[str, ...]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Thrown:
    """A message or signal thrown by this case.

    A signal has already reached this case's own catch events: broadcast it to the others. A message has not:
    correlate it with any waiting message of any case, this one included, or with a message start event.
    """

    kind: Literal["message", "signal"]
    name: str
    correlation_key: str
    variables: Mapping[str, Any]
    element_id: str
    message_id: str = ""
    time_to_live: str = ""  # ISO 8601 duration, "" when the diagram says nothing
