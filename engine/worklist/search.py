"""Finding cases by number, name, phone or product, fast at a million cases.

Each way a text can match is a range of an index, newest case first, cut off at the limit before they are merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, or_, select, union_all

from engine.casework.facts import digits, pieces
from engine.casework.visibility import sees
from engine.identity import Person
from engine.permissions import Act, may
from engine.tables import AnyRow, candidate, case, case_term
from engine.worklist.owners import holder, offered

_LOOKED_THROUGH = 3000
"""How many of the newest cases are looked through where no index knows the answer: for a single character, and for
what somebody may see of a word that thousands of cases contain."""

_MOST_PIECES = 3
"""So many pieces of a text are asked of the index; the text itself decides."""

Keys = Select[Any]
"""A query whose one column is a case's key."""


def find_cases(tx: Connection, text: str, person: Person, *, limit: int) -> Sequence[AnyRow]:
    """Return the newest cases the person may see that contain the text; the newest of all for "".

    A text is looked for in the number, the complainant, the product and the title; digits also as the end of a
    number and as a phone number or its last four. Who may not see every case, and looks for a word that thousands of
    cases contain, finds it in the newest of these and in the newest of their own.
    """
    text = _normal(text)
    if may(person, Act.SEE_CASE):
        found = _merged(_matches(text), limit)
    elif text:
        theirs = [_where(_newest(keys, _LOOKED_THROUGH), _contains(text)) for keys in _own(person)]
        others = [_where(_newest(keys, _LOOKED_THROUGH), sees(person)) for keys in _matches(text)]
        found = _merged([*theirs, *others], limit)
    else:
        found = _merged(_own(person), limit)
    query = select(case).where(case.c.key.in_(found)).order_by(case.c.key.desc())
    return tx.execute(query.limit(limit)).all()


def matching_cases(tx: Connection, text: str, *, limit: int) -> list[int]:
    """Return the keys of the newest cases that contain the text, whoever may see them."""
    return list(tx.execute(_merged(_matches(_normal(text)), limit)).scalars())


def _own(person: Person) -> list[Keys]:
    """Return the cases a person may see without a role: started by them, or with a task that is or was theirs."""
    started = select(case.c.key).where(case.c.started_by == person.username)
    concerned = [
        select(candidate.c.case_key).where(candidate.c.kind == kind, candidate.c.name == name).distinct()
        for kind, name in (*holder(person), *offered(person))
    ]
    return [started, *concerned]


def _matches(text: str) -> list[Keys]:
    if not text:
        return [select(case.c.key)]
    ways = [select(case.c.key).where(case.c.number == text.upper()), _containing(text)]
    if 3 <= len(text) <= 6:
        ways.append(_with_term(f"#{text.casefold()}"))
    numbers = digits(text)
    if numbers == text.replace(" ", "").replace("-", "") and (len(numbers) == 4 or len(numbers) >= 7):
        ways.append(_with_term(f"@{numbers}"))
    return ways


def _containing(text: str) -> Keys:
    known = sorted(piece for piece in pieces(text) if len(piece) > 1)
    if not known:
        newest = select(func.max(case.c.key)).scalar_subquery()
        return select(case.c.key).where(case.c.key > newest - _LOOKED_THROUGH, _contains(text))
    first, *others = known[:: max(len(known) // _MOST_PIECES, 1)][:_MOST_PIECES]
    # The index narrows, the text decides: 小明王 has the pieces 小明 and 明王, and so has 明王小明.
    found = _with_term(first).join(case, case.c.key == case_term.c.case_key).where(_contains(text))
    for other in others:
        term = case_term.alias()
        found = found.where(exists().where(term.c.case_key == case_term.c.case_key, term.c.term == other))
    return found


def _contains(text: str) -> ColumnElement[bool]:
    columns = func.lower(case.c.title), func.lower(case.c.complainant), func.lower(case.c.product)
    return or_(*(column.contains(text.casefold(), autoescape=True) for column in columns))


def _with_term(term: str) -> Keys:
    return select(case_term.c.case_key).where(case_term.c.term == term)


def _where(keys: Any, condition: ColumnElement[bool]) -> Keys:
    found = keys.subquery()
    return select(case.c.key).join(found, found.c[0] == case.c.key).where(condition)


def _newest(keys: Keys, limit: int) -> Keys:
    return keys.order_by(keys.selected_columns[0].desc()).limit(limit)


def _merged(ways: Sequence[Keys], limit: int) -> Keys:
    found = union_all(*(select(_newest(keys, limit).subquery()) for keys in ways)).subquery()
    return _newest(select(found.c[0]).distinct(), limit)


def _normal(text: str) -> str:
    return " ".join(text.split())[:60]
