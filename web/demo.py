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
    """Lanes and, for the last three, the role."""


@dataclass(frozen=True)
class DemoPeople:
    password: str
    people: tuple[DemoPerson, ...]


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
            )
            for entry in content["people"]
        ),
    )
