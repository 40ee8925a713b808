"""Who may see a case, as the tables know it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select

from engine.identity import Person
from engine.permissions import EVERYBODY, Act, Standing, may
from engine.tables import candidate, case


def sees(person: Person, case_key: Any = case.c.key) -> ColumnElement[bool]:
    """Return the condition on `case` rows that the person may see: by a role, or because they are concerned."""
    return case.c.key.is_not(None) if may(person, Act.SEE_CASE) else concerns(person, case_key)


def concerns(person: Person, case_key: Any = case.c.key) -> ColumnElement[bool]:
    """Return the condition on `case` rows without regard to roles."""
    groups = [*sorted(person.groups.union(*(other.lanes for other in person.others))), EVERYBODY]
    names = [person.username, *(other.username for other in person.others)]
    theirs = or_(
        and_(candidate.c.kind == "group", candidate.c.name.in_(groups)),
        and_(candidate.c.kind.in_(("user", "assignee")), candidate.c.name.in_(names)),
    )
    return or_(
        case.c.started_by.in_(names),
        exists().where(candidate.c.case_key == case_key, theirs).correlate(case),
    )


def may_see(tx: Connection, person: Person, case_key: int) -> bool:
    return may(person, Act.SEE_CASE) or Standing.CONCERNED in standings(tx, person, case_key)


def standings(tx: Connection, person: Person, case_key: int) -> frozenset[Standing]:
    """Return how a person stands to a case, apart from their roles: concerned, or not at all."""
    query = select(case.c.key).where(case.c.key == case_key, concerns(person))
    return frozenset({Standing.CONCERNED} if tx.execute(query).scalar_one_or_none() is not None else ())
