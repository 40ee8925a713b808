"""Would the tests of this folder notice? A lock taken away, and completions forged, must be found.

The unique keys of the journal and of open items are a second lock: without the first, somebody meets them as an error
nobody expects. Without both, steps overwrite each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from engine import journal, store
from engine.clock import SystemClock
from engine.database import Database
from engine.tables import case, number_series, work_item
from tests.engine import procedures
from tests.engine.conftest import House
from tests.faults import actors
from tests.faults.checking import examine
from tests.faults.soaking import soak
from tests.faults.threads import at_once


@pytest.fixture
def chains_unguarded(database: Database) -> Iterator[None]:
    with database.begin() as tx:
        tx.exec_driver_sql("ALTER TABLE journal DROP CONSTRAINT uq_journal_stream_seq")
    yield
    with database.begin() as tx:
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        tx.execute(journal.journal.delete())
        tx.exec_driver_sql("ALTER TABLE journal ADD CONSTRAINT uq_journal_stream_seq UNIQUE (stream, seq)")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite has one writer, whatever we lock
class TestWithoutTheLock:
    def test_the_kill_test_fails(self, house: House, tmp_path: Path) -> None:
        report = soak(
            house,
            tmp_path / "run",
            completions=200,
            kills=0,
            seed=1,
            patience=60,
            unlocked=True,
            clerks=3,
            workers=1,
            servers=0,
            visitors=0,
        )
        assert report.violations() != []
        assert any("UniqueViolation" in error for error in report.errors), report.errors

    def test_the_race_test_fails(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        outcomes, _ = _two_complete_at_once(house, monkeypatch)
        assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [IntegrityError]

    @pytest.mark.usefixtures("chains_unguarded")
    def test_nor_the_chains_guard_steps_overwrite_each_other(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outcomes, case_key = _two_complete_at_once(house, monkeypatch)
        assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
        assert not journal.verify(house.database, case_key).intact


def _two_complete_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], int]:
    """Complete both branches of a case by threads that both read it before either writes."""
    house.deploy(procedures.PARALLEL)
    ref = house.casework.start_case("parallel", by="alice")
    tasks = house.open(ref.key)
    both_have_read = threading.Barrier(2)
    of_item = select(work_item.c.case_key).where(work_item.c.key == bindparam("item_key")).scalar_subquery()

    def unlocked(tx: Any, item_key: int) -> Any:
        found = tx.execute(select(case).where(case.c.key == of_item), {"item_key": item_key}).one_or_none()
        both_have_read.wait(20)
        return found

    monkeypatch.setattr(store, "lock_case_of", unlocked)
    acts: list[Callable[[], Any]] = [
        partial(house.casework.complete_task, tasks[branch], {}, by="alice") for branch in ("left", "right")
    ]
    return at_once(acts), ref.key


class TestTheChecker:
    def test_it_finds_nothing_in_an_honest_run(self, house: House) -> None:
        assert examine(house.database, _finished_case(house)).violations() == []

    def test_it_finds_what_was_acknowledged_and_is_not_there(self, house: House) -> None:
        acknowledged = _finished_case(house)
        what, _, key = acknowledged[-1]
        report = examine(house.database, [*acknowledged, (what, "forged", key)])
        assert [line for line in report.lost if "forged" in line] == report.violations()

    def test_it_finds_a_completion_that_is_there_twice(self, house: House) -> None:
        acknowledged = _finished_case(house)
        columns = journal.journal.c
        with house.database.begin() as tx:
            query = select(journal.journal).where(columns.event == "task:completed").limit(1)
            forged = {**tx.execute(query).one()._mapping, "seq": 10_000}
            del forged["key"]
            tx.execute(insert(journal.journal).values(forged))
        report = examine(house.database, acknowledged)
        assert any("2 times: ('complete'" in line for line in report.doubled)
        assert any("6 times, not 5" in line for line in report.doubled)
        assert any("chain" in line for line in report.broken)

    def test_it_finds_a_case_that_stopped(self, house: House) -> None:
        acknowledged = _finished_case(house)
        begun = house.casework.start_case("soak", {"token": "unfinished", "round": 0}, by="alice")
        lost = examine(house.database, acknowledged).lost
        assert f"case {begun.key} is ACTIVE" in lost
        assert sum("is CREATED" in line for line in lost) == 3

    def test_it_finds_a_number_that_is_missing(self, house: House) -> None:
        acknowledged = _finished_case(house)
        with house.database.begin() as tx:
            more = update(number_series).where(number_series.c.series.contains("SOAK"))
            tx.execute(more.values(next_value=number_series.c.next_value + 1))
        [line] = examine(house.database, acknowledged).violations()
        assert "SOAK" in line


def _finished_case(house: House) -> list[tuple[str, str, int]]:
    """Play one case of the soak procedure to its end, and return what was acknowledged."""
    house.clock.at = SystemClock().now()
    house.deploy(actors.PROCEDURE)
    ref = house.casework.start_case("soak", {"token": "begun", "round": 0}, by="alice")
    acknowledged = [("start", "begun", ref.key)]
    for turn in range(actors.ROUNDS):
        for element, key in house.open(ref.key).items():
            token = f"{element}{turn}"
            house.casework.complete_task(key, {"token": token}, by="alice")
            acknowledged.append(("complete", token, key))
        house.worker.run_once()
        house.clock.at = max(house.clock.at, house.worker.next_due() or house.clock.at)
        house.worker.run_once()
    return acknowledged
