"""What somebody without an account is told of their case: where it stands, in plain words, and nothing else.

Whether the number exists shows in nothing: the same statements are executed and the same amount is read for a wrong
number as for a wrong phone and for the right one.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from engine.casework.facts import digits
from engine.casework.linking import MERGED, REOPENED
from engine.deployments import Bundle, Deployments
from engine.dialect import Element
from engine.entries import PUBLIC, entries_of
from engine.feel import FeelError
from engine.runtime import Runtime
from engine.tables import AnyRow, case, case_link, journal

STEP = "public_step"
"""Property of an element: what is said once it has been reached."""

ANSWER_DUE = "case_answer_due"
"""Process property: FEEL for the instant until which an answer is promised."""

_LATEST = 40
_MOST_FOLLOWED = 10


@dataclass(frozen=True)
class PublicStatus:
    number: str
    state: str
    """ACTIVE, COMPLETED, CANCELED, MERGED"""
    step: str
    """The last thing said to the public; "" if nothing yet."""
    step_at: datetime | None
    received_at: datetime
    answer_due: datetime | None
    """None when it has ended, or no time was promised."""
    ended_at: datetime | None


@dataclass(frozen=True)
class Desk:
    """Answers one such question."""

    tx: Connection
    deployments: Deployments
    runtime: Runtime
    now: datetime

    def status(self, number: str, phone: str) -> PublicStatus | None:
        """Return where a case stands for who knows its number and the phone given with it; None for anybody else."""
        named = self.tx.execute(select(case).where(case.c.number == number.strip().upper())).one_or_none()
        newest = self.tx.execute(select(case).where(case.c.key == select(func.max(case.c.key)).scalar_subquery()))
        other = newest.one_or_none()
        row = named if named is not None else other
        if row is None:
            return None
        bundle = self.deployments.bundle(self.tx, row.deployment_key)
        process = bundle.diagrams.get(row.process_id)
        told = self._told(row, bundle)
        theirs = hmac.compare_digest(digits(row.phone)[-11:].encode(), digits(phone)[-11:].encode())
        asked = named is not None and process is not None and PUBLIC in entries_of(process)
        return told if asked and theirs and len(digits(phone)) >= 7 else None

    def _told(self, row: AnyRow, bundle: Bundle) -> PublicStatus:
        last = self._last(row)
        step, step_at = self._step(last, bundle)
        merged = self.tx.execute(_ONWARD, {"ended": last.key, "kind": MERGED}).first() is not None
        return PublicStatus(
            number=row.number,
            state="MERGED" if merged else last.state,
            step=step,
            step_at=step_at,
            received_at=row.started_at,
            answer_due=self._due(last, bundle) if last.state == "ACTIVE" else None,
            ended_at=last.ended_at,
        )

    def _last(self, row: AnyRow) -> AnyRow:
        """Return the case in which the matter is now, if it was taken up again."""
        for _ in range(_MOST_FOLLOWED):
            onward = self.tx.execute(_ONWARD, {"ended": row.key, "kind": REOPENED}).first()
            if onward is None:
                break
            row = self.tx.execute(select(case).where(case.c.key == onward.to_case_key)).one()
        return row

    def _step(self, row: AnyRow, bundle: Bundle) -> tuple[str, datetime | None]:
        said = _said(bundle)
        query = (
            select(journal.c.process_id, journal.c.element_id, journal.c.event, journal.c.at)
            .where(
                journal.c.stream == row.key,
                journal.c.event.in_(("element:entered", "element:completed")),
                journal.c.element_id.in_({element_id for _, element_id in said}),
            )
            .order_by(journal.c.seq.desc())
            .limit(_LATEST)
        )
        for entry in self.tx.execute(query):
            element = said.get((entry.process_id, entry.element_id))
            # An activity is under way from when it is entered, an event has happened when it is completed.
            if element is not None and element.type.endswith("Event") == (entry.event == "element:completed"):
                return element.properties[STEP], entry.at
        return "", None

    def _due(self, row: AnyRow, bundle: Bundle) -> datetime | None:
        process = bundle.diagrams.get(row.process_id)
        text = process.properties.get(ANSWER_DUE, "") if process is not None else ""
        if not text.startswith("="):
            return None
        variables = self.runtime.restore(bundle, row.runtime_state, now=self.now).variables
        try:
            return _instant(self.runtime.feel.evaluate(text[1:], variables, now=self.now))
        except FeelError:
            return None


def _said(bundle: Bundle) -> Mapping[tuple[str, str], Element]:
    return {
        (process.id, element.id): element
        for process in bundle.diagrams.values()
        for element in process.elements.values()
        if STEP in element.properties
    }


def _instant(value: Any) -> datetime | None:
    value = getattr(value, "at", value)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


_ONWARD = select(case_link.c.to_case_key).where(
    case_link.c.from_case_key == bindparam("ended"), case_link.c.kind == bindparam("kind")
)
