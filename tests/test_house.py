"""The house keeps its own rules."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from web.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("engine", "forms", "documents", "web")
PROCEDURES = sorted(path.stem for path in (ROOT / "workflows").glob("*.bpmn"))


@pytest.mark.parametrize("room", ROOMS)
def test_no_other_distribution_claims_our_names(room: str) -> None:
    assert set(packages_distributions().get(room, ["hejie"])) == {"hejie"}


@pytest.mark.parametrize("path", sorted(p for room in ROOMS for p in (ROOT / room).rglob("*.py")), ids=str)
def test_no_python_names_a_procedure(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [name for name in PROCEDURES if re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize("path", sorted(p for room in ROOMS for p in (ROOT / room).rglob("*.py")), ids=str)
def test_the_clock_is_read_in_one_place(path: Path) -> None:
    if path == ROOT / "engine/clock.py":
        return
    calls = re.findall(r"datetime\.(?:now|utcnow|today)\(|date\.today\(", path.read_text(encoding="utf-8"))
    assert calls == []


def test_the_readme_lists_every_setting() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    source = (ROOT / "web/settings.py").read_text(encoding="utf-8")
    names = set(re.findall(r"\((HEJIE_[A-Z_]+|PORT)\)", source))
    assert len(names) >= len(fields(Settings)) - 1
    assert {name for name in names if f"`{name}`" not in readme} == set()
