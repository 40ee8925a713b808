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
    """Return under which names tasks are offered to them."""
    groups = [*sorted(person.groups), EVERYBODY]
    return [("user", person.username), *(("group", group) for group in groups)]
