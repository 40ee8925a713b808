"""The people of the demo, as `demo_people.yaml` lists them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from engine.identity import ADMINISTRATORS, AUDITORS, PROCESS_OWNERS

_ROLES = {"auditor": AUDITORS, "administrator": ADMINISTRATORS, "process_owner": PROCESS_OWNERS}


@dataclass(frozen=True)
class DemoPerson:
    username: str
    name: str
    title: str
    groups: tuple[str, ...]
    """Lanes and, for those who serve all houses, the role."""
    house: str
    """Where they work, as the sign-in page groups them."""


@dataclass(frozen=True)
class DemoPeople:
    password: str
    people: tuple[DemoPerson, ...]

    def houses(self) -> dict[str, list[DemoPerson]]:
        """Return house -> who works there, in the order of the list."""
        houses: dict[str, list[DemoPerson]] = {}
        for person in self.people:
            houses.setdefault(person.house, []).append(person)
        return houses


@cache
def demo_people() -> DemoPeople:
    """Return everybody of the demo and their common password. They exist only where `hejie` made them."""
    content = yaml.safe_load(Path(__file__).with_name("demo_people.yaml").read_text(encoding="utf-8"))
    return DemoPeople(
        password=content["password"],
        people=tuple(
            DemoPerson(
                username=entry["username"],
                name=entry["name"],
                title=entry["title"],
                groups=(*entry["groups"], *(_ROLES[role] for role in entry.get("roles", ()))),
                house=house,
            )
            for house, entries in content["houses"].items()
            for entry in entries
        ),
    )
