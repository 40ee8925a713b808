"""The closed vocabulary of service tasks: one file a verb, `type` == job type == file name.

A job goes through three phases, each of which a verb may leave at its default:

1. `prepare(tx, job)` runs in the transaction of the step that reached the task. It freezes what must not change
   any more (facts, numbers) and returns JSON, stored with the job and given back as `job.prepared`.
2. `perform(job)` does the work. Of an inline verb it runs in the same transaction as `prepare` and must be a pure
   calculation; otherwise a worker runs it outside any transaction, possibly more than once (`job.idempotency_key`
   is the same each time). It returns JSON.
3. `complete(tx, job, result)` runs in the transaction that completes the job and returns the output variables.

A verb reports trouble by raising `OperationFailed` (tried again with back-off, then an incident) or `BpmnError`
(caught by an error event of the diagram). Nothing of a verb knows SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

from engine.deadlines import Deadline
from engine.errors import EngineError


class OperationFailed(EngineError):
    """服务任务没有完成。"""

    def __init__(self, message: str | None = None, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent
        """True: trying again cannot help, so an incident is raised at once."""


class BpmnError(EngineError):
    """服务任务报告了一个业务错误。"""

    def __init__(self, code: str, message: str = "", variables: Mapping[str, Any] | None = None) -> None:
        super().__init__(message or code)
        self.code = code
        self.variables = dict(variables or {})


@dataclass(frozen=True)
class Job:
    """A service task that is due."""

    key: int | None
    """The work item's key; None for an inline verb, which never becomes a row."""
    case_key: int
    case_number: str
    process_id: str
    element_id: str
    element_name: str
    type: str
    headers: Mapping[str, str]
    inputs: Mapping[str, Any]
    """What the input mapping gave, or every variable in sight if there is no mapping. Frozen when reached."""
    files: Mapping[str, bytes]
    """The case's bundle: path -> content (`documents/templates/…`)."""
    now: datetime
    """Aware UTC."""
    by: str
    """Username of whoever made the step that reached the task; `identity.SYSTEM` for timers and jobs."""
    idempotency_key: str
    """The same however often the job is tried."""
    prepared: Mapping[str, Any] = field(default_factory=dict)
    """What `prepare` returned."""
    deadlines: Mapping[str, Deadline] = field(default_factory=dict)
    """The mapped inputs that a deadline function gave, with their rules; `inputs` has their instants. For `prepare`."""


@dataclass(frozen=True)
class DeadlineOrder:
    """A limit to be opened on a case."""

    id: str
    title: str
    kind: str
    """statutory or internal"""
    due: Deadline
    remind_at: datetime | None = None
    notify: tuple[str, ...] = ()
    """Groups told of the reminder and when it is missed."""
    must: bool = False
    """Told even at night and on a holiday."""


@dataclass(frozen=True)
class Parameter:
    """A task header or an input a verb understands, for the check and the element templates."""

    name: str
    label: str
    """Chinese, as the properties panel shows it."""
    required: bool = False
    default: str | None = None
    description: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    """Value -> Chinese, if only these will do."""


class OperationTransaction(Protocol):
    """What a verb may do in the transaction of its step. Everything is undone if the step fails."""

    def allocate_number(self, pattern: str) -> str:
        """Return the next number of the series `pattern` (see `engine.numbering`). Gapless and unique."""

    def issue_document(
        self, job: Job, *, template: str, title: str, facts: Mapping[str, Any], series: str | None
    ) -> Mapping[str, Any]:
        """Freeze `facts` into a new document (a draft if `series` is None).

        Returns {"key", "number", "check_code", "title", "template", "draft", "issued_at", "facts"}; `facts` holds
        the frozen facts with their `document` block.
        """

    def finish_document(self, document_key: int, *, sha256: str, pages: int, size: int) -> None:
        """Say that the PDF lies in the file store under `sha256`."""

    def publish_message(
        self, name: str, correlation_key: str, variables: Mapping[str, Any], *, ttl: timedelta | None
    ) -> None:
        """Hand a message to whatever case waits for it, now or within `ttl`."""

    def open_deadline(self, job: Job, order: DeadlineOrder) -> None:
        """Let a limit run on the case; a running one of the same id gets the new limit."""

    def meet_deadline(self, job: Job, deadline_id: str) -> str | None:
        """Say that a deadline is met; return MET or MET_LATE, None if none of this id runs."""

    def pause_deadline(self, job: Job, deadline_id: str, reason: str) -> list[str]:
        """Stop the clock of an open deadline, of all for `*`; return their ids."""

    def resume_deadline(self, job: Job, deadline_id: str) -> list[str]:
        """Let paused deadlines run again, later by the pause; return their ids."""

    def extend_deadline(self, job: Job, deadline_id: str, due: Deadline, *, reason: str, approved_by: str) -> bool:
        """Give a running deadline a new limit. False: none of this id runs."""

    def cancel_deadline(self, job: Job, deadline_id: str) -> list[str]:
        """End a running deadline, all for `*`, without its being met; return their ids."""

    def stand_ins(self, usernames: Sequence[str]) -> list[str]:
        """Return who stands in for one of these and is none of them."""

    def case_deadlines(self, job: Job) -> list[dict[str, Any]]:
        """Return the case's deadlines, oldest first: {id, title, kind, rule, due_at, state, paused_days, met_at}."""

    def sample_cases(
        self,
        job: Job,
        *,
        since: datetime,
        until: datetime,
        processes: Sequence[str] | None,
        share: float,
        most: int,
    ) -> list[dict[str, Any]]:
        """Return cases completed in the period, drawn by a seed that is journalled."""

    def case_statistics(
        self,
        job: Job,
        *,
        since: datetime,
        until: datetime,
        processes: Sequence[str] | None,
        by: Sequence[str],
        compare: bool,
        targets: Any,
    ) -> dict[str, Any]:
        """Return the counts of the cases started in the period (see `engine.statistics.summary`)."""


class Operation:
    """Base of every verb."""

    type: ClassVar[str]
    """The job type in `zeebe:taskDefinition`, and the name of the verb's file."""
    label: ClassVar[str] = ""
    """Chinese name, for the element template."""
    inline: ClassVar[bool] = False
    headers: ClassVar[tuple[Parameter, ...]] = ()
    inputs: ClassVar[tuple[Parameter, ...]] = ()

    def prepare(self, tx: OperationTransaction, job: Job) -> dict[str, Any]:
        return {}

    def perform(self, job: Job) -> dict[str, Any]:
        raise NotImplementedError

    def complete(self, tx: OperationTransaction, job: Job, result: dict[str, Any]) -> dict[str, Any]:
        return result


def result_variable(job: Job, default: str) -> str:
    """Return the variable the job's result goes to: header `result_variable`, else `default`."""
    return job.headers.get("result_variable", "").strip() or default
