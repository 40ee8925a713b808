"""Taking in what comes from outside: from the public's page, the mail box, a list of letters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from engine import store
from engine.casework.errors import UnknownProcess
from engine.casework.house import UseCases, person, use_case
from engine.casework.results import CaseRef
from engine.casework.starting import begin_case
from engine.casework.step import Step, open_step
from engine.casework.tasks import check_size, with_attachments
from engine.deployments import latest_key
from engine.entries import entry_process
from engine.feel import FeelError
from engine.identity import Person
from engine.tables import case, receipt

_TRIES = 3
MOST_TEXT = 20_000
"""Characters of a letter that go into a case's history."""
EMAIL_ADDRESS = "case_email"
"""Process property: FEEL for the address whose mail about a case is believed."""


@dataclass(frozen=True)
class Received:
    """What has been taken in. `new` False: it was before, and nothing was done now."""

    case: CaseRef
    new: bool


@dataclass(frozen=True)
class Matter:
    """Something brought from outside. `reference` is unique within its origin; "" where there is none."""

    variables: Mapping[str, Any]
    reference: str = ""


class Receiving(UseCases):
    def take_in(
        self, entry: str, variables: Mapping[str, Any], *, by: str, origin: str = "", reference: str = ""
    ) -> Received:
        """Start a case of the process that takes in what comes by `entry` (see `engine.entries`).

        Attachments in the variables become the case's; they must be loose ones of `by`. With a `reference`, unique
        within `origin`, the same thing is taken in once. Who may bring it is decided by who holds the door: a setting
        for the public's page, whoever runs it for the mail box and the list. Raise `UnknownProcess` if no process has
        this entry, `Invalid` for what is too large, reserved, or mentions a strange attachment.
        """
        [received] = self.take_in_all(entry, [Matter(variables, reference)], by=by, origin=origin)
        return received

    def take_in_all(self, entry: str, matters: Sequence[Matter], *, by: str, origin: str = "") -> list[Received]:
        """Take in all of them, or none if one is refused; those that were before are left as they are."""
        for again in range(_TRIES, 0, -1):
            try:
                return self._take_in(entry, matters, by=by, origin=origin)
            except IntegrityError:
                # Another process has taken in the same thing in the same moment: look again.
                if again == 1 or not any(matter.reference for matter in matters):
                    raise
        raise AssertionError("unreachable")

    @use_case
    def _take_in(self, entry: str, matters: Sequence[Matter], *, by: str, origin: str) -> list[Received]:
        for matter in matters:
            check_size(matter.variables)
        with self._house.database.begin() as tx:
            latest = latest_key(tx)
            process = entry_process(self._house.deployments.bundle(tx, latest), entry) if latest is not None else None
            if process is None:
                raise UnknownProcess(entry)
            who = person(tx, by)
            return [self._start(tx, process.id, matter, who, origin) for matter in matters]

    def _start(self, tx: Connection, process_id: str, matter: Matter, who: Person, origin: str) -> Received:
        known = _taken(tx, origin, matter.reference) if matter.reference else None
        if known is not None:
            return Received(known, new=False)
        step = begin_case(
            self._house,
            tx,
            process_id,
            matter.variables,
            by=who,
            start_event=None,
            prepare=lambda key, given: with_attachments(tx, key, None, given, who),
        )
        step.save()
        if matter.reference:
            _receive(tx, origin, matter.reference, step.case.key, at=step.now)
        return Received(CaseRef(step.case.key, step.case.number, step.next_items()), new=True)

    @use_case
    def join(
        self, number: str, sender: str, text: str, *, by: str, attachments: Sequence[int], origin: str, reference: str
    ) -> CaseRef | None:
        """Put what `sender` (an e-mail address) writes to a running case into its history, with loose attachments of
        `by`; once. None if no such case runs, or if the sender is not the one its process names by `case_email`."""
        with self._house.database.begin() as tx:
            known = _taken(tx, origin, reference)
            if known is not None:
                return known
            found = tx.execute(select(case.c.key).where(case.c.number == number.strip().upper())).scalar_one_or_none()
            row = store.lock_case(tx, found) if found is not None else None
            if row is None or row.state != "ACTIVE":
                return None
            step = open_step(self._house, tx, row, person(tx, by))
            address = self._address(step)
            if not sender or address.casefold() != sender.casefold():
                return None
            store.link_attachments(tx, list(attachments), case_key=row.key, item_key=None, by=by)
            step.record("case:comment", {"text": text[:MOST_TEXT]})
            step.save()
            _receive(tx, origin, reference, row.key, at=step.now)
            return CaseRef(row.key, row.number)

    def _address(self, step: Step) -> str:
        process = step.bundle.diagrams.get(step.case.process_id)
        text = process.properties.get(EMAIL_ADDRESS, "") if process is not None else ""
        try:
            return str(self._house.feel.evaluate(text.removeprefix("="), step.run.variables, now=step.now) or "")
        except FeelError:
            return ""

    def taken_in(self, origin: str, reference: str) -> CaseRef | None:
        """Return the case that something was taken in as; None if it has not been."""
        with self._house.database.read() as tx:
            return _taken(tx, origin, reference)


def _receive(tx: Connection, origin: str, reference: str, case_key: int, *, at: datetime) -> None:
    values = {"origin": origin, "reference": _digest(reference), "case_key": case_key}
    tx.execute(insert(receipt).values(**values, received_at=at))


def _taken(tx: Connection, origin: str, reference: str) -> CaseRef | None:
    query = (
        select(case.c.key, case.c.number)
        .join(receipt, receipt.c.case_key == case.c.key)
        .where(receipt.c.origin == origin, receipt.c.reference == _digest(reference))
    )
    found = tx.execute(query).one_or_none()
    return None if found is None else CaseRef(found.key, found.number)


def _digest(reference: str) -> str:
    """A reference may be of any length, and hold what a key of the database should not."""
    return hashlib.sha256(reference.strip().encode()).hexdigest()
