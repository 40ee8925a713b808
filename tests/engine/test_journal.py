"""The record cannot be changed, and a change would show, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import DBAPIError

from engine.journal import GENESIS, HOUSE, seal, verify, verify_entries
from engine.tables import case, journal
from tests.engine import procedures
from tests.engine.conftest import House
from tests.fakes import MONDAY

Tamper = Callable[[Connection, int], None]


@pytest.fixture
def case_key(house: House) -> int:
    house.deploy(procedures.COMPLAINT)
    ref = house.casework.start_case("complaint", by="alice")
    house.casework.complete_task(ref.next_item_keys[0], {"note": "一"}, by="alice")
    return ref.key


def test_every_step_is_in_the_chain(house: House, case_key: int) -> None:
    found = verify(house.database, case_key)
    assert found.intact
    assert found.broken_at is None
    events = house.events(case_key)
    assert found.entries == len(events)
    for expected in ("case:started", "task:completed register", "task:opened approve", "deadline:set approve"):
        assert expected in events


def test_the_answers_are_kept_as_given(house: House, case_key: int) -> None:
    [entry] = [e for e in house.worklist.timeline(case_key, house.person("alice")) if e.event == "task:completed"]
    assert entry.facts == {"answers": {"note": "一"}}
    assert (entry.actor, entry.actor_name, entry.text) == ("alice", "陈爱丽", "办结“登记投诉”")


@pytest.mark.parametrize("statement", [update(journal).values(actor="bob"), delete(journal)])
def test_the_database_refuses_change(house: House, case_key: int, statement: object) -> None:
    with pytest.raises(DBAPIError, match="append-only"), house.database.begin() as tx:
        tx.execute(statement.where(journal.c.stream == case_key))  # type: ignore[attr-defined]
    assert verify(house.database, case_key).intact


def _off(tx: Connection) -> None:
    """What somebody with the owner's rights on the database could do."""
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
    else:
        tx.exec_driver_sql("DROP TRIGGER journal_refuses_update")
        tx.exec_driver_sql("DROP TRIGGER journal_refuses_delete")


def _edit(tx: Connection, key: int) -> None:
    tx.execute(update(journal).where(journal.c.stream == key, journal.c.seq == 2).values(facts='{"x":1}'))


def _drop(tx: Connection, key: int) -> None:
    tx.execute(delete(journal).where(journal.c.stream == key, journal.c.seq == 2))


def _cut(tx: Connection, key: int) -> None:
    last = select(case.c.journal_seq).where(case.c.key == key).scalar_subquery()
    tx.execute(delete(journal).where(journal.c.stream == key, journal.c.seq == last))


def _predate(tx: Connection, key: int) -> None:
    tx.execute(update(journal).where(journal.c.stream == key, journal.c.seq == 3).values(at=MONDAY - timedelta(days=1)))


@pytest.mark.parametrize(
    ("tamper", "broken_at", "finding"),
    [(_edit, 2, "被改动"), (_drop, 2, "缺失"), (_cut, None, "末尾"), (_predate, 3, "被改动")],
)
def test_tampering_shows(house: House, case_key: int, tamper: Tamper, broken_at: int | None, finding: str) -> None:
    with house.database.begin() as tx:
        _off(tx)
        tamper(tx, case_key)
    found = verify(house.database, case_key)
    assert not found.intact
    assert finding in found.finding
    if broken_at is not None:
        assert found.broken_at == broken_at


def test_an_outsider_can_check_an_export(house: House, case_key: int) -> None:
    with house.database.read() as tx:
        rows = tx.execute(select(journal).where(journal.c.stream == case_key).order_by(journal.c.seq)).mappings()
        entries = [dict(row) for row in rows]
    head = (entries[-1]["seq"], entries[-1]["hash"])
    assert verify_entries(case_key, entries, head=head).intact
    assert entries[0]["hash"] == seal(entries[0], GENESIS)
    assert json.loads(entries[0]["facts"])["number"] == "HJ-TS-202611-0001"


def test_what_belongs_to_no_case_has_its_own_chain(house: House, case_key: int) -> None:
    house.people.add("dora", "多拉", "dora-password", ["客服部"], by="root")
    found = verify(house.database, HOUSE)
    assert found.intact
    assert found.entries == 9  # seven people, a deployment, Dora


def test_an_empty_chain_is_intact(house: House) -> None:
    assert verify(house.database, 4711).intact
