"""The questions people ask. Read only; every answer is already limited to what the person may see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection, func, select

from engine import permissions
from engine.casework.errors import NotAllowed, NotFound
from engine.casework.visibility import may_see, sees, standings
from engine.database import Database
from engine.deployments import Bundle, Deployments, latest_key
from engine.documents_register import normal_code
from engine.identity import Person, display_names
from engine.permissions import Act
from engine.ports import Clock
from engine.runtime import Runtime
from engine.tables import AnyRow, case, document, incident, process_definition
from engine.worklist import limits, masking, timeline
from engine.worklist.lists import Query, my_items
from engine.worklist.pages import SIMILAR_CASES, Reader, document_view, summary
from engine.worklist.public import Desk, PublicStatus
from engine.worklist.search import find_cases
from engine.worklist.similar import SimilarCase
from engine.worklist.views import (
    AttachmentView,
    CaseDeadlineView,
    CaseSummary,
    CaseView,
    DeadlineRow,
    DeadlineView,
    DiagramView,
    DocumentView,
    IncidentView,
    ItemRow,
    ItemView,
    LinkView,
    Page,
    Scope,
    Sort,
    StartableProcess,
    SupplementView,
    TaskBrief,
    TaskView,
    TimelineEntry,
    Urgency,
)

__all__ = [
    "SIMILAR_CASES",
    "AttachmentView",
    "CaseDeadlineView",
    "CaseSummary",
    "CaseView",
    "DeadlineRow",
    "DeadlineView",
    "DiagramView",
    "DocumentView",
    "IncidentView",
    "ItemRow",
    "ItemView",
    "LinkView",
    "Page",
    "PublicStatus",
    "Scope",
    "SimilarCase",
    "Sort",
    "StartableProcess",
    "SupplementView",
    "TaskBrief",
    "TaskView",
    "TimelineEntry",
    "Urgency",
    "Worklist",
]


class Worklist:
    """The questions. Thread-safe.

    Every method that names a case, task, document or attachment raises `casework.errors.NotFound` both when there is
    none and when the person may not see it, so that nobody learns what exists.
    """

    def __init__(self, database: Database, deployments: Deployments, runtime: Runtime, *, clock: Clock) -> None:
        self._database = database
        self._deployments = deployments
        self._runtime = runtime
        self._clock = clock

    def my_items(
        self,
        person: Person,
        *,
        scope: Scope = Scope.ALL,
        urgency: Urgency | None = None,
        process_id: str | None = None,
        case_key: int | None = None,
        text: str = "",
        sort: Sort = Sort.DUE,
        after: str | None = None,
        limit: int = 50,
    ) -> Page:
        """Return open user tasks of `person`, a page at a time; `after` is the `next` of the page before.

        `text` is looked for in the case's number, title, complainant and product; `process_id` is the process the
        task stands in. Raise `Invalid` for an `after` that is not ours.
        """
        query = Query(scope, urgency, process_id, case_key, text, sort, after, min(max(limit, 1), 200))
        with self._database.read() as tx:
            return my_items(tx, person, query, self._clock.now())

    def near_deadlines(self, person: Person, urgency: Urgency, *, limit: int = 50) -> tuple[DeadlineRow, ...]:
        """Return the running deadlines of this urgency of cases that concern the person, soonest first."""
        with self._database.read() as tx:
            return limits.near(tx, person, urgency, self._clock.now(), limit=limit)

    def item(self, key: int, person: Person) -> TaskView:
        """Return a user task, open or closed."""
        with self._reader(person) as reader:
            return reader.task(key)

    def brief(self, key: int, person: Person) -> TaskBrief:
        """Return of a task what it takes to read the answers to its form: one statement for those it is offered to."""
        with self._reader(person) as reader:
            return reader.brief(key)

    def similar(self, key: int, person: Person) -> list[SimilarCase]:
        """Return the cases like the one of a user task, for who may do the task and if its diagram asks for them."""
        with self._reader(person) as reader:
            return reader.similar(key)

    def supplement(self, item_key: int, person: Person) -> SupplementView:
        """Return what a running case waits to hear, with the form to tell it by."""
        with self._reader(person) as reader:
            return reader.supplement(item_key)

    def case(self, key: int, person: Person) -> CaseView:
        with self._reader(person) as reader:
            return reader.case(key)

    def case_by_number(self, number: str, person: Person) -> CaseView:
        with self._reader(person) as reader:
            return reader.case(reader.case_key(number))

    def timeline(
        self,
        case_key: int,
        person: Person,
        *,
        before: int | None = None,
        limit: int = 100,
        technical: bool = False,
    ) -> tuple[TimelineEntry, ...]:
        """Return entries with `seq` below `before`, newest first; the technical ones only if asked for."""
        with self._database.read() as tx:
            if not may_see(tx, person, case_key):
                raise NotFound
            told = timeline.entries(tx, case_key, before=before, limit=limit, technical=technical)
            theirs = standings(tx, person, case_key)
            return told if permissions.may(person, Act.SEE_NUMBERS, *theirs) else masking.entries(told)

    def search(self, text: str, person: Person, *, limit: int = 50) -> tuple[CaseSummary, ...]:
        """Return the newest cases the person may see whose number, complainant, phone, product or title contains the
        text; the newest of all for "". Personal numbers are masked."""
        with self._database.read() as tx:
            rows = find_cases(tx, text, person, limit=limit)
            names = display_names(tx, [row.started_by for row in rows])
            troubled = _open_incidents(tx, [row.key for row in rows])
            return tuple(masking.summary(summary(row, names, incidents=troubled.get(row.key, 0))) for row in rows)

    def public_status(self, number: str, phone: str) -> PublicStatus | None:
        """Return where a case stands, for who knows its number and the phone given with it; None for anybody else."""
        with self._database.read() as tx:
            return Desk(tx, self._deployments, self._runtime, self._clock.now()).status(number, phone)

    def startable(self, person: Person) -> tuple[StartableProcess, ...]:
        """Return the processes of the latest deployment that the person may start by hand, by name."""
        with self._database.read() as tx:
            key = latest_key(tx)
            if key is None:
                return ()
            bundle = self._deployments.bundle(tx, key)
            query = select(process_definition).where(process_definition.c.deployment_key == key)
            rows = tx.execute(query.order_by(process_definition.c.name)).all()
        return tuple(
            _startable(row, bundle)
            for row in rows
            if permissions.may(person, Act.START_CASE, *permissions.of_process(person, bundle.starters(row.process_id)))
        )

    def incidents(self, person: Person, *, limit: int = 200) -> tuple[IncidentView, ...]:
        """Return unresolved incidents, oldest first: all for administrators, process owners and auditors, for others
        those of cases they may see. What a case is about is left out of those whose case they may not see."""
        with self._reader(person) as reader:
            everything = permissions.may(person, Act.SEE_INCIDENT)
            found = reader.incidents(*([] if everything else [sees(person)]), limit=limit)
            found = tuple(masking.incident(one) for one in found)
            if permissions.may(person, Act.SEE_CASE) or not found:
                return found
            query = select(case.c.key).where(case.c.key.in_([one.case_key for one in found]), sees(person))
            seen = set(reader.tx.execute(query).scalars())
            return tuple(one if one.case_key in seen else replace(one, case_title="") for one in found)

    def document(self, key: int, person: Person) -> DocumentView:
        with self._reader(person) as reader:
            return reader.document(key)

    def document_file(self, key: int, person: Person) -> DocumentView:
        """Return a document whose PDF the person may open: `FileStore.read(sha256)` has it, once `sha256` is there.

        Raise `NotAllowed` for who may see the case by a role that does not need the PDF.
        """
        found = self.document(key, person)
        if not found.may_open:
            raise NotAllowed("文书原件只供经办人员和审计查看。")
        return found

    def document_by_check_code(self, code: str) -> DocumentView | None:
        """Return the document a check code stands on, however it was typed; None if there is none. For whoever holds
        the paper: show number, title and dates of it, not the case."""
        with self._database.read() as tx:
            query = select(document).where(document.c.check_code == normal_code(code))
            row = tx.execute(query).one_or_none()
            return None if row is None else document_view(row)

    def attachment(self, key: int, person: Person) -> AttachmentView:
        """Return an attachment that the person uploaded or may open; `FileStore.read(sha256)` has it.

        Raise `NotAllowed` for who may see the case by a role that does not need its files.
        """
        with self._reader(person) as reader:
            return reader.attachment(key)

    @contextmanager
    def _reader(self, person: Person) -> Iterator[Reader]:
        with self._database.read() as tx:
            yield Reader(tx, self._deployments, self._runtime, person, self._clock.now())


def _startable(row: AnyRow, bundle: Bundle) -> StartableProcess:
    process = bundle.diagrams[row.process_id]
    start = next(start for start in process.start_events if start.event.kind == "none")
    form_id = process.elements[start.id].form_id
    form_file = bundle.forms.get(form_id) if form_id else None
    return StartableProcess(
        process_id=row.process_id,
        name=row.name,
        version=row.version,
        documentation=process.documentation,
        start_form_id=form_id,
        form_file=form_file,
        form=bundle.files[form_file] if form_file else None,
        bundle_hash=bundle.hash,
    )


def _open_incidents(tx: Connection, case_keys: Sequence[int]) -> dict[int, int]:
    if not case_keys:
        return {}
    query = (
        select(incident.c.case_key, func.count().label("open"))
        .where(incident.c.case_key.in_(case_keys), incident.c.resolved_at.is_(None))
        .group_by(incident.c.case_key)
    )
    return {row.case_key: row.open for row in tx.execute(query)}
