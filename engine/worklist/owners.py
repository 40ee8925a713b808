"""Under which names a person stands in `tables.candidate`."""

from __future__ import annotations

from engine.identity import Person
from engine.permissions import EVERYBODY

Owner = tuple[str, str]
"""Kind (assignee, user, group) and name."""


def holder(person: Person) -> list[Owner]:
    """Return under which names tasks are theirs."""
    return [("assignee", person.username)]


def offered(person: Person) -> list[Owner]:
    """Return under which names tasks are offered to them, or are of somebody they stand in for."""
    groups = [*sorted(person.groups.union(*(other.lanes for other in person.others))), EVERYBODY]
    theirs = [(kind, other.username) for other in person.others for kind in ("user", "assignee")]
    return [("user", person.username), *theirs, *(("group", group) for group in groups)]
