"""The work list: open user tasks of a person, fast at a million open items.

A person's list is the union of a few ordered index ranges (one for what they hold, one for each group), each cut off
at the page's length before they are merged. Nothing is sorted or counted beyond that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    func,
    select,
    tuple_,
    union_all,
)

from engine.casework.errors import Invalid
from engine.clock import SHANGHAI
from engine.identity import Person
from engine.permissions import acting_for
from engine.tables import FAR_FUTURE, AnyRow, Instant, candidate, case, draft, work_item
from engine.tables import person as person_table
from engine.worklist.owners import Owner, holder, offered
from engine.worklist.search import matching_cases
from engine.worklist.views import DeadlineView, ItemRow, Page, Scope, Sort, Urgency

CAP = 999
"""Counted up to here; beyond it a page says 999+."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST_INTEGER = 2**31 - 1
_LARGEST_KEY = 2**63 - 1


@dataclass(frozen=True)
class Query:
    """What a list shows."""

    scope: Scope = Scope.ALL
    urgency: Urgency | None = None
    process_id: str | None = None
    case_key: int | None = None
    text: str = ""
    sort: Sort = Sort.DUE
    after: str | None = None
    limit: int = 50


class _Filters(NamedTuple):
    """Which conditions a list has: statements are composed once for each combination, which costs more than a query."""

    due: bool = False
    process: bool = False
    case: bool = False
    cases: bool = False


def my_items(tx: Connection, person: Person, query: Query, now: datetime) -> Page:
    """Answer with one statement for the keys, one for the rows and one for the counts."""
    owners = _owners(person, query.scope)
    filters, values = _filters(tx, query, now)
    found = _keys(tx, owners, filters, values, query)
    more = len(found) > query.limit
    found = found[: query.limit]
    rows = _rows(tx, [row.item_key for row in found], person, now)
    counts = _counts(tx, person, now)
    total = _total(tx, owners, filters, values)
    return Page(
        items=tuple(rows[row.item_key] for row in found if row.item_key in rows),
        total=min(total, CAP),
        total_capped=total > CAP,
        next=_cursor(found[-1]) if more else None,
        counts=counts,
    )


def urgency_of(due_at: datetime | None, now: datetime) -> Urgency:
    if due_at is None or due_at == FAR_FUTURE:
        return Urgency.NONE
    if due_at <= now:
        return Urgency.OVERDUE
    tonight = _midnight_after(now)
    if due_at <= tonight:
        return Urgency.TODAY
    return Urgency.SOON if due_at <= tonight + timedelta(days=2) else Urgency.LATER


def deadline(row: Any, now: datetime, *, closed_at: datetime | None = None) -> DeadlineView | None:
    """Return the deadline of a work item's row; a closed item is judged by when it was closed."""
    if row.due_at is None:
        return None
    return DeadlineView(row.due_at, row.due_rule, row.due_explanation, urgency_of(row.due_at, closed_at or now))


def _midnight_after(now: datetime) -> datetime:
    """Return 24:00 of today in Asia/Shanghai: what is due then is due today."""
    local = now.astimezone(SHANGHAI)
    return local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _owners(person: Person, scope: Scope) -> list[Owner]:
    mine, others = holder(person), offered(person)
    return {Scope.MINE: mine, Scope.GROUPS: others, Scope.ALL: mine + others}[scope]


def _filters(tx: Connection, query: Query, now: datetime) -> tuple[_Filters, dict[str, Any]]:
    values: dict[str, Any] = {}
    if query.urgency is not None:
        values["due_after"], values["due_until"] = due_range(query.urgency, now)
    if query.process_id is not None:
        values["process_id"] = query.process_id
    if query.case_key is not None:
        values["case_key"] = query.case_key
    if query.text.strip():
        values["case_keys"] = matching_cases(tx, query.text, limit=500)
    names = ("due_after", "process_id", "case_key", "case_keys")
    return _Filters(*(name in values for name in names)), values


def due_range(urgency: Urgency, now: datetime) -> tuple[datetime, datetime]:
    """Return after which instant, and until which, something of this urgency is due."""
    tonight = _midnight_after(now)
    soon = tonight + timedelta(days=2)
    never = FAR_FUTURE - timedelta(microseconds=1)
    return {
        Urgency.OVERDUE: (_EPOCH, now),
        Urgency.TODAY: (now, tonight),
        Urgency.SOON: (tonight, soon),
        Urgency.LATER: (soon, never),
        Urgency.NONE: (never, FAR_FUTURE),
    }[urgency]


def _order(columns: Any, sort: Sort) -> list[ColumnElement[Any]]:
    return {
        Sort.DUE: [columns.sort_at, columns.item_key],
        Sort.NEWEST: [columns.item_key.desc()],
        Sort.OLDEST: [columns.item_key],
        Sort.PRIORITY: [columns.rank, columns.sort_at, columns.item_key],
    }[sort]


def _listed(number: int, filters: _Filters, prefix: str = "") -> Select[Any]:
    """Return the list of the owner `kind<number>`, `name<number>`."""
    columns = candidate.c
    query = select(columns.item_key, columns.sort_at, columns.rank).where(
        columns.kind == bindparam(f"kind{number}"),
        columns.name == bindparam(f"name{number}"),
        columns.sort_at.is_not(None),
    )
    if filters.due:
        after = bindparam(f"{prefix}due_after", type_=Instant)
        query = query.where(columns.sort_at > after, columns.sort_at <= bindparam(f"{prefix}due_until", type_=Instant))
    if filters.process:
        query = query.where(columns.process_id == bindparam("process_id"))
    if filters.case:
        query = query.where(columns.case_key == bindparam("case_key"))
    if filters.cases:
        query = query.where(columns.case_key.in_(bindparam("case_keys", expanding=True)))
    return query


def _keys(
    tx: Connection, owners: Sequence[Owner], filters: _Filters, values: Mapping[str, Any], query: Query
) -> Sequence[AnyRow]:
    statement = _page(len(owners), filters, query.sort, query.after is not None)
    after = _read_cursor(query.after) if query.after is not None else {}
    return tx.execute(statement, {**values, **_named(owners), **after, "most": query.limit + 1}).all()


@cache
def _page(owners: int, filters: _Filters, sort: Sort, has_after: bool) -> Select[Any]:
    most = bindparam("most", type_=Integer)
    parts = []
    for number in range(owners):
        part = _listed(number, filters)
        if has_after:
            part = part.where(_beyond(sort))
        parts.append(select(part.order_by(*_order(candidate.c, sort)).limit(most).subquery()))
    listed = union_all(*parts).subquery("listed")
    # Somebody may be offered the same task through two groups.
    once = select(listed.c.item_key, listed.c.sort_at, listed.c.rank).distinct()
    return once.order_by(*_order(listed.c, sort)).limit(most)


def _beyond(sort: Sort) -> ColumnElement[bool]:
    columns = candidate.c
    rank, key = bindparam("after_rank", type_=Integer), bindparam("after_key", type_=BigInteger)
    sort_at = bindparam("after_at", type_=Instant)
    return {
        Sort.DUE: tuple_(columns.sort_at, columns.item_key) > tuple_(sort_at, key),
        Sort.NEWEST: columns.item_key < key,
        Sort.OLDEST: columns.item_key > key,
        Sort.PRIORITY: tuple_(columns.rank, columns.sort_at, columns.item_key) > tuple_(rank, sort_at, key),
    }[sort]


def _cursor(row: AnyRow) -> str:
    micros = (row.sort_at - FAR_FUTURE) // timedelta(microseconds=1)
    return f"{row.rank}.{micros}.{row.item_key}"


def _read_cursor(cursor: str) -> dict[str, Any]:
    try:
        rank, micros, key = (int(part) for part in cursor.split("."))
        sort_at = FAR_FUTURE + timedelta(microseconds=micros)
    except (ValueError, OverflowError) as error:
        raise Invalid("列表的位置标记无效，请从第一页重新开始。") from error
    if abs(rank) > _LARGEST_INTEGER or abs(key) > _LARGEST_KEY:
        raise Invalid("列表的位置标记无效，请从第一页重新开始。")
    return {"after_rank": rank, "after_at": sort_at, "after_key": key}


def _named(owners: Sequence[Owner]) -> dict[str, str]:
    kinds = {f"kind{number}": kind for number, (kind, _) in enumerate(owners)}
    return kinds | {f"name{number}": name for number, (_, name) in enumerate(owners)}


_ROWS = (
    select(
        work_item,
        case.c.number.label("case_number"),
        case.c.title.label("case_title"),
        case.c.complainant,
        case.c.product,
        case.c.process_name,
        person_table.c.display_name.label("assignee_name"),
        draft.c.saved_at.label("draft_saved_at"),
    )
    .join(case, case.c.key == work_item.c.case_key)
    .outerjoin(person_table, person_table.c.username == work_item.c.assignee)
    .outerjoin(draft, and_(draft.c.item_key == work_item.c.key, draft.c.username == bindparam("reader")))
    .where(work_item.c.key.in_(bindparam("keys", expanding=True)))
)


def _rows(tx: Connection, keys: Sequence[int], person: Person, now: datetime) -> dict[int, ItemRow]:
    if not keys:
        return {}
    found = tx.execute(_ROWS, {"keys": keys, "reader": person.username})
    return {row.key: _row(row, person, now) for row in found}


def _row(row: AnyRow, person: Person, now: datetime) -> ItemRow:
    other = acting_for(person, assignee=row.assignee, **candidates_of(row))
    return ItemRow(
        key=row.key,
        name=row.name,
        element_id=row.element_id,
        process_id=row.process_id,
        process_name=row.process_name,
        lane=row.lane,
        assignee=row.assignee,
        assignee_name=row.assignee_name or row.assignee,
        candidate_groups=tuple((row.candidates or {}).get("groups", ())),
        priority=row.priority,
        opened_at=row.opened_at,
        due=deadline(row, now),
        follow_up_at=row.follow_up_at,
        reminders=row.reminders,
        has_draft=row.draft_saved_at is not None,
        acting_for=other.display_name if other is not None else "",
        case_key=row.case_key,
        case_number=row.case_number,
        case_title=row.case_title,
        complainant=row.complainant,
        product=row.product,
    )


def _counts(tx: Connection, person: Person, now: datetime) -> dict[str, int]:
    """Return the numbers for the tabs, each counted up to the cap, in one statement."""
    owners = _owners(person, Scope.ALL)
    overdue, today = due_range(Urgency.OVERDUE, now), due_range(Urgency.TODAY, now)
    values = {
        "overdue_due_after": overdue[0],
        "overdue_due_until": overdue[1],
        "today_due_after": today[0],
        "today_due_until": today[1],
    }
    row = tx.execute(_tabs(len(owners)), {**values, **_named(owners)}).one()._asdict()
    return {name: min(count, CAP) for name, count in row.items()}


@cache
def _tabs(owners: int) -> Select[Any]:
    """Return the statement of the tabs' numbers. The first owner is the person as a holder."""
    everything, due = range(owners), _Filters(due=True)
    return select(
        _count(range(1), _Filters()).label("mine"),
        _count(range(1, owners), _Filters()).label("groups"),
        _count(everything, due, "overdue_").label("overdue"),
        _count(everything, due, "today_").label("today"),
    )


def _total(tx: Connection, owners: Sequence[Owner], filters: _Filters, values: Mapping[str, Any]) -> int:
    """Return how many there are, counted no further than to see that there are more than the cap."""
    found: int = tx.execute(_total_of(len(owners), filters), {**values, **_named(owners)}).scalar_one()
    return found


@cache
def _total_of(owners: int, filters: _Filters) -> Select[Any]:
    return select(_count(range(owners), filters))


def _count(owners: Sequence[int], filters: _Filters, prefix: str = "") -> Any:
    parts = [select(_listed(number, filters, prefix).limit(CAP + 1).subquery()) for number in owners]
    listed = union_all(*parts).subquery()
    return select(func.count(func.distinct(listed.c.item_key))).scalar_subquery()


def candidates_of(row: Any) -> dict[str, list[str]]:
    """Return {"groups", "users"} of a user task's row."""
    found = row.candidates
    if isinstance(found, str):
        found = json.loads(found)
    return found or {"groups": [], "users": []}
