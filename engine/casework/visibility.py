"""Who may see a case, as the tables know it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, or_, select

from engine.identity import Person
from engine.permissions import EVERYBODY, Act, Standing, may
from engine.tables import candidate, case, notice


def sees(person: Person, case_key: Any = case.c.key) -> ColumnElement[bool]:
    """Return the condition on `case` rows that the person may see: by a role, or because they are concerned."""
    return case.c.key.is_not(None) if may(person, Act.SEE_CASE) else concerns(person, case_key)


def concerns(person: Person, case_key: Any = case.c.key) -> ColumnElement[bool]:
    """Return the condition on `case` rows without regard to roles."""
    return _concerning(*_known_as(person), case_key)


def _known_as(person: Person) -> tuple[list[str], list[str]]:
    """Return the usernames and the groups whose cases are the person's business."""
    groups = [*sorted(person.groups.union(*(other.lanes for other in person.others))), EVERYBODY]
    return [person.username, *(other.username for other in person.others)], groups


def _concerning(names: Any, groups: Any, case_key: Any) -> ColumnElement[bool]:
    theirs = or_(
        and_(candidate.c.kind == "group", candidate.c.name.in_(groups)),
        and_(candidate.c.kind.in_(("user", "assignee")), candidate.c.name.in_(names)),
    )
    return or_(
        case.c.started_by.in_(names),
        exists().where(candidate.c.case_key == case_key, theirs).correlate(case),
        # Whom its diagram has told of a deadline is to see what about.
        exists().where(notice.c.case_key == case_key, notice.c.receiver.in_(names)).correlate(case),
    )


# Composed once: every page asks it, and composing costs more than asking.
_CONCERNED = select(case.c.key).where(
    case.c.key == bindparam("case_key"),
    _concerning(bindparam("names", expanding=True), bindparam("groups", expanding=True), case.c.key),
)


def may_see(tx: Connection, person: Person, case_key: int) -> bool:
    return may(person, Act.SEE_CASE) or Standing.CONCERNED in standings(tx, person, case_key)


def standings(tx: Connection, person: Person, case_key: int) -> frozenset[Standing]:
    """Return how a person stands to a case, apart from their roles: concerned, or not at all."""
    names, groups = _known_as(person)
    found = tx.execute(_CONCERNED, {"case_key": case_key, "names": names, "groups": groups}).scalar_one_or_none()
    return frozenset({Standing.CONCERNED} if found is not None else ())
