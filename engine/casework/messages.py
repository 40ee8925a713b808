"""Messages and signals between cases, and from outside.

A message goes to at most one case of each process: to the oldest subscription with its name and correlation key, or
to a message start event, of which at most one case at a time is active for a correlation key. It is looked at once
when published, again whenever a case begins to wait for it, until its time to live is over. A signal goes to every
case that waits for it when it is broadcast. Each receiving case is one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from engine import permissions, store
from engine.casework import messages_out
from engine.casework.errors import Conflict, NotAllowed
from engine.casework.house import House, UseCases, person, use_case
from engine.casework.items import where_row
from engine.casework.starting import begin_case
from engine.casework.step import open_step
from engine.identity import SYSTEM, SYSTEM_PERSON, Person
from engine.permissions import Act
from engine.tables import AnyRow, case, correlation, message, start_subscription, work_item

_MOST_OUTRUN = 5
_OPEN = work_item.c.state == store.CREATED


class Messages(UseCases):
    @use_case
    def publish_message(
        self,
        name: str,
        correlation_key: str = "",
        variables: Mapping[str, Any] | None = None,
        *,
        ttl: timedelta | None = None,
        message_id: str | None = None,
        by: str = SYSTEM,
    ) -> int:
        """Hand over a message and return its key; a worker delivers it.

        Without `ttl` only cases that wait already get it. With `message_id`, a second message of the same name,
        correlation key and id is refused (`Conflict`) while the first is buffered. Raise `NotAllowed` for who may not
        send: a message moves cases on.
        """
        with self._house.database.begin() as tx:
            sender = _sender(tx, by)
            key = messages_out.put(
                tx,
                "message",
                name,
                correlation_key,
                variables or {},
                at=self._house.clock.now(),
                ttl=ttl or timedelta(0),
                by=sender.username,
                message_id=message_id,
            )
            if key is None:
                raise Conflict(f"编号为“{message_id}”的消息已经收到过。")
            return key

    @use_case
    def broadcast_signal(self, name: str, variables: Mapping[str, Any] | None = None, *, by: str = SYSTEM) -> int:
        """Broadcast a signal to every case that waits for it now; a worker delivers it. Return its key. Raise
        `NotAllowed` for who may not send."""
        with self._house.database.begin() as tx:
            sender = _sender(tx, by)
            key = messages_out.put(
                tx,
                "signal",
                name,
                "",
                variables or {},
                at=self._house.clock.now(),
                ttl=timedelta(0),
                by=sender.username,
            )
            return cast("int", key)  # only an id can clash

    def carry(self, message_key: int) -> int:
        """Deliver a message or signal to whoever waits for it, and return to how many cases. For the worker."""
        carried = outrun = 0
        while True:
            try:
                if not self._carry_once(message_key):
                    return carried
            except IntegrityError:
                # Somebody else started the one case of this correlation key in the same moment: look again.
                outrun += 1
                if outrun > _MOST_OUTRUN:
                    raise
            else:
                carried += 1

    @use_case
    def _carry_once(self, message_key: int) -> bool:
        """Deliver to one more case. False: no more; the message is then buffered or done."""
        with self._house.database.begin() as tx:
            # The message is locked before the case, always: two workers cannot wait for each other.
            note = tx.execute(select(message).where(message.c.key == message_key).with_for_update()).one_or_none()
            if note is None or note.state != "BUFFERED":
                return False
            if _deliver_next(self._house, tx, note) or _start_next(self._house, tx, note):
                return True
            _rest(self._house, tx, note)
            return False

    @use_case
    def look_in_buffer(self, item_key: int) -> int | None:
        """Say which buffered message a waiting item should get; None if none. For the worker, when an item opens."""
        with self._house.database.begin() as tx:
            item = store.item(tx, item_key)
            store.update_item(tx, item_key, run_at=None, claimed_by=None)
            if item is None or item.state != "CREATED":
                return None
            query = (
                select(message.c.key)
                .where(
                    message.c.kind == "message",
                    message.c.name == item.message_name,
                    message.c.correlation_key == item.correlation_key,
                    message.c.state == store.BUFFERED,
                    message.c.expires_at > self._house.clock.now(),
                )
                .order_by(message.c.key)
                .limit(1)
            )
            found: int | None = tx.execute(query).scalar_one_or_none()
            return found


def _sender(tx: Connection, by: str) -> Person:
    sender = person(tx, by)
    if not permissions.may(sender, Act.SEND):
        raise NotAllowed("只有管理员和流程负责人可以从外部发送消息。")
    return sender


def _deliver_next(house: House, tx: Connection, note: AnyRow) -> bool:
    while (target := _target(tx, note)) is not None:
        row = store.lock_case(tx, target.case_key)
        rows = store.open_items(tx, target.case_key)
        item = next((open_item for open_item in rows if open_item.key == target.key), None)
        if row is None or item is None:
            continue  # it was closed while we waited for the case; ask again
        step = open_step(house, tx, row, SYSTEM_PERSON, rows=rows)
        _told(tx, note, item.process_id, row.key, at=step.now)
        facts = {
            "name": note.name,
            "correlation_key": note.correlation_key,
            "message": str(note.key),
            "by": note.sent_by,
        }
        step.record(f"{note.kind}:correlated", facts, where_row(item))
        step.close(item)
        step.run.deliver(item.item_id, note.variables)
        step.save()
        return True
    return False


def _target(tx: Connection, note: AnyRow) -> AnyRow | None:
    query = select(work_item.c.key, work_item.c.case_key).where(
        _OPEN,
        work_item.c.kind == note.kind,
        work_item.c.message_name == note.name,
        work_item.c.message_name != store.NO_NAME,
        work_item.c.opened_at <= note.expires_at,
    )
    if note.kind == "message":
        reached = select(correlation.c.process_id).where(correlation.c.message_key == note.key)
        query = query.where(work_item.c.correlation_key == note.correlation_key, work_item.c.process_id.not_in(reached))
    elif note.from_case_key is not None:
        query = query.where(work_item.c.case_key != note.from_case_key)  # the runtime has told that case itself
    return tx.execute(query.order_by(work_item.c.key).limit(1)).one_or_none()


def _start_next(house: House, tx: Connection, note: AnyRow) -> bool:
    reached = select(correlation.c.process_id).where(correlation.c.message_key == note.key)
    active = select(case.c.key).where(
        case.c.process_id == start_subscription.c.process_id,
        case.c.start_correlation_key == note.correlation_key,
        case.c.state == "ACTIVE",
    )
    query = select(start_subscription).where(
        start_subscription.c.kind == note.kind,
        start_subscription.c.name == note.name,
        start_subscription.c.process_id.not_in(reached),
    )
    if note.kind == "message" and note.correlation_key:
        query = query.where(~active.exists())
    start = tx.execute(query.order_by(start_subscription.c.key).limit(1)).one_or_none()
    if start is None:
        return False
    by = person(tx, note.sent_by) if note.sent_by != SYSTEM else SYSTEM_PERSON
    step = begin_case(
        house,
        tx,
        start.process_id,
        note.variables,
        by=by,
        start_event=start.element_id,
        correlation_key=note.correlation_key if note.kind == "message" else None,
    )
    _told(tx, note, start.process_id, step.case.key, at=step.now)
    step.save()
    return True


def _told(tx: Connection, note: AnyRow, process_id: str, case_key: int, *, at: Any) -> None:
    values = {"message_key": note.key, "process_id": process_id, "case_key": case_key, "at": at}
    tx.execute(store.upsert(tx, correlation).values(values).on_conflict_do_nothing())


def _rest(house: House, tx: Connection, note: AnyRow) -> None:
    """Nobody else gets it now: keep it until it expires, or be done with it."""
    expired = note.expires_at <= house.clock.now()
    values = {"run_at": None, "state": "DONE"} if expired else {"run_at": note.expires_at}
    tx.execute(update(message).where(message.c.key == note.key).values(claimed_by=None, **values))
