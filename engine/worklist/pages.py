"""The case page and the task page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select

from engine import permissions, store
from engine.casework.errors import FourEyes, NotAllowed, NotFound
from engine.casework.facts import Told, case_facts
from engine.casework.linking import MERGED
from engine.casework.starting import USER
from engine.casework.supplements import asked_form
from engine.casework.tasks import NOT_COMPLETED_BY
from engine.casework.visibility import sees, standings
from engine.deployments import Bundle, Deployments
from engine.identity import Person, display_names
from engine.permissions import Act, Standing
from engine.runtime import Run, Runtime, Waiting
from engine.tables import FAR_FUTURE, AnyRow, attachment, case, case_link, document, draft, file, incident, work_item
from engine.worklist import limits, masking, timeline
from engine.worklist.diagrams import diagrams
from engine.worklist.lists import candidates_of, deadline
from engine.worklist.similar import SimilarCase, similar
from engine.worklist.views import (
    AttachmentView,
    CaseSummary,
    CaseView,
    DocumentView,
    IncidentView,
    ItemView,
    LinkView,
    SupplementView,
    TaskBrief,
    TaskView,
)

SIMILAR_CASES = "similar_cases"
"""Task header: `yes` shows, beside the form, the cases like the one that the task belongs to."""

_TIMELINE = 100
_CLOSED_ITEMS = 200


@dataclass(frozen=True)
class Reader:
    """Who asks, when, and what is needed to answer."""

    tx: Connection
    deployments: Deployments
    runtime: Runtime
    person: Person
    now: datetime

    def case(self, key: int) -> CaseView:
        row = self._case_row(case.c.key == key)
        bundle = self.deployments.bundle(self.tx, row.deployment_key)
        rows = self._items(row.key)
        names = display_names(
            self.tx, [row.started_by, *(item.assignee for item in rows), *(item.closed_by for item in rows)]
        )
        items = tuple(item_view(item, names, self.now) for item in rows)
        theirs = standings(self.tx, self.person, row.key)
        raised = self.incidents(incident.c.case_key == row.key)
        entries = timeline.entries(self.tx, row.key, limit=_TIMELINE + 1)
        view = CaseView(
            case=summary(row, names, incidents=len(raised)),
            bundle_hash=bundle.hash,
            variables=self._run(row, bundle).variables,
            timeline=entries[:_TIMELINE],
            timeline_more=len(entries) > _TIMELINE,
            items=items,
            deadlines=tuple(sorted((item for item in items if item.due), key=_due_at)),
            documents=self.documents(row.key, theirs),
            attachments=self.attachments(row.key),
            incidents=raised,
            diagrams=diagrams(self.tx, row, bundle, _open(rows), self.now),
            may_open_files=permissions.may(self.person, Act.OPEN_ATTACHMENT, *theirs),
            may_comment=row.state == "ACTIVE" and permissions.may(self.person, Act.COMMENT, *theirs),
            may_cancel=row.state == "ACTIVE" and permissions.may(self.person, Act.CANCEL_CASE),
            may_correct=row.state == "ACTIVE" and permissions.may(self.person, Act.CORRECT_CASE),
            may_retry=permissions.may(self.person, Act.RETRY_INCIDENT),
            case_deadlines=limits.of_case(self.tx, row.key, self.now),
            supplements=self._supplements(rows, bundle, theirs),
            links=(linked := self.links(row.key, theirs)),
            may_merge=row.state == "ACTIVE" and permissions.may(self.person, Act.MERGE_CASE, *theirs),
            may_reopen=row.state != "ACTIVE"
            and permissions.may(self.person, Act.REOPEN_CASE, *theirs)
            and not any(link.kind in {"merged_into", "reopened_as"} for link in linked),
        )
        return view if permissions.may(self.person, Act.SEE_NUMBERS, *theirs) else masking.case(view)

    def case_key(self, number: str) -> int:
        return int(self._case_row(case.c.number == number.strip()).key)

    def task(self, key: int) -> TaskView:
        item = store.item(self.tx, key)
        if item is None or item.kind != "user_task":
            raise NotFound
        row = self._case_row(case.c.key == item.case_key)
        bundle = self.deployments.bundle(self.tx, row.deployment_key)
        names = display_names(self.tx, [row.started_by, item.assignee, item.closed_by])
        variables = self._seen(row, bundle, item)
        may, refusal = self._may(row, item, names)
        saved = self._draft(key)
        form_file = bundle.forms.get(item.form_id) if item.form_id else None
        process = bundle.diagrams.get(item.process_id)
        element = process.elements.get(item.element_id) if process else None
        candidates = candidates_of(item)
        theirs = permissions.of_task(self.person, assignee=item.assignee, **candidates)
        concerned = standings(self.tx, self.person, row.key)
        view = TaskView(
            key=key,
            case=summary(row, names, incidents=0),
            name=item.name,
            state=item.state,
            process_id=item.process_id,
            element_id=item.element_id,
            documentation=element.documentation if element else "",
            form_id=item.form_id,
            form_file=form_file,
            form=bundle.files[form_file] if form_file else None,
            bundle_hash=bundle.hash,
            variables=variables,
            headers=item.headers,
            lane=item.lane,
            assignee=item.assignee,
            assignee_name=names.get(item.assignee),
            candidate_groups=tuple(candidates["groups"]),
            candidate_users=tuple(candidates["users"]),
            priority=item.priority,
            opened_at=item.opened_at,
            closed_at=item.closed_at,
            closed_by=item.closed_by,
            closed_by_name=names.get(item.closed_by),
            due=deadline(item, self.now, closed_at=item.closed_at),
            follow_up_at=item.follow_up_at,
            reminders=item.reminders,
            may_claim=may and item.assignee != self.person.username,
            may_release=item.assignee is not None
            and item.state == "CREATED"
            and permissions.may(self.person, Act.RELEASE, *theirs)
            and bool(candidates["groups"] or candidates["users"]),
            may_complete=may,
            may_assign=item.state == "CREATED" and permissions.may(self.person, Act.ASSIGN, *theirs),
            refusal=refusal,
            draft=saved.answers if saved else None,
            draft_saved_at=saved.saved_at if saved else None,
            diagrams=diagrams(self.tx, row, bundle, _open(self._items(row.key)), self.now),
            timeline=timeline.entries(self.tx, row.key, limit=20),
            attachments=self.attachments(row.key),
            documents=self.documents(row.key, concerned),
            may_open_files=permissions.may(self.person, Act.OPEN_ATTACHMENT, *concerned),
            acting_for=_acting_for(self.person, item),
        )
        return view if permissions.may(self.person, Act.SEE_NUMBERS, *concerned) else masking.task(view)

    def brief(self, key: int) -> TaskBrief:
        found = self.tx.execute(_BRIEF, {"item_key": key}).one_or_none()
        if found is None:
            raise NotFound
        candidates = candidates_of(found)
        holds = permissions.of_task(self.person, assignee=found.assignee, **candidates)
        if not holds and not permissions.is_candidate(self.person, **candidates):
            return _brief_of(self.task(key))
        bundle = self.deployments.bundle(self.tx, found.deployment_key)
        form_file = bundle.forms.get(found.form_id) if found.form_id else None
        return TaskBrief(
            key=key,
            name=found.name,
            case_number=found.number,
            form_file=form_file,
            form=bundle.files[form_file] if form_file else None,
            variables=self._seen(found, bundle, found),
        )

    def _supplements(
        self, rows: Sequence[AnyRow], bundle: Bundle, theirs: Collection[Standing]
    ) -> tuple[tuple[int, str], ...]:
        if not permissions.may(self.person, Act.SUPPLEMENT, *theirs):
            return ()
        waiting = [row for row in _open(rows) if row.kind == "message"]
        return tuple(
            (row.key, _told_name(bundle, row))
            for row in waiting
            if asked_form(bundle, row.process_id, row.element_id) is not None
        )

    def supplement(self, key: int) -> SupplementView:
        """Return what an event waits to hear, for who may tell it."""
        item = store.item(self.tx, key)
        if item is None or item.kind != "message":
            raise NotFound
        row = self._case_row(case.c.key == item.case_key)
        theirs = standings(self.tx, self.person, row.key)
        if not permissions.may(self.person, Act.SUPPLEMENT, *theirs):
            raise NotAllowed("只有经办人员可以补充情况。")
        bundle = self.deployments.bundle(self.tx, row.deployment_key)
        file = asked_form(bundle, item.process_id, item.element_id)
        if file is None or item.state != "CREATED":
            raise NotFound("案件已经不等这项情况了，请回到案件页面查看。")
        view = SupplementView(
            item_key=key,
            name=_told_name(bundle, item),
            case=summary(row, display_names(self.tx, [row.started_by]), incidents=0),
            documentation=bundle.diagrams[item.process_id].elements[item.element_id].documentation,
            form_file=file,
            form=bundle.files[file],
            variables=self._seen(row, bundle, item),
        )
        return view if permissions.may(self.person, Act.SEE_NUMBERS, *theirs) else masking.supplement(view)

    def links(self, case_key: int, theirs: Collection[Standing]) -> tuple[LinkView, ...]:
        """Return what a case was merged into, took in, follows, or is followed by, oldest first."""
        joined = or_(case_link.c.from_case_key == case_key, case_link.c.to_case_key == case_key)
        rows = self.tx.execute(select(case_link).where(joined).order_by(case_link.c.key)).all()
        if not rows:
            return ()
        others = {row.from_case_key if row.to_case_key == case_key else row.to_case_key for row in rows}
        query = select(case.c.key, case.c.number, sees(self.person).label("seen")).where(case.c.key.in_(others))
        known = {row.key: row for row in self.tx.execute(query)}
        names = display_names(self.tx, [row.made_by for row in rows])
        found = []
        for row in rows:
            ended = row.from_case_key == case_key
            other = known[row.to_case_key if ended else row.from_case_key]
            took_in = row.kind == MERGED and not ended
            found.append(
                LinkView(
                    kind=_LINKS[row.kind, ended],
                    key=other.key if other.seen else None,
                    number=other.number,
                    reason=row.reason,
                    made_by_name=names.get(row.made_by, row.made_by),
                    made_at=row.made_at,
                    documents=self.documents(other.key, theirs) if took_in else (),
                    attachments=self.attachments(other.key) if took_in else (),
                )
            )
        return tuple(found)

    def _standings(self, case_key: int) -> frozenset[Standing]:
        """Return how the person stands to a case's files: also through the case that a duplicate was merged into."""
        theirs = standings(self.tx, self.person, case_key)
        if theirs:
            return theirs
        onward = select(case_link.c.to_case_key).where(
            case_link.c.from_case_key == case_key, case_link.c.kind == MERGED
        )
        into = self.tx.execute(onward).scalar_one_or_none()
        return theirs if into is None else standings(self.tx, self.person, into)

    def similar(self, key: int) -> list[SimilarCase]:
        """Return the cases like the one of a task, as it stands with what the person has saved for the task."""
        item = store.item(self.tx, key)
        if item is None or item.kind != "user_task":
            raise NotFound
        row = self._case_row(case.c.key == item.case_key)
        theirs = permissions.of_task(self.person, assignee=item.assignee, **candidates_of(item))
        if item.headers.get(SIMILAR_CASES) != "yes" or not permissions.may(self.person, Act.SEE_SIMILAR, *theirs):
            raise NotAllowed("只有办理这项任务的人可以查看相似来件。")
        bundle = self.deployments.bundle(self.tx, row.deployment_key)
        saved = self._draft(key)
        told = Told({**self._run(row, bundle).variables, **(saved.answers if saved else {})})
        facts, _dimensions = case_facts(self.runtime.feel, bundle, row, told, self.now, written=None)
        return similar(self.tx, facts, self.person, but={row.key})

    def documents(self, case_key: int, theirs: Collection[Standing]) -> tuple[DocumentView, ...]:
        query = select(document).where(document.c.case_key == case_key).order_by(document.c.key)
        rows = self.tx.execute(query).all()
        failed = _failed(self.tx, [row.item_key for row in rows if row.state == "PENDING"])
        may_open = permissions.may(self.person, Act.OPEN_DOCUMENT, *theirs)
        return tuple(replace(document_view(row, failed), may_open=may_open) for row in rows)

    def attachments(self, case_key: int) -> tuple[AttachmentView, ...]:
        query = _ATTACHMENTS.where(attachment.c.case_key == case_key).order_by(attachment.c.key)
        return tuple(AttachmentView(**row._asdict()) for row in self.tx.execute(query))

    def document(self, key: int) -> DocumentView:
        row = self.tx.execute(select(document).where(document.c.key == key)).one_or_none()
        if row is None:
            raise NotFound
        theirs = self._standings(row.case_key)
        if not theirs and not permissions.may(self.person, Act.SEE_CASE):
            raise NotFound
        openable = permissions.may(self.person, Act.OPEN_DOCUMENT, *theirs)
        return replace(document_view(row, _failed(self.tx, [row.item_key])), may_open=openable)

    def attachment(self, key: int) -> AttachmentView:
        row = self.tx.execute(
            _ATTACHMENTS.add_columns(attachment.c.case_key).where(attachment.c.key == key)
        ).one_or_none()
        if row is None:
            raise NotFound
        theirs = {Standing.UPLOADER} if row.uploaded_by == self.person.username else set()
        if row.case_key is not None:
            theirs |= self._standings(row.case_key)
        if not theirs and (row.case_key is None or not permissions.may(self.person, Act.SEE_CASE)):
            raise NotFound
        if not permissions.may(self.person, Act.OPEN_ATTACHMENT, *theirs):
            raise NotAllowed("附件只供经办人员和审计查看。")
        values = row._asdict()
        values.pop("case_key")
        return AttachmentView(**values)

    def incidents(self, *conditions: Any, limit: int = 200) -> tuple[IncidentView, ...]:
        """Return unresolved incidents, oldest first."""
        query = (
            select(
                incident,
                work_item.c.process_id,
                work_item.c.element_id,
                work_item.c.name.label("element_name"),
                case.c.number.label("case_number"),
                case.c.title.label("case_title"),
            )
            .join(work_item, work_item.c.key == incident.c.item_key)
            .join(case, case.c.key == incident.c.case_key)
            .where(incident.c.resolved_at.is_(None), *conditions)
            .order_by(incident.c.raised_at, incident.c.key)
            .limit(limit)
        )
        fields = IncidentView.__dataclass_fields__
        return tuple(IncidentView(**{name: getattr(row, name) for name in fields}) for row in self.tx.execute(query))

    def _case_row(self, condition: Any) -> AnyRow:
        row = self.tx.execute(select(case).where(condition, sees(self.person))).one_or_none()
        if row is None:
            raise NotFound
        return row

    def _run(self, row: AnyRow, bundle: Bundle) -> Run:
        return self.runtime.restore(bundle, row.runtime_state, now=self.now)

    def _items(self, case_key: int) -> Sequence[AnyRow]:
        """Return the open items by deadline, then the user tasks closed last, newest first."""
        of_case = work_item.c.case_key == case_key
        open_ones = select(work_item).where(of_case, work_item.c.state == store.CREATED)
        closed = select(work_item).where(
            of_case, work_item.c.kind == "user_task", work_item.c.state.in_(("COMPLETED", "CANCELED"))
        )
        rows = sorted(self.tx.execute(open_ones).all(), key=lambda row: (row.due_at is None, row.due_at, row.key))
        return [*rows, *self.tx.execute(closed.order_by(work_item.c.key.desc()).limit(_CLOSED_ITEMS)).all()]

    def _seen(self, row: AnyRow, bundle: Bundle, item: AnyRow) -> Mapping[str, Any]:
        """Return what an open task sees now (of a closed one, the case's root variables), and `user`: who asks."""
        run = self._run(row, bundle)
        waiting: Waiting | None = None
        if item.state == "CREATED":
            waiting = next((found for found in run.waiting if found.id == item.item_id), None)
        seen = waiting.variables if waiting is not None else run.variables
        return {**seen, USER: {"username": self.person.username, "name": self.person.display_name}}

    def _may(self, row: AnyRow, item: AnyRow, names: Mapping[str, str]) -> tuple[bool, str]:
        """Say whether the person may complete the task, and if not why."""
        if item.state != "CREATED" or row.state != "ACTIVE":
            return False, "任务已办结。" if item.state == "COMPLETED" else "任务已取消，无需再办理。"
        candidates = candidates_of(item)
        other = permissions.acting_for(self.person, assignee=item.assignee, **candidates)
        if item.assignee is not None and item.assignee != self.person.username and other is None:
            return False, f"任务已由{names[item.assignee]}领取。"
        if item.assignee is None and not permissions.is_candidate(self.person, **candidates):
            return False, f"这项任务由“{'、'.join([*candidates['groups'], *candidates['users']])}”办理。"
        elements = [name.strip() for name in item.headers.get(NOT_COMPLETED_BY, "").split(",") if name.strip()]
        for eyes in (self.person, other) if elements else ():
            done = store.completers(self.tx, row.key, elements, eyes.username) if eyes else []
            if done:
                return False, FourEyes(done[0]).message
        return True, ""

    def _draft(self, key: int) -> AnyRow | None:
        mine = and_(draft.c.item_key == key, draft.c.username == self.person.username)
        return self.tx.execute(select(draft.c.answers, draft.c.saved_at).where(mine)).one_or_none()


_BRIEF = (
    select(
        work_item.c.item_id,
        work_item.c.name,
        work_item.c.state,
        work_item.c.form_id,
        work_item.c.assignee,
        work_item.c.candidates,
        case.c.number,
        case.c.deployment_key,
        case.c.runtime_state,
    )
    .join(case, case.c.key == work_item.c.case_key)
    .where(work_item.c.key == bindparam("item_key"), work_item.c.kind == "user_task")
)


def _brief_of(view: TaskView) -> TaskBrief:
    return TaskBrief(view.key, view.name, view.case.number, view.form_file, view.form, view.variables)


_ATTACHMENTS = select(
    attachment.c.key,
    attachment.c.name,
    file.c.content_type,
    file.c.size,
    attachment.c.sha256,
    attachment.c.uploaded_by,
    attachment.c.uploaded_at,
).join(file, file.c.sha256 == attachment.c.sha256)


def _told_name(bundle: Bundle, item: AnyRow) -> str:
    """Return what is said to happen: the name of the event, not of the sub-process that it begins."""
    process = bundle.diagrams[item.process_id]
    start = next((child for child in process.children(item.element_id) if child.type == "startEvent"), None)
    return (start.name if start is not None else "") or item.name or item.element_id


_LINKS = {
    ("MERGED", True): "merged_into",
    ("MERGED", False): "took_in",
    ("REOPENED", True): "reopened_as",
    ("REOPENED", False): "follows",
}
"""Kind, and whether it is the case that ended -> what is said on its page."""


def summary(row: AnyRow, names: Mapping[str, str], *, incidents: int) -> CaseSummary:
    return CaseSummary(
        key=row.key,
        number=row.number,
        title=row.title,
        complainant=row.complainant,
        phone=row.phone,
        product=row.product,
        summary=row.summary,
        process_id=row.process_id,
        process_name=row.process_name,
        process_version=row.process_version,
        state=row.state,
        started_by=row.started_by,
        started_by_name=names.get(row.started_by, row.started_by),
        started_at=row.started_at,
        ended_at=row.ended_at,
        incidents=incidents,
    )


def item_view(row: AnyRow, names: Mapping[str, str], now: datetime) -> ItemView:
    return ItemView(
        key=row.key,
        kind=row.kind,
        state=row.state,
        process_id=row.process_id,
        element_id=row.element_id,
        name=row.name,
        lane=row.lane,
        assignee=row.assignee,
        assignee_name=names.get(row.assignee),
        candidate_groups=tuple(candidates_of(row)["groups"]),
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        closed_by_name=names.get(row.closed_by),
        due=deadline(row, now, closed_at=row.closed_at),
        incident=row.incident,
    )


def _acting_for(person: Person, item: AnyRow) -> str:
    """Return the name of whom the person would act for on an open task, "" for themselves."""
    other = permissions.acting_for(person, assignee=item.assignee, **candidates_of(item))
    return other.display_name if other is not None and item.state == "CREATED" else ""


def document_view(row: AnyRow, failed: Iterable[int] = ()) -> DocumentView:
    return DocumentView(
        key=row.key,
        case_key=row.case_key,
        item_key=row.item_key,
        template=row.template,
        title=row.title,
        number=row.number or "",
        check_code=row.check_code,
        state="FAILED" if row.state == "PENDING" and row.item_key in failed else row.state,
        draft=row.draft,
        issued_at=row.issued_at,
        ready_at=row.ready_at,
        sha256=row.sha256,
        pages=row.pages,
        size=row.size,
    )


def _failed(tx: Connection, item_keys: Sequence[int]) -> set[int]:
    if not item_keys:
        return set()
    query = select(work_item.c.key).where(work_item.c.key.in_(item_keys), work_item.c.incident)
    return set(tx.execute(query).scalars())


def _open(rows: Iterable[AnyRow]) -> list[AnyRow]:
    return [row for row in rows if row.state == "CREATED"]


def _due_at(item: ItemView) -> datetime:
    return item.due.at if item.due else FAR_FUTURE
