"""Cases like the one before somebody: probably the same matter told twice, or the same person's earlier ones.

Candidates come from indexes (the phone, the name, the product, a sketch of the text), the newest of each way, so many
and no more; only these are compared. Who asks sees of a case that is none of theirs that it exists and why it was
found, not whom it concerns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rapidfuzz import fuzz
from sqlalchemy import Connection, Select, and_, exists, select, union_all

from engine.casework.facts import digits, pieces, sketch
from engine.casework.visibility import sees
from engine.identity import Person, mask_name
from engine.tables import AnyRow, case, case_term

_NEWEST = 60
"""So many candidates of each way."""

_MOST = 8
"""So many are shown."""

_SAME_PRODUCT = 80
_SAME_TEXT = 60
"""From how much alike (of 100) a thing is named as a reason."""

_DUPLICATE = 60
"""From which score on a running case is probably the same matter."""

_NOBODY = frozenset({"", "未具名", "未具名顾客", "匿名"})


@dataclass(frozen=True)
class SimilarCase:
    """A case found, and why."""

    key: int | None
    """None: the person asking may not see it."""
    number: str
    title: str
    """"" for who may not see it."""
    complainant: str
    """Masked for who may not see it."""
    process_name: str
    state: str
    started_at: datetime
    score: int
    reasons: tuple[str, ...]
    probably_same: bool
    """The same matter, still running. Otherwise it is only like it, or the same person's."""


def similar(tx: Connection, facts: Mapping[str, str], person: Person, *, but: Collection[int]) -> list[SimilarCase]:
    """Return the cases most like `facts` (complainant, phone, product, summary), best first, without `but`."""
    keys = _candidates(facts)
    if not keys:
        return []
    found = union_all(*(select(way.subquery()) for way in keys)).subquery()
    query = select(
        case.c.key,
        case.c.number,
        case.c.title,
        case.c.complainant,
        case.c.phone,
        case.c.product,
        case.c.summary,
        case.c.process_name,
        case.c.state,
        case.c.started_at,
    ).where(case.c.key.in_(select(found.c[0])), case.c.key.not_in(list(but)))
    rated = [(row, *_rated(facts, row)) for row in tx.execute(query)]
    rated = [(row, score, reasons) for row, score, reasons in rated if reasons]
    rated.sort(key=lambda each: (-each[1], -each[0].key))
    best = rated[:_MOST]
    seen = set(
        tx.execute(select(case.c.key).where(case.c.key.in_([row.key for row, *_ in best]), sees(person))).scalars()
    )
    return [_view(row, score, reasons, visible=row.key in seen) for row, score, reasons in best]


def _candidates(facts: Mapping[str, str]) -> list[Select[Any]]:
    ways = []
    phone = digits(facts["phone"])
    if len(phone) >= 7:
        ways.append(_with_terms([f"@{phone}"]))
    if facts["complainant"].strip() not in _NOBODY:
        named = case.c.complainant == facts["complainant"]
        ways.append(
            _with_terms(sorted(pieces(facts["complainant"]))[:2]).join(
                case, and_(case.c.key == case_term.c.case_key, named)
            )
        )
    if facts["product"].strip():
        every = sorted(pieces(facts["product"]))
        ways.append(_with_terms(every[:: max(len(every) // 3, 1)][:3]))
    ways += [_with_terms([term]) for term in sorted(sketch(facts["summary"]))]
    return [way.order_by(case_term.c.case_key.desc()).limit(_NEWEST) for way in ways]


def _with_terms(terms: Sequence[str]) -> Select[Any]:
    """Return the keys of the cases that have all of these terms."""
    query = select(case_term.c.case_key).where(case_term.c.term == terms[0])
    for other in terms[1:]:
        term = case_term.alias()
        query = query.where(exists().where(term.c.case_key == case_term.c.case_key, term.c.term == other))
    return query


def _rated(facts: Mapping[str, str], row: AnyRow) -> tuple[int, tuple[str, ...]]:
    """Return how alike the two are, and the reasons to show at all; none if only chance brought them together."""
    phone = digits(facts["phone"])
    same_phone = len(phone) >= 7 and phone == digits(row.phone)
    same_name = facts["complainant"].strip() not in _NOBODY and facts["complainant"] == row.complainant
    product = round(fuzz.ratio(facts["product"], row.product)) if facts["product"] and row.product else 0
    text = _alike(facts["summary"], row.summary)
    reasons = []
    if same_phone:
        reasons.append("电话相同")
    if same_name:
        reasons.append("姓名相同")
    if product >= _SAME_PRODUCT:
        reasons.append(f"事项相近（{product}%）")
    if text >= _SAME_TEXT:
        reasons.append(f"经过相近（{text}%）")
    score = 35 * same_phone + 15 * same_name + (20 if product >= _SAME_PRODUCT else 0)
    score += 2 * (text - _SAME_TEXT) // 2 + 30 if text >= _SAME_TEXT else 0
    telling = same_phone or text >= _SAME_TEXT or (same_name and product >= _SAME_PRODUCT)
    return min(score, 100), tuple(reasons) if telling else ()


def _alike(one: str, other: str) -> int:
    if not one or not other:
        return 0
    whole = fuzz.ratio(one, other)
    # One told it shorter: the part that both have counts, if it is long enough to mean something.
    part = 0.9 * fuzz.partial_ratio(one, other) if min(len(one), len(other)) >= 15 else 0.0
    return round(max(whole, part))


def _view(row: AnyRow, score: int, reasons: tuple[str, ...], *, visible: bool) -> SimilarCase:
    return SimilarCase(
        key=row.key if visible else None,
        number=row.number,
        title=row.title if visible else "",
        complainant=row.complainant if visible else mask_name(row.complainant),
        process_name=row.process_name,
        state=row.state,
        started_at=row.started_at,
        score=score,
        reasons=reasons,
        probably_same=row.state == "ACTIVE" and score >= _DUPLICATE,
    )
