"""The answers to the questions people ask: plain frozen values for pages. All times are aware UTC, keys integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Scope(StrEnum):
    """Whose items a list shows."""

    MINE = "mine"
    """Assigned to me."""
    GROUPS = "groups"
    """Unclaimed and offered to me or my groups."""
    ALL = "all"
    """Both."""


class Urgency(StrEnum):
    """How near an item's deadline is."""

    NONE = "none"
    """No deadline."""
    LATER = "later"
    SOON = "soon"
    """Due within two days after today."""
    TODAY = "today"
    OVERDUE = "overdue"


class Sort(StrEnum):
    DUE = "due"
    """Soonest deadline first, items without one last."""
    NEWEST = "newest"
    OLDEST = "oldest"
    PRIORITY = "priority"
    """Highest priority first, then soonest deadline."""


@dataclass(frozen=True)
class DeadlineView:
    at: datetime
    rule: str
    """The rule that set it, with its source; "" if the diagram names none."""
    explanation: str
    """How it was computed, e.g. 自11月23日起第3个自然日24:00; "" for a plain date."""
    urgency: Urgency


@dataclass(frozen=True)
class DeadlineRow:
    """A deadline of a case in a list."""

    case_key: int
    case_number: str
    case_title: str
    product: str
    process_name: str
    title: str
    kind: str
    """statutory, internal"""
    state: str
    """OPEN, MISSED"""
    due: DeadlineView


@dataclass(frozen=True)
class ItemRow:
    """A line of the work list."""

    key: int
    name: str
    element_id: str
    process_id: str
    process_name: str
    lane: str | None
    assignee: str | None
    assignee_name: str | None
    candidate_groups: tuple[str, ...]
    priority: int
    """0 to 100; 50 unless the diagram says otherwise."""
    opened_at: datetime
    due: DeadlineView | None
    follow_up_at: datetime | None
    reminders: int
    """How many reminder timers (non-interrupting boundary timers) of this item have fired."""
    has_draft: bool
    """The asking person has begun to fill it in."""
    acting_for: str
    """The name of whom the asking person would act for; "" for themselves."""
    case_key: int
    case_number: str
    case_title: str
    complainant: str
    product: str


@dataclass(frozen=True)
class Page:
    """One page of a work list."""

    items: tuple[ItemRow, ...]
    total: int
    """How many there are, counted up to `total_cap`."""
    total_capped: bool
    """True: there are more than `total`; show "999+"."""
    next: str | None
    """Pass as `after` for the page that follows; None on the last."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """{"mine", "groups", "overdue", "today"} for the tabs, each counted up to the cap."""


@dataclass(frozen=True)
class TimelineEntry:
    """One line of a case's history."""

    seq: int
    at: datetime
    event: str
    """The journal's grammar, e.g. `task:completed`, `deadline:set`, `decision:evaluated` (see `engine.journal`)."""
    actor: str
    """Username; `system` for timers and jobs."""
    actor_name: str
    process_id: str | None
    element_id: str | None
    element_name: str
    item_key: int | None
    text: str
    """One Chinese sentence: what happened."""
    technical: bool
    """Of interest to process owners and auditors only: elements passed, variables written, jobs done."""
    facts: Mapping[str, Any]
    """Event by event; see `engine.journal`. Personal data are in here: show it to who may see the case only."""


@dataclass(frozen=True)
class AttachmentView:
    key: int
    name: str
    content_type: str
    size: int
    sha256: str
    uploaded_by: str
    uploaded_at: datetime


@dataclass(frozen=True)
class DocumentView:
    key: int
    case_key: int
    item_key: int
    template: str
    title: str
    number: str
    """"" for a draft."""
    check_code: str
    state: str
    """PENDING 生成中, READY 可查看, FAILED 生成失败 (see incidents), VOID 作废."""
    draft: bool
    issued_at: datetime
    ready_at: datetime | None
    sha256: str | None
    """The PDF's address in the file store; None until READY. See `Worklist.document_file` before reading it."""
    pages: int | None
    size: int | None
    may_open: bool = True
    """The asking person may open the PDF; otherwise its register entry is all there is for them."""


@dataclass(frozen=True)
class IncidentView:
    key: int
    item_key: int
    case_key: int
    case_number: str
    case_title: str
    """"" for somebody who may see the incident but not the case."""
    process_id: str
    element_id: str
    element_name: str
    kind: str
    """What failed: job, timer, message, incident (an expression, a decision, a budget)."""
    cause: str
    """Chinese, one or two sentences."""
    retryable: bool
    raised_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True)
class ItemView:
    """A work item on the case page, of any kind."""

    key: int
    kind: str
    """user_task, job, timer, message, signal, incident"""
    state: str
    """CREATED, COMPLETED, CANCELED"""
    process_id: str
    element_id: str
    name: str
    lane: str | None
    assignee: str | None
    assignee_name: str | None
    candidate_groups: tuple[str, ...]
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    closed_by_name: str | None
    due: DeadlineView | None
    incident: bool
    """It has stopped with an unresolved incident."""


@dataclass(frozen=True)
class CaseDeadlineView:
    """A limit that runs, or ran, on the case."""

    key: int
    id: str
    title: str
    kind: str
    """statutory, internal"""
    state: str
    """OPEN, PAUSED, MISSED, MET, MET_LATE, CANCELLED. MISSED runs on while `closed_at` is None."""
    due: DeadlineView
    """How urgent it is now; of a closed or paused one, then."""
    opened_at: datetime
    closed_at: datetime | None
    remind_at: datetime | None
    """The reminder still to come."""
    missed_at: datetime | None
    paused_at: datetime | None
    pause_reason: str
    """Of the last pause."""
    pauses: int
    """How many are over."""
    paused_days: int
    """By which it was moved, in `unit`."""
    unit: str
    """working_days, calendar_days, exact"""
    history: tuple[TimelineEntry, ...]
    """Oldest first."""


@dataclass(frozen=True)
class DiagramView:
    """A process of the case, with what its elements have been through."""

    process_id: str
    name: str
    version: int
    file: str
    xml: bytes
    finished: tuple[str, ...]
    """Element and sequence flow ids that were passed at least once."""
    current: tuple[str, ...]
    overdue: tuple[str, ...]
    incidents: tuple[str, ...]


@dataclass(frozen=True)
class CaseSummary:
    """A case in a list."""

    key: int
    number: str
    title: str
    complainant: str
    phone: str
    """Masked (138****5678) in lists."""
    product: str
    summary: str
    process_id: str
    process_name: str
    process_version: int
    state: str
    """ACTIVE, COMPLETED, CANCELED"""
    started_by: str
    started_by_name: str
    started_at: datetime
    ended_at: datetime | None
    incidents: int


@dataclass(frozen=True)
class TaskView:
    """Everything a task page shows."""

    key: int
    case: CaseSummary
    name: str
    state: str
    """CREATED; a completed or cancelled task can still be looked at."""
    process_id: str
    element_id: str
    documentation: str
    """What the diagram says about the task, in the owner's words."""
    form_id: str | None
    """None: the task is completed by pressing a button, with empty answers."""
    form_file: str | None
    form: bytes | None
    """The form of the case's own bundle."""
    bundle_hash: str
    variables: Mapping[str, Any]
    """What the task sees now: input of conditions, default values and the facts beside the form. `user` is who asks."""
    headers: Mapping[str, str]
    lane: str | None
    assignee: str | None
    assignee_name: str | None
    candidate_groups: tuple[str, ...]
    candidate_users: tuple[str, ...]
    priority: int
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    closed_by_name: str | None
    due: DeadlineView | None
    follow_up_at: datetime | None
    reminders: int
    may_claim: bool
    may_release: bool
    may_complete: bool
    may_assign: bool
    refusal: str
    """Why it may not be completed, in Chinese; "" if it may."""
    draft: Mapping[str, Any] | None
    """What the asking person saved for later."""
    draft_saved_at: datetime | None
    diagrams: tuple[DiagramView, ...]
    timeline: tuple[TimelineEntry, ...]
    """The newest entries of the case, newest first."""
    attachments: tuple[AttachmentView, ...]
    documents: tuple[DocumentView, ...]
    may_open_files: bool
    acting_for: str
    """The name of whom the asking person acts for; "" for themselves."""


@dataclass(frozen=True)
class TaskBrief:
    """What it takes to read the answers to a task's form, without the page around it."""

    key: int
    name: str
    case_number: str
    form_file: str | None
    form: bytes | None
    """The form of the case's own bundle; None: the task is completed by pressing a button."""
    variables: Mapping[str, Any]
    """As in `TaskView`."""


@dataclass(frozen=True)
class SupplementView:
    """What a running case waits to hear, and the form to tell it by."""

    item_key: int
    name: str
    case: CaseSummary
    documentation: str
    form_file: str
    form: bytes
    variables: Mapping[str, Any]


@dataclass(frozen=True)
class LinkView:
    """How a case hangs together with another."""

    kind: str
    """merged_into, took_in, reopened_as, follows: what the case on whose page it stands is or has done."""
    key: int | None
    """Of the other case; None if the person asking may not see it."""
    number: str
    reason: str
    made_by_name: str
    made_at: datetime
    documents: tuple[DocumentView, ...] = ()
    """Of a duplicate that was taken in: they stay with it and are found here."""
    attachments: tuple[AttachmentView, ...] = ()


@dataclass(frozen=True)
class CaseView:
    """Everything a case page shows."""

    case: CaseSummary
    bundle_hash: str
    variables: Mapping[str, Any]
    """The case's root variables, complete."""
    timeline: tuple[TimelineEntry, ...]
    """Newest first; older ones through `Worklist.timeline`."""
    timeline_more: bool
    items: tuple[ItemView, ...]
    """Open ones first, by deadline; then closed user tasks, newest first."""
    deadlines: tuple[ItemView, ...]
    """The items with a deadline, open or closed, by deadline."""
    documents: tuple[DocumentView, ...]
    attachments: tuple[AttachmentView, ...]
    incidents: tuple[IncidentView, ...]
    """Unresolved ones."""
    diagrams: tuple[DiagramView, ...]
    """The case's own process first, then the processes it called."""
    may_open_files: bool
    """Open attachments and PDFs."""
    may_comment: bool
    may_cancel: bool
    may_correct: bool
    """Set variables by hand, void documents."""
    may_retry: bool
    case_deadlines: tuple[CaseDeadlineView, ...] = ()
    """The limits of the case itself, those that run first."""
    """Retry incidents."""
    links: tuple[LinkView, ...] = ()
    supplements: tuple[tuple[int, str], ...] = ()
    """Keys and names of the events whose message the person asking may bring by hand (see `Worklist.supplement`)."""
    may_merge: bool = False
    may_reopen: bool = False


@dataclass(frozen=True)
class StartableProcess:
    process_id: str
    name: str
    version: int
    documentation: str
    start_form_id: str | None
    """A form on the start event; its answers are the first variables."""
    form_file: str | None
    form: bytes | None
    bundle_hash: str
