"""Who may do what: the one table. Use cases and questions both ask it; a page only leaves out what would be refused.

An act is allowed to whoever has one of the standings in its row. Roles are standings that a person always has; the
others say how a person stands to the case, task or process in question, and whoever asks names those that hold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # persons are administered by this table too
    from engine.identity import Person

EVERYBODY = "*"
"""The candidate group of a task that names nobody, and the starters of a process open to all."""


class Standing(Enum):
    """What may entitle somebody."""

    # How somebody stands to a process, a case, a task, a file
    STARTER = auto()
    """Of a process: in one of the groups that may start it (see `Bundle.starters`)."""
    CONCERNED = auto()
    """Of a case: started it, or a task of it is or was theirs or offered to them or their groups, or a notice of its
    deadlines was for them."""
    CANDIDATE = auto()
    """Of a task that nobody holds: it is offered to them or their groups."""
    HOLDER = auto()
    """Of a task: it is theirs."""
    STAND_IN = auto()
    """Of a task: it is somebody's for whom they stand in."""
    UPLOADER = auto()
    """Of an attachment: it was uploaded by them."""
    READER = auto()
    """Of a report: in one of the groups that it names."""
    # Roles
    AUDITOR = auto()
    ADMINISTRATOR = auto()
    PROCESS_OWNER = auto()


class Act(Enum):
    """What somebody may want to do."""

    # Cases
    START_CASE = auto()
    SEE_CASE = auto()
    """Its page, timeline, diagrams, documents' register; phone and identity numbers masked."""
    SEE_NUMBERS = auto()
    """Phone, identity and account numbers of the case in full."""
    OPEN_DOCUMENT = auto()
    """The PDF itself."""
    OPEN_ATTACHMENT = auto()
    COMMENT = auto()
    ATTACH = auto()
    CANCEL_CASE = auto()
    CORRECT_CASE = auto()
    """Set variables by hand, void a document."""
    SUPPLEMENT = auto()
    """Tell a running case, by the form that its diagram offers, what it waits to hear."""
    MERGE_CASE = auto()
    """End a duplicate, pointing to the case that goes on (which must be seen too)."""
    REOPEN_CASE = auto()
    """Take up a finished case again in a new one."""
    # Tasks
    CLAIM = auto()
    COMPLETE = auto()
    """And save a draft."""
    RELEASE = auto()
    ASSIGN = auto()
    """To a colleague who is a candidate."""
    ASSIGN_ANYBODY = auto()
    SEE_SIMILAR = auto()
    """Of a task that asks for it: which cases of others are like this one; masked where they may not see them."""
    # The house
    SEE_INCIDENT = auto()
    RETRY_INCIDENT = auto()
    SEND = auto()
    """Messages and signals from outside."""
    SEE_DEPLOYMENTS = auto()
    DEPLOY = auto()
    SEE_REPORT = auto()
    """Numbers over all cases that it counts; the cases behind them only as far as one may see each."""
    AUDIT = auto()
    """The register of all documents, the journal's chains."""
    ADMINISTER = auto()
    """Persons and groups."""


_S = Standing

ALLOWED: Mapping[Act, frozenset[Standing]] = {
    act: frozenset(standings)
    for act, standings in {
        Act.START_CASE: {_S.STARTER},
        Act.SEE_CASE: {_S.CONCERNED, _S.AUDITOR, _S.ADMINISTRATOR},
        Act.SEE_NUMBERS: {_S.CONCERNED},
        Act.OPEN_DOCUMENT: {_S.CONCERNED, _S.AUDITOR},
        Act.OPEN_ATTACHMENT: {_S.CONCERNED, _S.AUDITOR, _S.UPLOADER},
        Act.COMMENT: {_S.CONCERNED, _S.ADMINISTRATOR},
        Act.ATTACH: {_S.CONCERNED},
        Act.CANCEL_CASE: {_S.ADMINISTRATOR},
        Act.CORRECT_CASE: {_S.ADMINISTRATOR},
        Act.SUPPLEMENT: {_S.CONCERNED, _S.ADMINISTRATOR},
        Act.MERGE_CASE: {_S.CONCERNED, _S.ADMINISTRATOR},
        Act.REOPEN_CASE: {_S.CONCERNED, _S.ADMINISTRATOR},
        Act.CLAIM: {_S.CANDIDATE, _S.STAND_IN},
        Act.COMPLETE: {_S.CANDIDATE, _S.HOLDER, _S.STAND_IN},
        Act.RELEASE: {_S.HOLDER, _S.ADMINISTRATOR},
        Act.ASSIGN: {_S.CANDIDATE, _S.HOLDER, _S.ADMINISTRATOR},
        Act.ASSIGN_ANYBODY: {_S.ADMINISTRATOR},
        Act.SEE_SIMILAR: {_S.CANDIDATE, _S.HOLDER, _S.STAND_IN},
        Act.SEE_INCIDENT: {_S.CONCERNED, _S.AUDITOR, _S.ADMINISTRATOR, _S.PROCESS_OWNER},
        Act.RETRY_INCIDENT: {_S.ADMINISTRATOR, _S.PROCESS_OWNER},
        Act.SEND: {_S.ADMINISTRATOR, _S.PROCESS_OWNER},
        Act.SEE_DEPLOYMENTS: {_S.AUDITOR, _S.ADMINISTRATOR, _S.PROCESS_OWNER},
        Act.DEPLOY: {_S.ADMINISTRATOR, _S.PROCESS_OWNER},
        Act.SEE_REPORT: {_S.READER, _S.AUDITOR, _S.ADMINISTRATOR},
        Act.AUDIT: {_S.AUDITOR, _S.ADMINISTRATOR},
        Act.ADMINISTER: {_S.ADMINISTRATOR},
    }.items()
}
"""`identity.SYSTEM`, the actor of timers, jobs and start-up, may do everything."""


def may(person: Person, act: Act, *standings: Standing) -> bool:
    """Say whether somebody with these standings, beside their roles, may do it."""
    return person.is_system or not ALLOWED[act].isdisjoint({*roles(person), *standings})


def roles(person: Person) -> frozenset[Standing]:
    """Return the standings that do not depend on a case."""
    held = {
        Standing.AUDITOR: person.is_auditor,
        Standing.ADMINISTRATOR: person.is_administrator,
        Standing.PROCESS_OWNER: person.is_process_owner,
    }
    return frozenset(role for role, has in held.items() if has)


def of_task(
    person: Person, *, assignee: str | None, groups: Collection[str], users: Collection[str]
) -> frozenset[Standing]:
    """Return how a person stands to a task held by `assignee` (None: nobody), offered to these groups and users."""
    if assignee is not None:
        if assignee == person.username:
            return frozenset({Standing.HOLDER})
        return frozenset({Standing.STAND_IN} if any(other.username == assignee for other in person.others) else ())
    return frozenset({Standing.CANDIDATE} if is_candidate(person, groups, users) else ())


def of_process(person: Person, starters: Collection[str]) -> frozenset[Standing]:
    """Return how a person stands to a process open to these groups."""
    return frozenset({Standing.STARTER} if EVERYBODY in starters or person.groups & set(starters) else ())


def of_report(person: Person, readers: Collection[str]) -> frozenset[Standing]:
    """Return how a person stands to a report for these groups."""
    return frozenset({Standing.READER} if EVERYBODY in readers or person.groups & set(readers) else ())


def is_candidate(person: Person, groups: Collection[str], users: Collection[str]) -> bool:
    """Say whether a task offered to these groups and users is offered to `person` or somebody they stand in for,
    whoever holds it."""
    return _offered(person, groups, users) or any(_offered_as(other, groups, users) for other in person.others)


def acting_for(
    person: Person, *, assignee: str | None, groups: Collection[str], users: Collection[str]
) -> Person | None:
    """Return for whom the person would act on a task; None if for themselves, or not at all."""
    if assignee is not None and assignee != person.username:
        return next((other for other in person.others if other.username == assignee), None)
    if _offered(person, groups, users):
        return None
    return next((other for other in person.others if _offered_as(other, groups, users)), None)


def _offered(person: Person, groups: Collection[str], users: Collection[str]) -> bool:
    return person.username in users or bool(person.groups & set(groups)) or EVERYBODY in groups


def _offered_as(other: Person, groups: Collection[str], users: Collection[str]) -> bool:
    return other.username in users or bool(other.lanes & set(groups))
