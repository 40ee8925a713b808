"""The connection, the schema and its upgrade."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError

from engine.database import Database, DatabaseProblem, UnfitValue
from engine.tables import metadata, person
from tests.fakes import MONDAY

CHINA = timezone(timedelta(hours=8))


def add(database: Database, username: str, at: datetime) -> None:
    with database.begin() as tx:
        tx.execute(insert(person).values(username=username, display_name="x", active=True, created_at=at))


def test_the_migrations_make_the_tables_as_they_are_declared(database: Database) -> None:
    with database.begin() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_instants_come_back_aware_and_to_the_microsecond(database: Database) -> None:
    at = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=CHINA)
    add(database, "alice", at)
    with database.read() as tx:
        found = tx.execute(select(person.c.created_at)).scalar_one()
    assert found == at
    assert found.tzinfo is UTC


def test_a_naive_instant_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="naive"):
        add(database, "alice", datetime(2026, 11, 23))  # noqa: DTZ001 - it is the point


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.begin() as tx:
            tx.execute(insert(person).values(username="a", display_name="x", active=True, created_at=MONDAY))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as tx:
        assert tx.execute(select(person)).all() == []


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://root@localhost/x"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(DatabaseProblem):
        Database(url)


def test_many_may_upgrade_at_once(tmp_path: Path) -> None:
    databases = [Database(f"sqlite:///{tmp_path}/new/hejie.db") for _ in range(4)]
    failures: list[Exception] = []

    def upgrade(database: Database) -> None:
        try:
            database.upgrade()
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=upgrade, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for database in databases:
        database.close()


def test_writers_queue(database: Database) -> None:
    """Two writers of one database wait for each other instead of failing."""
    now = datetime(2026, 11, 23, tzinfo=UTC)
    threads = [
        threading.Thread(target=lambda n=n: [add(database, f"p{n}-{i}", now) for i in range(5)]) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as tx:
        assert len(tx.execute(select(person)).all()) == 40


@pytest.mark.parametrize("username", ["a\x00b", "half \ud800 pair"])
def test_text_the_database_cannot_keep_is_an_error_of_ours(database: Database, username: str) -> None:
    if database.dialect == "sqlite" and "\x00" in username:
        add(database, username, MONDAY)  # SQLite can
        return
    with pytest.raises(UnfitValue):
        add(database, username, MONDAY)


def test_a_number_over_64_bits_is_an_error_of_ours(database: Database) -> None:
    with pytest.raises(UnfitValue), database.read() as tx:
        tx.execute(select(person).where(person.c.key == 2**63))
