"""The statements of the use cases: each function is one, on the transaction it is given.

What every step executes is built once, here: composing a statement costs more than executing it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Table,
    Text,
    bindparam,
    delete,
    exists,
    literal_column,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from engine.bulk import insert_rows
from engine.tables import (
    FAR_FUTURE,
    AnyRow,
    attachment,
    candidate,
    case,
    case_dimension,
    case_term,
    draft,
    file,
    incident,
    work_item,
)

# Written into the statement, not bound: SQLite uses a partial index only if it sees the very condition.
CREATED: ColumnElement[str] = literal_column("'CREATED'")
BUFFERED: ColumnElement[str] = literal_column("'BUFFERED'")
NO_NAME: ColumnElement[str] = literal_column("''")

Item = AnyRow
"""A row of `open_items`."""

_KEYS: BindParameter[Any] = bindparam("keys", expanding=True)

_LOCK_CASE = select(case).where(case.c.key == bindparam("case_key")).with_for_update()
_LOCK_CASE_OF = (
    select(case)
    .where(case.c.key == select(work_item.c.case_key).where(work_item.c.key == bindparam("item_key")).scalar_subquery())
    .with_for_update()
)
_ITEM = select(work_item).where(work_item.c.key == bindparam("item_key"))
_OPEN_ITEMS = (
    select(
        work_item.c.key,
        work_item.c.item_id,
        work_item.c.kind,
        work_item.c.process_id,
        work_item.c.element_id,
        work_item.c.name,
        work_item.c.parent_id,
        work_item.c.type,
        work_item.c.assignee,
        work_item.c.due_at,
        work_item.c.run_at,
        work_item.c.retries,
        work_item.c.attempts,
        work_item.c.incident,
        work_item.c.message_name,
        work_item.c.opened_at,
        work_item.c.priority,
        # As text: a case may have a thousand open items of which one is read.
        type_coerce(work_item.c.headers, Text).label("headers"),
        type_coerce(work_item.c.candidates, Text).label("candidates"),
        type_coerce(work_item.c.prepared, Text).label("prepared"),
        type_coerce(work_item.c.inputs, Text).label("inputs"),
        exists().where(draft.c.item_key == work_item.c.key).correlate(work_item).label("has_drafts"),
    )
    .where(work_item.c.case_key == bindparam("case_key"), work_item.c.state == CREATED)
    .order_by(work_item.c.key)
)
_CLOSE_ITEMS = (
    update(work_item)
    .where(work_item.c.key.in_(_KEYS))
    .values(
        state=bindparam("new_state"),
        closed_at=bindparam("at"),
        closed_by=bindparam("by"),
        run_at=None,
        claimed_by=None,
        incident=False,
    )
)
_WITHDRAW = update(candidate).where(candidate.c.item_key.in_(_KEYS)).values(sort_at=None)
_DELETE_DRAFTS = delete(draft).where(draft.c.item_key.in_(_KEYS))
_RESOLVE = (
    update(incident)
    .where(incident.c.item_key.in_(_KEYS), incident.c.resolved_at.is_(None))
    .values(resolved_at=bindparam("at"), resolved_by=bindparam("by"))
)
_REMIND = update(work_item).where(work_item.c.key == bindparam("item_key")).values(reminders=work_item.c.reminders + 1)


def lock_case(tx: Connection, case_key: int) -> AnyRow | None:
    """Return the case, which nobody else can change until the commit; None if there is none."""
    return tx.execute(_LOCK_CASE, {"case_key": case_key}).one_or_none()


def lock_case_of(tx: Connection, item_key: int) -> AnyRow | None:
    """Return the locked case of a work item. The item itself must be read afterwards, as the lock found it."""
    return tx.execute(_LOCK_CASE_OF, {"item_key": item_key}).one_or_none()


def open_items(tx: Connection, case_key: int) -> list[Item]:
    return list(tx.execute(_OPEN_ITEMS, {"case_key": case_key}))


def item(tx: Connection, item_key: int) -> AnyRow | None:
    """Return the whole row, open or closed; None if there is none."""
    return tx.execute(_ITEM, {"item_key": item_key}).one_or_none()


def insert_items(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Insert work items and return the runtime's id -> key."""
    inserted = insert_rows(tx, work_item, rows, returning=("item_id", "key"))
    return {row.item_id: row.key for row in inserted}


def close_items(tx: Connection, keys: Iterable[int], *, state: str, by: str | None, at: datetime) -> None:
    tx.execute(_CLOSE_ITEMS, {"keys": list(keys), "new_state": state, "at": at, "by": by})


def update_item(tx: Connection, key: int, **values: Any) -> None:
    tx.execute(update(work_item).where(work_item.c.key == key).values(values))


def count_reminder(tx: Connection, key: int) -> None:
    tx.execute(_REMIND, {"item_key": key})


def put_candidates(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert candidate rows, or move those that are there already to their new place in the list."""
    moved = "ON CONFLICT (item_key, kind, name) DO UPDATE SET sort_at = excluded.sort_at"
    insert_rows(tx, candidate, rows, on_conflict=moved)


def withdraw(tx: Connection, item_keys: Iterable[int]) -> None:
    """Take tasks out of everybody's list; who could see them still may see the case."""
    tx.execute(_WITHDRAW, {"keys": list(item_keys)})


def offer(tx: Connection, item_key: int, sort_at: datetime | None) -> None:
    """Put a released task back into its candidates' lists, and out of that of whoever held it."""
    theirs = candidate.c.item_key == item_key
    back = update(candidate).where(theirs, candidate.c.kind != "assignee")
    tx.execute(back.values(sort_at=sort_at or FAR_FUTURE))
    tx.execute(update(candidate).where(theirs, candidate.c.kind == "assignee").values(sort_at=None))


def delete_drafts(tx: Connection, item_keys: Iterable[int]) -> None:
    tx.execute(_DELETE_DRAFTS, {"keys": list(item_keys)})


def insert_incidents(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    insert_rows(tx, incident, rows)


def resolve_incidents(tx: Connection, item_keys: Iterable[int], *, by: str, at: datetime) -> None:
    tx.execute(_RESOLVE, {"keys": list(item_keys), "at": at, "by": by})


def completers(tx: Connection, case_key: int, element_ids: Sequence[str], username: str) -> list[str]:
    """Return the names of those elements that `username` completed in this case."""
    query = select(work_item.c.name).where(
        work_item.c.case_key == case_key,
        work_item.c.state == "COMPLETED",
        work_item.c.element_id.in_(element_ids),
        work_item.c.closed_by == username,
    )
    return list(tx.execute(query).scalars())


def update_case(tx: Connection, key: int, values: Mapping[str, Any]) -> None:
    tx.execute(_update_case(frozenset(values)), {"case_key": key, **values})


@cache
def _update_case(columns: frozenset[str]) -> Any:
    return (
        update(case)
        .where(case.c.key == bindparam("case_key"))
        .values({column: bindparam(column) for column in sorted(columns)})
    )


def change_terms(tx: Connection, case_key: int, *, gone: Collection[str], new: Collection[str]) -> None:
    """Say what a case can no longer be found by, and by what it can from now on."""
    if gone:
        tx.execute(delete(case_term).where(case_term.c.case_key == case_key, case_term.c.term.in_(sorted(gone))))
    rows = [{"case_key": case_key, "term": term} for term in sorted(new)]
    insert_rows(tx, case_term, rows, on_conflict="ON CONFLICT DO NOTHING")


def put_dimensions(tx: Connection, case_key: int, values: Mapping[str, str]) -> None:
    """Say by which values a case is counted; of other dimensions it keeps what it has."""
    changed = (
        "ON CONFLICT (case_key, name) DO UPDATE SET value = excluded.value WHERE case_dimension.value <> excluded.value"
    )
    rows = [{"case_key": case_key, "name": name, "value": value} for name, value in sorted(values.items())]
    insert_rows(tx, case_dimension, rows, on_conflict=changed)


def link_attachments(
    tx: Connection, keys: Sequence[int], *, case_key: int, item_key: int | None, by: str
) -> list[AnyRow]:
    """Give the uploader's own loose attachments to the case, and return all of `keys` that are the case's now."""
    tx.execute(
        update(attachment)
        .where(attachment.c.key.in_(keys), attachment.c.case_key.is_(None), attachment.c.uploaded_by == by)
        .values(case_key=case_key, item_key=item_key)
    )
    query = (
        select(attachment.c.key, attachment.c.name, attachment.c.sha256, file.c.size, file.c.content_type)
        .join(file, file.c.sha256 == attachment.c.sha256)
        .where(attachment.c.key.in_(keys), attachment.c.case_key == case_key)
    )
    return list(tx.execute(query))


def upsert(tx: Connection, table: Table) -> Any:
    """Return the dialect's INSERT, which knows ON CONFLICT."""
    return (postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert)(table)
