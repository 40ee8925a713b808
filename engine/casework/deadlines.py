"""Deadlines by the clock: reminded of, missed, and counted again when the calendar has changed.

What people are told goes through `tables.notice`, in office hours unless it must be told at once; the state itself
changes at its instant.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from engine import deadlines, store
from engine.bulk import insert_rows
from engine.calendars import UnpublishedYear
from engine.casework import messages_out
from engine.casework.house import House, UseCases, use_case
from engine.casework.limits import RUNNING, next_look, said, update_row, where_row
from engine.casework.log import chain_of, keep
from engine.casework.step import open_step
from engine.deadlines import Deadline, describe_instant
from engine.identity import SYSTEM, SYSTEM_PERSON, members_and_stand_ins
from engine.journal import Chain
from engine.tables import AnyRow, candidate, deadline, notice, work_item

MISSED_MESSAGE = "deadline_missed"
"""Published when a deadline is missed, with the correlation key `<case.key>:<deadline id>`."""

_COLUMNS = deadline.c


class Deadlines(UseCases):
    @use_case
    def look_at_deadline(self, key: int) -> str | None:
        """Do what is due about a deadline, and return what (`reminded`, `missed`); None if nothing is yet.

        One that was counted by another version of the calendar is counted again first. For the worker.
        """
        with self._house.database.begin() as tx:
            row = self._locked(tx, key)
            if row is None:
                return None
            held, found = row
            now = self._house.clock.now()
            chain = chain_of(held, at=now, by=SYSTEM)
            found = _recount(self._house, tx, chain, found)
            if found.state == "OPEN" and found.due_at <= now:
                done = "missed"
                _miss(self._house, tx, chain, held, found)
            elif found.state == "OPEN" and _may_remind(found) and found.remind_at <= now:
                done = "reminded"
                _remind(self._house, tx, chain, held, found)
            else:
                done = None
                again = next_look(found.state, found.due_at, found.remind_at if _may_remind(found) else None)
                update_row(tx, key, {"run_at": again, "attempts": 0})
            keep(tx, chain)
            return done

    @use_case
    def recount_item(self, item_key: int) -> bool:
        """Count the open tasks and timers of an item's case again if the calendar has changed since. For the worker.

        False: nothing to do; then the item is left as it was planned.
        """
        with self._house.database.begin() as tx:
            held = store.lock_case_of(tx, item_key)
            item = store.item(tx, item_key) if held is not None else None
            if held is None or item is None or item.state != "CREATED":
                return False
            version = self._house.feel.calendar.version()
            if held.state != "ACTIVE" or item.due_calendar in ("", version):
                store.update_item(tx, item_key, run_at=_planned(item.kind, item.due_at), claimed_by=None, attempts=0)
                return False
            step = open_step(self._house, tx, held, SYSTEM_PERSON)
            step.run.recompute_deadlines()
            due = {waiting.id: waiting.due for waiting in step.run.waiting}
            query = select(work_item.c.key, work_item.c.item_id, work_item.c.kind, work_item.c.due_at).where(
                work_item.c.case_key == held.key, work_item.c.state == store.CREATED, work_item.c.due_calendar != ""
            )
            for row in tx.execute(query).all():
                _recount_row(tx, row, due.get(row.item_id), version)
            step.save()
            return True

    def send_notice(self, key: int) -> bool:
        """Send what is to be told, after its commit. False: it was sent before. For the worker."""
        with self._house.database.read() as tx:
            row = tx.execute(select(notice).where(notice.c.key == key)).one_or_none()
        if row is None or row.sent_at is not None:
            return False
        if self._house.notifier is not None:
            self._house.notifier.send(
                to=row.receiver, subject=row.subject, body=row.body, idempotency_key=f"notice/{row.key}"
            )
        with self._house.database.begin() as tx:
            done = {"sent_at": self._house.clock.now(), "run_at": None, "claimed_by": None}
            tx.execute(update(notice).where(notice.c.key == key).values(done))
        return True

    def _locked(self, tx: Connection, key: int) -> tuple[AnyRow, AnyRow] | None:
        """Return the locked case of a running deadline with the row as the lock found it."""
        case_key = tx.execute(select(_COLUMNS.case_key).where(_COLUMNS.key == key)).scalar_one_or_none()
        held = store.lock_case(tx, case_key) if case_key is not None else None
        if held is None:
            return None
        found = tx.execute(select(deadline).where(_COLUMNS.key == key, RUNNING)).one_or_none()
        if found is None or held.state != "ACTIVE":
            update_row(tx, key, {"run_at": None})
            return None
        return held, found


def _miss(house: House, tx: Connection, chain: Chain, held: AnyRow, row: AnyRow) -> None:
    told = _tell(
        house,
        tx,
        held,
        row,
        "missed",
        subject=f"已超期：{held.number} {row.title}",
        body=f"案件{held.number}的“{row.title}”已于{describe_instant(row.due_at)}到期，尚未完成。{_because(row)}",
        at=chain.at,
    )
    update_row(tx, row.key, {"state": "MISSED", "missed_at": chain.at, "run_at": None, "attempts": 0})
    chain.append(
        "deadline:missed", {**said(row.id, row.title), "at": row.due_at.isoformat(), "told": told}, where_row(row)
    )
    messages_out.put(
        tx,
        "message",
        MISSED_MESSAGE,
        f"{held.key}:{row.id}",
        {"deadline": {"id": row.id, "title": row.title, "due_at": row.due_at.isoformat()}},
        at=chain.at,
        ttl=timedelta(0),
        by=SYSTEM,
        from_case=held.key,
    )


def _remind(house: House, tx: Connection, chain: Chain, held: AnyRow, row: AnyRow) -> None:
    told = _tell(
        house,
        tx,
        held,
        row,
        "reminder",
        subject=f"期限提醒：{held.number} {row.title}",
        body=f"案件{held.number}的“{row.title}”将于{describe_instant(row.due_at)}到期。{_because(row)}",
        at=chain.at,
    )
    values = {"reminded_at": chain.at, "run_at": next_look("OPEN", row.due_at, None), "attempts": 0}
    update_row(tx, row.key, values)
    chain.append(
        "deadline:reminded", {**said(row.id, row.title), "at": row.due_at.isoformat(), "told": told}, where_row(row)
    )


def _tell(
    house: House, tx: Connection, held: AnyRow, row: AnyRow, kind: str, *, subject: str, body: str, at: datetime
) -> list[str]:
    """Write a notice to every member of the groups to be told, and to whoever stands in. Return who."""
    receivers = members_and_stand_ins(tx, row.notify)
    when = at if row.must else house.office_hours.first_moment(at, house.feel.calendar)
    insert_rows(
        tx,
        notice,
        [
            {
                "kind": kind,
                "case_key": held.key,
                "receiver": receiver,
                "subject": subject,
                "body": body,
                "written_at": at,
                "run_at": when,
            }
            for receiver in receivers
        ],
    )
    return receivers


def _because(row: AnyRow) -> str:
    reason = row.rule or row.explanation
    return f"（{reason}）" if reason else ""


def _recount(house: House, tx: Connection, chain: Chain, row: AnyRow) -> AnyRow:
    """Return the row, counted again if the calendar has changed since it was counted."""
    calendar = house.feel.calendar
    if not row.calendar or not row.recipe or row.state not in ("OPEN", "PAUSED") or row.calendar == calendar.version():
        return row
    try:
        due = deadlines.recompute(row.recipe, calendar)
    except UnpublishedYear as error:
        chain.append("deadline:kept", {**said(row.id, row.title), "cause": error.message}, where_row(row))
        update_row(tx, row.key, {"calendar": calendar.version()})
        return row
    remind_at = row.remind_at if row.remind_at is None else row.remind_at + (due.at - row.due_at)
    values = {
        "due_at": due.at,
        "explanation": due.explanation,
        "calendar": due.calendar_version,
        "remind_at": remind_at,
    }
    update_row(tx, row.key, values)
    if due.at != row.due_at:
        facts = {**said(row.id, row.title), "before": row.due_at.isoformat(), "at": due.at.isoformat()}
        chain.append("deadline:recomputed", facts, where_row(row))
    return tx.execute(select(deadline).where(_COLUMNS.key == row.key)).one()


def _recount_row(tx: Connection, row: AnyRow, due: Deadline | None, version: str) -> None:
    if due is None:
        store.update_item(
            tx, row.key, run_at=_planned(row.kind, row.due_at), due_calendar=version, claimed_by=None, attempts=0
        )
        return
    values = {
        "due_at": due.at,
        "due_rule": due.rule,
        "due_explanation": due.explanation,
        # What could not be counted again keeps its date, and is not asked again by this calendar.
        "due_calendar": version,
        "run_at": _planned(row.kind, due.at),
        "claimed_by": None,
        "attempts": 0,
    }
    store.update_item(tx, row.key, **values)
    if row.kind == "user_task" and due.at != row.due_at:
        listed = (candidate.c.item_key == row.key, candidate.c.sort_at.is_not(None))
        tx.execute(update(candidate).where(*listed).values(sort_at=due.at))


def _planned(kind: str, due_at: datetime | None) -> datetime | None:
    return due_at if kind == "timer" else None


def _may_remind(row: AnyRow) -> bool:
    return row.remind_at is not None and row.reminded_at is None
