"""A house for tests: real SQLite and real PostgreSQL, Alice, Bob and Charlie, and a clock that stands still."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from argon2 import PasswordHasher
from sqlalchemy import event
from sqlalchemy.engine import make_url

from engine.casework import Casework
from engine.database import Database
from engine.deployments import Deployments
from engine.feel import Feel
from engine.files import FileStore
from engine.identity import ADMINISTRATORS, AUDITORS, PROCESS_OWNERS, SYSTEM, People, Person
from engine.operations import Operation
from engine.operations.cancel_deadline import CancelDeadline
from engine.operations.case_statistics import CaseStatistics
from engine.operations.extend_deadline import ExtendDeadline
from engine.operations.meet_deadline import MeetDeadline
from engine.operations.notify import Notify
from engine.operations.number import Number
from engine.operations.open_deadline import OpenDeadline
from engine.operations.pause_deadline import PauseDeadline
from engine.operations.publish_message import PublishMessage
from engine.operations.render_document import RenderDocument
from engine.operations.resume_deadline import ResumeDeadline
from engine.operations.sample_cases import SampleCases
from engine.runtime import Runtime
from engine.tables import metadata
from engine.worker import Worker
from engine.worklist import Worklist
from tests.fakes import FrozenClock, ListNotifier, PlainWeek, TextRenderer

ROOT = Path(__file__).resolve().parents[2]
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="session")
def feel() -> Iterator[Feel]:
    with Feel(ROOT / "bundles/feel.js", PlainWeek()) as feel:
        yield feel


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An upgraded SQLite file to copy."""
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    database.close()
    return path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Database]:
    """A database of this session's own on the real PostgreSQL. No PostgreSQL is an error, not a skip."""
    server = make_url(os.environ.get("HEJIE_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test"))
    admin = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT")
    name = f"hejie_{uuid.uuid4().hex[:12]}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
    try:
        database = Database(server.set(database=name).render_as_string(hide_password=False))
        database.upgrade()
        yield database
        database.close()
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        admin.dispose()


def _empty(database: Database) -> None:
    """Delete every row; the journal's guard and the foreign keys look away for it."""
    with database.begin() as tx:
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in metadata.sorted_tables:
            tx.execute(table.delete())


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An upgraded, empty database of each kind."""
    if request.param == "postgresql":
        database: Database = request.getfixturevalue("postgresql")
        _empty(database)
        yield database
        return
    path = tmp_path / "hejie.db"
    shutil.copy(request.getfixturevalue("empty_sqlite"), path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@dataclass
class House:
    """Everything wired, on one database."""

    database: Database
    clock: FrozenClock
    deployments: Deployments
    runtime: Runtime
    casework: Casework
    worklist: Worklist
    worker: Worker
    people: People
    files: FileStore
    renderer: TextRenderer
    notifier: ListNotifier
    statements: list[str] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)

    def deploy(self, files: Mapping[str, bytes]) -> Any:
        return self.casework.deploy(files, by=SYSTEM, check=lambda _: [])

    def person(self, username: str) -> Person:
        found = self.people.find(username)
        assert found is not None
        return found

    def open(self, case_key: int) -> dict[str, int]:
        """The open user tasks of a case: element id -> key (the last one of a repeated element)."""
        view = self.worklist.case(case_key, self.person("root"))
        return {
            item.element_id: item.key for item in view.items if item.state == "CREATED" and item.kind == "user_task"
        }

    def waits(self, case_key: int) -> list[str]:
        """What a case waits for, `kind:element`, sorted."""
        view = self.worklist.case(case_key, self.person("root"))
        return sorted(f"{item.kind}:{item.element_id}" for item in view.items if item.state == "CREATED")

    def events(self, case_key: int) -> list[str]:
        """The journal's events of a case, oldest first, as `event element`."""
        entries = self.worklist.timeline(case_key, self.person("root"), limit=10_000, technical=True)
        return [f"{entry.event} {entry.element_id or ''}".strip() for entry in reversed(entries)]


@pytest.fixture
def make_house(database: Database, feel: Feel, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Builds a house; `operations` are added to the vocabulary."""

    def make(*operations: Operation) -> House:
        clock = FrozenClock()
        files = FileStore(tmp_path / "files")
        renderer, notifier = TextRenderer(), ListNotifier()
        deployments, runtime = Deployments(database), Runtime(feel)
        verbs = [
            RenderDocument(renderer, files, org={"name": "和解百货有限公司"}),
            Notify(notifier),
            PublishMessage(),
            Number(),
            OpenDeadline(),
            MeetDeadline(),
            PauseDeadline(),
            ResumeDeadline(),
            ExtendDeadline(),
            CancelDeadline(),
            SampleCases(),
            CaseStatistics(),
            *operations,
        ]
        casework = Casework(
            database,
            runtime,
            deployments,
            clock=clock,
            feel=feel,
            operations=verbs,
            file_store=files,
            org_code="HJ",
            notifier=notifier,
        )
        people = People(database, clock=clock, hasher=CHEAP)
        # Alice and Bob receive customers; Carol is in another department; Charlie has nothing to do with anything.
        people.add("alice", "陈爱丽", "alice-password", ["第一接待人"], by=SYSTEM)
        people.add("bob", "王博", "bob-password", ["第一接待人"], by=SYSTEM)
        people.add("carol", "李凯若", "carol-password", ["客服部"], by=SYSTEM)
        people.add("charlie", "赵查理", "charlie-password", [], by=SYSTEM)
        people.add("auditor", "孙审", "auditor-password", [AUDITORS], by=SYSTEM)
        people.add("owner", "周流", "owner-password", [PROCESS_OWNERS], by=SYSTEM)
        people.add("root", "管理员", "root-password", [ADMINISTRATORS, AUDITORS], by=SYSTEM)
        house = House(
            database=database,
            clock=clock,
            deployments=deployments,
            runtime=runtime,
            casework=casework,
            worklist=Worklist(database, deployments, runtime, clock=clock),
            worker=Worker(casework, database, clock=clock),
            people=people,
            files=files,
            renderer=renderer,
            notifier=notifier,
        )
        stack.enter_context(_listening(house))
        return house

    with ExitStack() as stack:
        yield make


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    return make_house()


@contextmanager
def _listening(house: House) -> Iterator[None]:
    def executed(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        assert not isinstance(parameters, list), f"one statement for each row: {statement[:80]}"
        if not statement.startswith("BEGIN"):
            house.statements.append(statement)

    def committed(_connection: Any) -> None:
        house.commits.append(1)

    engine = house.database.engine
    event.listen(engine, "before_cursor_execute", executed)
    event.listen(engine, "commit", committed)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", executed)
        event.remove(engine, "commit", committed)
