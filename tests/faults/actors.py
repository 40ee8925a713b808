"""What the processes of the kill tests do: clerks start cases and complete tasks, workers do the rest.

Each is a process of its own with the real wiring. A clerk writes a line after each acknowledged act, synchronised to
the disk before it goes on; whatever an actor did not expect is a line too, and makes the run fail.
"""

from __future__ import annotations

import os
import random
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, select

from engine import store
from engine.casework.errors import Conflict, NotFound
from engine.database import Database
from engine.tables import case, work_item
from engine.worker import Worker
from tests.engine.drawing import script
from tests.engine.procedures import chain, el, end, file, flow, headers, io, job, lanes, process, start, timer, user
from web.settings import Settings
from web.wiring import House, open_house

_CHANCE = random.Random()  # noqa: S311 - nothing secret

LEASE = timedelta(seconds=2)
ROUNDS = 5
COMPLETIONS = 2 * ROUNDS
"""Of one case."""
PER_ROUND = {
    ("task:completed", "a"): 1,
    ("task:completed", "b"): 1,
    ("timer:fired", "pause_a"): 1,
    ("timer:fired", "pause_b"): 1,
    ("job:completed", "tell"): 1,
    ("job:completed", "give"): 1,
    ("number:allocated", None): 1,
}
"""What the journal of a case has for each round, exactly; None: of no element."""

PROCEDURE = file(
    process(
        "soak",
        lanes(第一接待人="s a b"),
        start(),
        el("exclusiveGateway", "again"),
        el("parallelGateway", "split"),
        user("a"),
        user("b"),
        el("intermediateCatchEvent", "pause_a", timer("PT1S")),
        el("intermediateCatchEvent", "pause_b", timer("PT1S")),
        job("tell", kind="notify", ext=io({"to": '="经理"', "subject": '="第几轮"', "body": "=string(round)"})),
        el("parallelGateway", "join"),
        job("give", kind="number", ext=headers(series="{org}-SOAK-{seq:06}")),
        script("count", "=round + 1", "round"),
        el("exclusiveGateway", "enough", default="enough__e"),
        end(),
        chain("s again split a pause_a join give count enough e"),
        chain("split b pause_b join"),
        chain("split tell join"),
        flow("enough", "again", f"=round < {ROUNDS}"),
    ),
    name="soak",
)
"""Two people and a job at once, in rounds; each branch of a person goes on after a second."""


@dataclass(frozen=True)
class Order:
    """Where an actor works and what it leaves behind."""

    url: str
    folder: Path
    name: str
    unlocked: bool = False

    @property
    def acknowledged(self) -> Path:
        return self.folder / "acknowledged" / self.name

    @property
    def errors(self) -> Path:
        return self.folder / "errors" / self.name

    @property
    def ready(self) -> Path:
        return self.folder / "ready" / self.name

    @property
    def enough(self) -> Path:
        """When this file is there, no more cases are started."""
        return self.folder / "enough"


def clerk(order: Order) -> None:
    """Complete whatever is in the list, in a random order, and start cases while the list is short."""
    parent = os.getppid()
    with _work(order) as house, _log(order.acknowledged) as acknowledge:
        person = house.identity.find("alice")
        assert person is not None
        while os.getppid() == parent:  # the test that gave the order is still there
            keys = [found.key for found in house.worklist.my_items(person, limit=200).items]
            if len(keys) < 12 and not order.enough.exists():
                token = uuid.uuid4().hex
                with _expecting(order):
                    begun = house.casework.start_case("soak", {"token": token, "round": 0}, by="alice")
                    acknowledge(f"start {token} {begun.key}")
            elif not keys:
                time.sleep(0.05)
            # Colleagues see the same list: a few at a time, so that they meet but do not only get in each other's way.
            for key in _CHANCE.sample(keys, min(len(keys), 5)):
                token = uuid.uuid4().hex
                with _expecting(order):
                    house.casework.complete_task(key, {"token": token}, by="alice")
                    acknowledge(f"complete {token} {key}")


def worker(order: Order) -> None:
    """Fire timers and perform jobs, with a short lease."""
    parent = os.getppid()
    with _work(order) as house:
        database = Database(order.url)
        working = Worker(house.casework, database, clock=house.clock, lease=LEASE, batch=5)
        while os.getppid() == parent:  # the test that gave the order is still there
            with _expecting(order):
                if not working.run_once(most=5):
                    time.sleep(0.05)


@contextmanager
def _work(order: Order) -> Iterator[House]:
    if order.unlocked:
        unlock()
    environ = {
        "HEJIE_DATA_DIR": str(order.folder / "data"),
        "HEJIE_DATABASE_URL": order.url,
        "HEJIE_SECRET_KEY": "k" * 32,
    }
    with _expecting(order), open_house(Settings.from_environ(environ)) as house:
        order.ready.touch()
        yield house


@contextmanager
def _expecting(order: Order) -> Iterator[None]:
    """Let pass that a colleague was quicker; note anything else."""
    try:
        yield
    except (Conflict, NotFound):
        pass
    except Exception:  # noqa: BLE001 - the test reads it
        with _log(order.errors) as note:
            note(traceback.format_exc())


@contextmanager
def _log(path: Path) -> Iterator[Any]:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(line: str) -> None:
        os.write(log, f"{line}\n".encode())
        os.fsync(log)

    yield write
    os.close(log)


def unlock() -> None:
    """The mutant: read a case without locking it, and take some time to think before going on."""
    by_case = select(case).where(case.c.key == bindparam("case_key"))
    of_item = select(work_item.c.case_key).where(work_item.c.key == bindparam("item_key")).scalar_subquery()
    by_item = select(case).where(case.c.key == of_item)

    def lock_case(tx: Any, case_key: int) -> Any:
        found = tx.execute(by_case, {"case_key": case_key}).one_or_none()
        time.sleep(_CHANCE.uniform(0, 0.05))
        return found

    def lock_case_of(tx: Any, item_key: int) -> Any:
        found = tx.execute(by_item, {"item_key": item_key}).one_or_none()
        time.sleep(_CHANCE.uniform(0, 0.05))
        return found

    store.lock_case, store.lock_case_of = lock_case, lock_case_of
