"""Runs clerks, servers and workers as processes, and kills them at random moments."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sqlalchemy import func, select

from engine.clock import SystemClock
from engine.database import Database
from engine.tables import case
from engine.worker import LEASE
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
    lease: timedelta
    unlocked: bool = False
    running: list[tuple[ForkServerProcess, Order, Callable[[Order], None]]] = field(default_factory=list)
    _names: itertools.count[int] = field(default_factory=itertools.count)
    _read: dict[Path, int] = field(default_factory=dict)
    _acts: Counter[bytes] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for name in ("acknowledged", "errors", "ready", "data"):
            (self.folder / name).mkdir(parents=True)

    def hire(self, role: Callable[[Order], None]) -> None:
        order = Order(self.url, self.folder, f"{role.__name__}-{next(self._names)}", self.lease, self.unlocked)
        process = _SERVER.Process(target=role, args=(order,), daemon=True)
        process.start()
        self.running.append((process, order, role))

    def kill_one(self, chance: random.Random) -> str:
        """Kill one that is at work, hire another in its place, and return its role; "" if all are getting ready."""
        at_work = [entry for entry in self.running if entry[1].ready.exists()]
        if not at_work:
            return ""
        process, order, role = killed = chance.choice(at_work)
        process.kill()
        process.join()
        order.ready.unlink()
        self.running.remove(killed)
        self.hire(role)
        return role.__name__

    def dismiss(self) -> None:
        for process, _, _ in self.running:
            process.kill()
            process.join()
        self.running.clear()

    def acknowledged(self) -> int:
        """How many completions were acknowledged until now."""
        return self._count()[b"complete"]

    def cases(self) -> int:
        """How many starts were acknowledged until now."""
        return self._count()[b"start"]

    def _count(self) -> Counter[bytes]:
        for path in (self.folder / "acknowledged").iterdir():
            with path.open("rb") as log:
                log.seek(self._read.get(path, 0))
                lines = log.read().rpartition(b"\n")[0]
            if lines:
                self._read[path] = self._read.get(path, 0) + len(lines) + 1
                self._acts.update(line.partition(b" ")[0] for line in lines.split(b"\n"))
        return self._acts

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
    lease: timedelta = LEASE,
    unlocked: bool = False,
    clerks: int = 1,
    servers: int = 2,
    visitors: int = 2,
    workers: int = 2,
) -> Report:
    """Let a staff complete so many tasks while `kills` of them die, until every case is finished; then look.

    It ends early when somebody meets an error, and after `patience` seconds without progress.
    """
    house.clock.at = SystemClock().now()
    house.deploy(actors.PROCEDURE)
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    staff = Staff(house.database.engine.url.render_as_string(hide_password=False), folder, lease, unlocked)
    moments = sorted(chance.uniform(0.02, 0.9) * completions for _ in range(kills))
    killed: Counter[str] = Counter()
    done, since = 0, time.monotonic()
    try:
        for role, number in (
            (actors.clerk, clerks),
            (actors.worker, workers),
            (actors.server, servers),
            (actors.visitor, visitors),
        ):
            for _ in range(number):
                staff.hire(role)
        while not staff.errors() and time.monotonic() - since < patience:
            time.sleep(_PAUSE)
            before, done = done, staff.acknowledged()
            if done != before:
                since = time.monotonic()
            if killed.total() < kills and done >= moments[killed.total()]:
                time.sleep(chance.uniform(0, _PAUSE))
                if role_of_killed := staff.kill_one(chance):
                    killed[role_of_killed] += 1
            if staff.cases() * actors.COMPLETIONS >= completions:
                (folder / "enough").touch()
                if killed.total() == kills and _all_finished(house.database):
                    break
    finally:
        staff.dismiss()
    report = examine(house.database, read_acknowledged(folder / "acknowledged"))
    report.killed, report.errors = killed, staff.errors()
    report.over_http = sum(path.read_bytes().count(b"complete") for path in staff.folder.glob("acknowledged/visitor-*"))
    return report


def _all_finished(database: Database) -> bool:
    with database.read() as tx:
        return not tx.execute(select(func.count()).where(case.c.state == "ACTIVE")).scalar_one()
