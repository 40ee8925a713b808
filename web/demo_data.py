"""The demo: its people, cases in every stage for a first look, and all scenarios played from beginning to end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.identity import SYSTEM, Person
from web import bundles, scenarios
from web.demo import demo_people
from web.scenarios import Playback, PlayedClock, Player, Scenario
from web.settings import Settings
from web.wiring import House, open_house

_EMPTY = datetime(2026, 1, 1, tzinfo=UTC)  # any time will do when nothing is played

Progress = Callable[[Sequence[Scenario]], Iterable[Scenario]]
"""Shows how far the playing is: takes the scenarios, gives them back one by one."""


def load(house: House, settings: Settings, *, progress: Progress) -> None:
    """Add the demo people and, to a database without cases, a case for every scenario told by a complainant.

    Each case is left at another stage, so that everybody finds work, and its dates are moved so that the last thing
    done in it lies in the hours before now; every fourth is played to its end.
    """
    people = add_people(house)
    auditor = next(person for person in people if person.is_auditor)
    told = [scenario for scenario in scenarios.read_all(settings.root / "workflows") if scenario.source]
    if not told or house.worklist.search("", auditor, limit=1):
        return
    now = house.clock.now()
    cases = []
    for number, scenario in enumerate(told):
        begun = scenario.begun(max(1, len(scenario.steps) * (2, 1, 4, 3)[number % 4] // 4))
        cases.append(begun.shifted(-math.ceil((begun.ends_at - now) / timedelta(days=1))))
    cases.sort(key=lambda scenario: scenario.begins_at)
    clock = PlayedClock(now)
    with open_house(settings, clock=clock) as played:
        player = Player(played, clock, people)
        for scenario in progress(cases):
            player.play(scenario)


def add_people(house: House) -> list[Person]:
    """Create whoever of the demo people is missing, and return them all."""
    listed = demo_people()
    for entry in listed.people:
        if house.identity.find(entry.username) is None:
            house.identity.add(entry.username, entry.name, listed.password, entry.groups, by=SYSTEM)
    found = (house.identity.find(entry.username) for entry in listed.people)
    return [person for person in found if person is not None]


def play_all(settings: Settings, out_dir: Path, names: Sequence[str], *, progress: Progress) -> list[Playback]:
    """Play all scenarios (or those whose file name contains one of `names`) on an empty database.

    Every finished document is written to `out_dir` as `<case number>-<document number or template>.pdf`. Raise
    `ScenarioError` when a case goes another way than its scenario says.
    """
    found = [
        scenario
        for scenario in scenarios.read_all(settings.root / "workflows")
        if not names or any(name in scenario.file for name in names)
    ]
    out_dir.mkdir(parents=True, exist_ok=True)
    playbacks = []
    with TemporaryDirectory(prefix="hejie-demo-") as folder:
        own = replace(settings, data_dir=Path(folder), database_url=f"sqlite:///{folder}/demo.sqlite3", files_url="")
        clock = PlayedClock(min((scenario.begins_at for scenario in found), default=_EMPTY))
        with open_house(own, clock=clock) as house:
            house.casework.deploy(bundles.collect(own.root, ()), by="system", note="演示", check=house.check)
            player = Player(house, clock, add_people(house))
            for scenario in progress(sorted(found, key=lambda scenario: scenario.begins_at)):
                playback = player.play(scenario)
                _write_documents(house, playback, out_dir)
                playbacks.append(playback)
    return playbacks


def rows(playbacks: Iterable[Playback]) -> Iterator[tuple[str, str]]:
    """Yield label and text for every case: case, path taken, deadlines, decisions, documents."""
    for playback in playbacks:
        case = playback.case
        yield "案件", f"{case.case.number}  {playback.scenario.title}（{playback.scenario.source or '—'}）"
        yield "经过", " → ".join(playback.steps)
        yield "期限", "\n".join(playback.deadlines)
        yield "决策", "\n".join(playback.decisions)
        yield "文书", "\n".join(f"{document.number or '草稿'}  {document.title}" for document in case.documents)


def _write_documents(house: House, playback: Playback, out_dir: Path) -> None:
    for document in playback.case.documents:
        if document.sha256:
            name = f"{playback.case.case.number}-{document.number or document.template}.pdf"
            (out_dir / name).write_bytes(house.files.read(document.sha256))
