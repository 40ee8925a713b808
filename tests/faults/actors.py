"""What the processes of the kill tests do: clerks start cases and complete tasks, workers do the rest.

Each is a process of its own with the real wiring: some clerks call the use cases, others (`visitor`) ask a `server`
over HTTP as a browser does. A clerk writes a line after each acknowledged act, synchronised to the disk before it goes
on; whatever an actor did not expect is a line too, and makes the run fail.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import bindparam, select

from engine import store
from engine.casework.errors import Conflict, NotFound
from engine.database import Database
from engine.tables import case, work_item
from engine.worker import Worker
from tests.engine.drawing import script, z
from tests.engine.procedures import chain, el, end, file, flow, headers, io, job, lanes, process, start, timer, user
from web.app import create_app
from web.server import Server, in_background
from web.settings import Settings
from web.wiring import House, open_house

_CHANCE = random.Random()  # noqa: S311 - nothing secret

PASSWORD = "alice-password"
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
        user("a", ext=z("formDefinition", formId="soak.a")),
        user("b", ext=z("formDefinition", formId="soak.b")),
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
) | {
    f"forms/soak/{task}.form": json.dumps(
        {
            "id": f"soak.{task}",
            "type": "default",
            "schemaVersion": 19,
            "components": [
                {"type": "textfield", "key": "token", "label": "记号", "id": "token", "validate": {"required": True}}
            ],
        }
    ).encode()
    for task in "ab"
}
"""Two people and a job at once, in rounds; each branch of a person goes on after a second."""


@dataclass(frozen=True)
class Order:
    """Where an actor works and what it leaves behind."""

    url: str
    folder: Path
    name: str
    lease: timedelta
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
            for key in _CHANCE.sample(keys, min(len(keys), 3)):
                token = uuid.uuid4().hex
                with _expecting(order):
                    house.casework.complete_task(key, {"token": token}, by="alice")
                    acknowledge(f"complete {token} {key}")


def server(order: Order) -> None:
    """Answer HTTP, on any free port, which it says in its `ready` file."""
    parent = os.getppid()
    with _work(order, ready=False) as house:
        answering = Server(create_app(house.services(), house.settings), host="127.0.0.1", port=0, threads=4)
        with in_background(answering):
            order.ready.with_suffix(".new").write_text(str(answering.port))
            order.ready.with_suffix(".new").rename(order.ready)
            while os.getppid() == parent:  # the test that gave the order is still there
                time.sleep(0.5)


def visitor(order: Order) -> None:
    """Complete whatever is in the list, as a clerk does, at the pages of any server that answers."""
    parent = os.getppid()
    order.ready.touch()
    with _log(order.acknowledged) as acknowledge:
        while os.getppid() == parent:  # the test that gave the order is still there
            servers = sorted(order.ready.parent.glob("server-*[0-9]"))
            if not servers:
                time.sleep(0.05)
                continue
            with _expecting(order), requests.Session() as session:
                try:
                    _visit(session, f"http://127.0.0.1:{_CHANCE.choice(servers).read_text()}", acknowledge)
                except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, FileNotFoundError):
                    time.sleep(0.05)  # it was killed; whether it did the last thing asked of it nobody knows


def _visit(session: requests.Session, address: str, acknowledge: Any) -> None:
    """Sign in and work through the list, until the server goes away."""

    def ask(path: str, **fields: str) -> requests.Response:
        return session.post(f"{address}{path}", data=fields | {"csrf_token": token}, allow_redirects=False, timeout=60)

    def fresh_token() -> str:
        return str(session.get(f"{address}/session", timeout=60).json()["csrf_token"])

    token = fresh_token()
    entered = ask("/sign-in", username="alice", password=PASSWORD)
    assert entered.status_code == 303, entered.text
    token = fresh_token()
    while True:
        page = session.get(f"{address}/tasks", timeout=60)
        assert page.status_code == 200, page.text
        keys = [int(key) for key in re.findall(r'data-item="(\d+)"', page.text)]
        if not keys:
            time.sleep(0.05)
        for key in _CHANCE.sample(keys, min(len(keys), 5)):
            mark = uuid.uuid4().hex
            done = ask(f"/tasks/{key}/complete", answers=json.dumps({"token": mark}))
            if done.status_code == 303:
                acknowledge(f"complete {mark} {key}")
            else:
                assert done.status_code in (404, 409), done.text  # a colleague was quicker


def worker(order: Order) -> None:
    """Fire timers and perform jobs, as `hejie worker` does."""
    parent = os.getppid()
    with _work(order) as house:
        database = Database(order.url)
        finish = Worker(house.casework, database, clock=house.clock, lease=order.lease).start()
        while os.getppid() == parent:  # the test that gave the order is still there
            time.sleep(0.5)
        finish()


@contextmanager
def _work(order: Order, *, ready: bool = True) -> Iterator[House]:
    if order.unlocked:
        unlock()
    logging.getLogger().addHandler(_Complaints(order, logging.WARNING))
    environ = {
        "HEJIE_DATA_DIR": str(order.folder / "data"),
        "HEJIE_DATABASE_URL": order.url,
        "HEJIE_SECRET_KEY": "k" * 32,
    }
    with _expecting(order), open_house(Settings.from_environ(environ)) as house:
        if ready:
            order.ready.touch()
        yield house


class _Complaints(logging.Handler):
    """What a thread of a server or worker could not do and only told its log."""

    def __init__(self, order: Order, level: int) -> None:
        super().__init__(level)
        self._order = order

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("engine", "web")):
            with _log(self._order.errors) as note:
                note(logging.Formatter().format(record))


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
