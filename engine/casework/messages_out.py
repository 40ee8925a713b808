"""Messages and signals on their way out of a step: rows that a worker carries to the cases that wait for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select, update

from engine import store
from engine.dialect.iso8601 import NotIso8601, parse_duration
from engine.runtime import Thrown
from engine.tables import AnyRow, message, start_subscription

if TYPE_CHECKING:
    from engine.casework.step import Step

DIAGRAM_TTL = timedelta(hours=1)
"""How long a message thrown by a diagram waits for its receiver when the diagram does not say: long enough for two
cases that reach their throwing and catching events in either order."""


def send(step: Step, thrown: Sequence[Thrown]) -> None:
    """Write what the run has thrown to other cases."""
    for item in thrown:
        if item.kind == "signal":
            put(
                step.tx,
                "signal",
                item.name,
                "",
                item.variables,
                at=step.now,
                ttl=timedelta(0),
                by=step.by.username,
                from_case=step.case.key,
            )
        else:
            ttl = _ttl(item.time_to_live, step.now)
            put(
                step.tx,
                "message",
                item.name,
                item.correlation_key,
                item.variables,
                at=step.now,
                ttl=ttl,
                by=step.by.username,
                from_case=step.case.key,
                message_id=item.message_id or None,
            )


def publish(
    step: Step, name: str, correlation_key: str, variables: Mapping[str, Any], *, ttl: timedelta | None
) -> None:
    put(
        step.tx,
        "message",
        name,
        correlation_key,
        variables,
        at=step.now,
        by=step.by.username,
        ttl=DIAGRAM_TTL if ttl is None else ttl,
        from_case=step.case.key,
    )
    step.record("message:published", {"name": name, "correlation_key": correlation_key})


def put(
    tx: Connection,
    kind: str,
    name: str,
    correlation_key: str,
    variables: Mapping[str, Any],
    *,
    at: datetime,
    ttl: timedelta,
    by: str,
    from_case: int | None = None,
    message_id: str | None = None,
) -> int | None:
    """Insert a message and return its key; None if the buffer holds one with the same `message_id` already."""
    statement = store.upsert(tx, message).values(
        kind=kind,
        name=name,
        correlation_key=correlation_key,
        message_id=message_id,
        variables=dict(variables),
        from_case_key=from_case,
        sent_by=by,
        sent_at=at,
        expires_at=at + ttl,
        state="BUFFERED",
        run_at=at,
    )
    found = tx.execute(statement.on_conflict_do_nothing().returning(message.c.key)).scalar_one_or_none()
    return None if found is None else int(found)


def recheck_starts(tx: Connection, ended: AnyRow, now: datetime) -> None:
    """A case started by a message has ended: the next buffered message of its correlation key may start one."""
    names = select(start_subscription.c.name).where(
        start_subscription.c.process_id == ended.process_id, start_subscription.c.kind == "message"
    )
    tx.execute(
        update(message)
        .where(
            message.c.name.in_(names),
            message.c.correlation_key == ended.start_correlation_key,
            message.c.state == store.BUFFERED,
        )
        .values(run_at=now)
    )


def _ttl(text: str, now: datetime) -> timedelta:
    if not text:
        return DIAGRAM_TTL
    try:
        return parse_duration(text).after(now) - now
    except NotIso8601:
        return DIAGRAM_TTL
