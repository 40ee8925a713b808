"""User tasks: claim, release, assign, draft, complete."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from engine import identity, permissions, store
from engine.casework.errors import (
    FourEyes,
    Invalid,
    NotACandidate,
    NotAllowed,
    NotFound,
    TaskAlreadyCompleted,
    TaskCanceled,
    TaskClaimedBySomeoneElse,
)
from engine.casework.house import UseCases, number_in, person, use_case
from engine.casework.items import candidate_row, where_row
from engine.casework.log import chain_of, keep
from engine.casework.results import Outcome
from engine.casework.starting import refuse_reserved
from engine.casework.step import Step, open_step
from engine.casework.visibility import may_see
from engine.identity import Person
from engine.permissions import Act
from engine.tables import FAR_FUTURE, AnyRow, canonical, draft

NOT_COMPLETED_BY = "not_completed_by"
"""Task header: ids of elements, separated by commas, whose completer may not complete this task (four eyes)."""

_LARGEST_ANSWER = 1_000_000  # characters of JSON


class Tasks(UseCases):
    @use_case
    def claim(self, item_key: int, *, by: str) -> None:
        """Take an offered task. Claiming what one has already is no error.

        Raise `NotFound`, `TaskAlreadyCompleted`, `TaskCanceled`, `TaskClaimedBySomeoneElse`, `NotACandidate` or
        `FourEyes`.
        """
        with self._house.database.begin() as tx:
            who = person(tx, by)
            case, item = _open_task(tx, item_key, who)
            _must_be_free_for(tx, case, item, who)
            if item.assignee == by:
                return
            chain = chain_of(case, at=self._house.clock.now(), by=by)
            chain.append("task:claimed", _on_behalf(item, who), where_row(item))
            _hold(tx, case.key, item, by)
            keep(tx, chain)

    @use_case
    def release(self, item_key: int, *, by: str) -> None:
        """Give a task back to its candidates. Raise `NotAllowed` for a task one does not hold."""
        with self._house.database.begin() as tx:
            who = person(tx, by)
            case, item = _open_task(tx, item_key, who)
            candidates = _candidates(item)
            if item.assignee is None and permissions.is_candidate(who, **candidates):
                return
            if not permissions.may(who, Act.RELEASE, *permissions.of_task(who, assignee=item.assignee, **candidates)):
                raise NotAllowed("只能退回自己领取的任务。")
            if item.assignee is None:
                return
            if not candidates["groups"] and not candidates["users"]:
                raise NotAllowed("这项任务指定由您办理，没有可以退回的人员，请改派给同事。")
            chain = chain_of(case, at=self._house.clock.now(), by=by)
            chain.append("task:released", {"from": item.assignee}, where_row(item))
            store.update_item(tx, item_key, assignee=None)
            store.offer(tx, item_key, item.due_at)
            keep(tx, chain)

    @use_case
    def assign(self, item_key: int, to: str, *, by: str) -> None:
        """Give a task to a colleague who is among its candidates (an administrator may give it to anybody).

        Raise `NotAllowed`, `NotACandidate` or `FourEyes` about the receiver, `Invalid` for an unknown one.
        """
        with self._house.database.begin() as tx:
            who = person(tx, by)
            case, item = _open_task(tx, item_key, who)
            candidates = _candidates(item)
            if not permissions.may(who, Act.ASSIGN, *permissions.of_task(who, assignee=item.assignee, **candidates)):
                raise NotAllowed("这项任务不在您手上，请由办理人或管理员改派。")
            receiver = identity.load(tx, to)
            if receiver is None or not receiver.active or receiver.is_system:
                raise Invalid(f"没有可以接收任务的用户“{to}”。")
            if not permissions.may(who, Act.ASSIGN_ANYBODY) and not permissions.is_candidate(receiver, **candidates):
                raise NotACandidate(candidates["groups"])
            _four_eyes(tx, case.key, item, receiver)
            chain = chain_of(case, at=self._house.clock.now(), by=by)
            chain.append("task:assigned", {"to": to, "from": item.assignee}, where_row(item))
            if item.assignee is not None:
                store.withdraw(tx, [item_key])
            _hold(tx, case.key, item, to)
            keep(tx, chain)

    @use_case
    def save_draft(self, item_key: int, answers: Mapping[str, Any], *, by: str) -> datetime:
        """Keep half-filled answers for this person, replacing earlier ones. Return when. Not journalled.

        Raise the errors of `claim`, or `Invalid` for answers that are too large: who may not complete a task has
        nothing to write down for it.
        """
        check_size(answers)
        now = self._house.clock.now()
        with self._house.database.begin() as tx:
            who = person(tx, by)
            case, item = _open_task(tx, item_key, who)
            _must_be_free_for(tx, case, item, who)
            put = store.upsert(tx, draft).values(item_key=item_key, username=by, answers=dict(answers), saved_at=now)
            tx.execute(
                put.on_conflict_do_update(
                    index_elements=["item_key", "username"],
                    set_={"answers": put.excluded.answers, "saved_at": put.excluded.saved_at},
                )
            )
        return now

    def draft(self, item_key: int, by: str) -> dict[str, Any] | None:
        """Return what this person saved for the task; None if nothing."""
        with self._house.database.read() as tx:
            query = select(draft.c.answers).where(draft.c.item_key == item_key, draft.c.username == by)
            found = tx.execute(query).scalar_one_or_none()
            return None if found is None else dict(found)

    @use_case
    def discard_draft(self, item_key: int, *, by: str) -> None:
        """Forget what this person saved for the task."""
        with self._house.database.begin() as tx:
            tx.execute(delete(draft).where(draft.c.item_key == item_key, draft.c.username == by))

    @use_case
    def complete_task(self, item_key: int, answers: Mapping[str, Any], *, by: str) -> Outcome:
        """Complete a user task with answers that its form has already read, and run the case on.

        Nobody need have claimed it: completing claims. Attachments mentioned in the answers become the case's. Raise
        the errors of `claim`, or `Invalid` for answers that are too large, reserved or mention a strange attachment.
        """
        check_size(answers)
        refuse_reserved(answers)
        with self._house.database.begin() as tx:
            who = person(tx, by)
            case = store.lock_case_of(tx, item_key)
            if case is None:
                raise NotFound
            rows = store.open_items(tx, case.key)
            item = next((row for row in rows if row.key == item_key), None)
            if item is None or item.kind != "user_task":
                raise _why_not_open(tx, item_key, who)
            _must_be_free_for(tx, case, item, who)
            answers = with_attachments(tx, case.key, item_key, answers, who)
            step = open_step(self._house, tx, case, who, rows=rows)
            _complete(step, item, answers)
            step.save()
            return Outcome(case.key, step.next_items(), step.state != "ACTIVE")


def _complete(step: Step, item: store.Item, answers: Mapping[str, Any]) -> None:
    by = step.by.username
    behalf = _on_behalf(item, step.by)
    if item.assignee != by:
        step.record("task:claimed", {"implicitly": True, **behalf}, where_row(item))
        step.candidates.append(_holder(step.case.key, item, by, sort_at=None))
    step.record("task:completed", {"answers": answers, **behalf}, where_row(item))
    step.close(item)
    step.run.complete(item.item_id, answers)


def _open_task(tx: Connection, item_key: int, who: Person) -> tuple[AnyRow, AnyRow]:
    """Lock the case and return it with the open task. Raise why it is not open."""
    case = store.lock_case_of(tx, item_key)
    if case is None:
        raise NotFound
    item = store.item(tx, item_key)
    if item is None or item.kind != "user_task" or item.state != "CREATED":
        raise _why_not_open(tx, item_key, who)
    if not _is_theirs(item, who) and not may_see(tx, who, case.key):
        raise NotFound
    return case, item


def _is_theirs(item: AnyRow, who: Person) -> bool:
    """Say whether they hold the task or it is offered to them: then they see its case, without asking for it."""
    candidates = _candidates(item)
    held = bool(permissions.of_task(who, assignee=item.assignee, **candidates))
    return held or permissions.is_candidate(who, **candidates)


def _on_behalf(item: AnyRow, who: Person) -> dict[str, Any]:
    """Return for the journal for whom somebody acts on a task, nothing if for themselves."""
    other = permissions.acting_for(who, assignee=item.assignee, **_candidates(item))
    return {"for": other.username} if other is not None and not who.is_system else {}


def _why_not_open(tx: Connection, item_key: int, who: Person) -> Exception:
    item = store.item(tx, item_key)
    if item is None or item.kind != "user_task" or not may_see(tx, who, item.case_key):
        return NotFound()
    if item.state == "COMPLETED":
        return TaskAlreadyCompleted(item.closed_by, _name(tx, item.closed_by), item.closed_at)
    return TaskCanceled(item.closed_at)


def _must_be_free_for(tx: Connection, case: AnyRow, item: AnyRow, who: Person) -> None:
    """Raise unless `who` holds the task or may take it now."""
    candidates = _candidates(item)
    if not permissions.may(who, Act.COMPLETE, *permissions.of_task(who, assignee=item.assignee, **candidates)):
        if not _is_theirs(item, who) and not may_see(tx, who, case.key):
            raise NotFound
        if item.assignee is not None:
            raise _claimed(tx, item.assignee)
        raise NotACandidate([*candidates["groups"], *candidates["users"]])
    _four_eyes(tx, case.key, item, who)


def _four_eyes(tx: Connection, case_key: int, item: AnyRow, who: Person) -> None:
    headers = item.headers if isinstance(item.headers, dict) else json.loads(item.headers)
    elements = [name.strip() for name in headers.get(NOT_COMPLETED_BY, "").split(",") if name.strip()]
    if elements and not who.is_system:
        other = permissions.acting_for(who, assignee=item.assignee, **_candidates(item))
        # Who stands in does not lend their eyes to somebody whose own have seen it already.
        for eyes in (who, other):
            done = store.completers(tx, case_key, elements, eyes.username) if eyes else []
            if done:
                raise FourEyes(done[0])


def _candidates(item: AnyRow) -> dict[str, list[str]]:
    found: dict[str, list[str]] = item.candidates if isinstance(item.candidates, dict) else json.loads(item.candidates)
    return found


def _claimed(tx: Connection, assignee: str) -> TaskClaimedBySomeoneElse:
    return TaskClaimedBySomeoneElse(assignee, _name(tx, assignee))


def _name(tx: Connection, username: str) -> str:
    return identity.display_names(tx, [username])[username]


def _hold(tx: Connection, case_key: int, item: AnyRow, username: str) -> None:
    """Give an open task to somebody, out of everybody else's list."""
    store.update_item(tx, item.key, assignee=username)
    store.withdraw(tx, [item.key])
    store.put_candidates(tx, [_holder(case_key, item, username, sort_at=item.due_at or FAR_FUTURE)])


def _holder(case_key: int, item: AnyRow, username: str, *, sort_at: datetime | None) -> dict[str, Any]:
    return candidate_row(
        item.key,
        "assignee",
        username,
        case_key=case_key,
        sort_at=sort_at,
        priority=item.priority,
        process_id=item.process_id,
    )


def check_size(answers: Mapping[str, Any]) -> None:
    try:
        text = canonical(dict(answers))
        text.encode()  # half a surrogate pair, which no database can keep
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid("提交的内容无法保存，请检查后重新填写。") from error
    if len(text) > _LARGEST_ANSWER:
        raise Invalid("提交的内容太多，请精简，或把长文作为附件上传。")


def with_attachments(
    tx: Connection, case_key: int, item_key: int | None, answers: Mapping[str, Any], who: Person
) -> dict[str, Any]:
    """Return the answers with each mentioned attachment as we know it, and make them the case's."""
    mentioned = {key for found in attachments_in(answers) if (key := number_in(found["key"])) is not None}
    copy: dict[str, Any] = json.loads(canonical(dict(answers)))
    if not mentioned:
        return copy
    known = {
        row.key: row
        for row in store.link_attachments(tx, sorted(mentioned), case_key=case_key, item_key=item_key, by=who.username)
    }
    if mentioned - known.keys():
        raise Invalid("附件已不存在或不属于本案，请重新上传。")
    for found in attachments_in(copy):
        row = known[int(found["key"])]
        # What a browser says about a file is not believed.
        found.update(name=row.name, sha256=row.sha256, size=row.size, content_type=row.content_type, key=str(row.key))
    return copy


def attachments_in(value: Any) -> Iterator[dict[str, Any]]:
    """Find the attachments in answers: objects with a key and a sha256."""
    if isinstance(value, Mapping):
        if "sha256" in value and "key" in value:
            yield value  # type: ignore[misc] # a JSON object is a dict
        else:
            for inner in value.values():
                yield from attachments_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from attachments_in(inner)
