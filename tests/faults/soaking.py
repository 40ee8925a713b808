"""Runs clerks and workers as processes, and kills them at random moments."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sqlalchemy import func, select

from engine.clock import SystemClock
from engine.database import Database
from engine.tables import case
from tests.engine.conftest import House
from tests.faults import actors
from tests.faults.actors import Order
from tests.faults.checking import Report, examine, read_acknowledged

_PAUSE = 0.05
_SERVER = multiprocessing.get_context("forkserver")
# Forked from a process that has read the libraries and done nothing: a new actor costs tenths of a second.
_SERVER.set_forkserver_preload(["tests.faults.actors"])


@dataclass
class Staff:
    """The processes of one run. Nothing is killed but what was started here."""

    url: str
    folder: Path
    unlocked: bool = False
    running: list[tuple[ForkServerProcess, Order, Callable[[Order], None]]] = field(default_factory=list)
    _names: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        for name in ("acknowledged", "errors", "ready", "data"):
            (self.folder / name).mkdir(parents=True)

    def hire(self, role: Callable[[Order], None]) -> None:
        order = Order(self.url, self.folder, f"{role.__name__}-{next(self._names)}", self.unlocked)
        process = _SERVER.Process(target=role, args=(order,), daemon=True)
        process.start()
        self.running.append((process, order, role))

    def kill_one(self, chance: random.Random) -> bool:
        """Kill one that is at work and hire another in its place. False: all are still getting ready."""
        at_work = [entry for entry in self.running if entry[1].ready.exists()]
        if not at_work:
            return False
        process, _, role = killed = chance.choice(at_work)
        process.kill()
        process.join()
        self.running.remove(killed)
        self.hire(role)
        return True

    def dismiss(self) -> None:
        for process, _, _ in self.running:
            process.kill()
            process.join()
        self.running.clear()

    def acknowledged(self) -> int:
        """How many completions were acknowledged until now."""
        return self._lines(b"complete ")

    def cases(self) -> int:
        """How many starts were acknowledged until now."""
        return self._lines(b"start ")

    def _lines(self, what: bytes) -> int:
        return sum(path.read_bytes().count(what) for path in (self.folder / "acknowledged").iterdir())

    def errors(self) -> list[str]:
        found = [path.read_text() for path in sorted((self.folder / "errors").iterdir())]
        died = [f"{order.name} ended with {p.exitcode}" for p, order, _ in self.running if not p.is_alive()]
        return [*found, *died]


def soak(
    house: House,
    folder: Path,
    *,
    completions: int,
    kills: int,
    seed: int,
    patience: float,
    unlocked: bool = False,
    clerks: int = 2,
    workers: int = 2,
) -> Report:
    """Let a staff complete so many tasks while `kills` of them die, until every case is finished; then look.

    It ends early when somebody meets an error, and after `patience` seconds without progress.
    """
    house.clock.at = SystemClock().now()
    house.deploy(actors.PROCEDURE)
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    staff = Staff(house.database.engine.url.render_as_string(hide_password=False), folder, unlocked)
    moments = sorted(chance.uniform(0.02, 0.9) * completions for _ in range(kills))
    killed, done, since = 0, 0, time.monotonic()
    try:
        for role in [actors.clerk] * clerks + [actors.worker] * workers:
            staff.hire(role)
        while not staff.errors() and time.monotonic() - since < patience:
            time.sleep(_PAUSE)
            before, done = done, staff.acknowledged()
            if done != before:
                since = time.monotonic()
            if killed < kills and done >= moments[killed]:
                time.sleep(chance.uniform(0, _PAUSE))
                killed += staff.kill_one(chance)
            if staff.cases() * actors.COMPLETIONS >= completions:
                (folder / "enough").touch()
                if killed == kills and _all_finished(house.database):
                    break
    finally:
        staff.dismiss()
    report = examine(house.database, read_acknowledged(folder / "acknowledged"))
    report.kills, report.errors = killed, staff.errors()
    return report


def _all_finished(database: Database) -> bool:
    with database.read() as tx:
        return not tx.execute(select(func.count()).where(case.c.state == "ACTIVE")).scalar_one()
