"""The worker: fires timers, performs jobs, carries messages. Any number of them share one database.

A claim moves a row's `run_at` to the end of the worker's lease, so a worker that dies loses its claim and not its
work: the row is simply due again. Whatever is done with a claimed row is checked again under the case's lock, so two
workers with the same row do it once (a job that reaches outside may be performed twice, with the same idempotency
key, and is completed once).
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import ColumnElement, Connection, Table, case, literal, select, union_all, update

from engine.casework import Casework
from engine.casework.verbs import cause_of
from engine.database import Database
from engine.operations import BpmnError, OperationFailed
from engine.ports import Clock
from engine.tables import message, start_subscription, work_item

_log = logging.getLogger(__name__)

_TABLES: tuple[tuple[str, Table], ...] = (
    ("item", work_item),
    ("message", message),
    ("start", start_subscription),
)
_PATIENCE = 0.2
"""Seconds after which a stop signal is noticed at the latest, whichever thread the system gave it to."""
_MOST_CLAIMS = 10
"""A row claimed so often without an outcome takes its worker down each time."""


@dataclass(frozen=True)
class Due:
    """A claimed row."""

    table: str
    key: int
    kind: str
    attempts: int


class Worker:
    """`run_once()` does what is due now; `run_forever()` keeps doing it until told to stop."""

    def __init__(
        self,
        casework: Casework,
        database: Database,
        *,
        clock: Clock,
        name: str | None = None,
        lease: timedelta = timedelta(minutes=1),
        batch: int = 20,
    ) -> None:
        self._casework = casework
        self._database = database
        self._clock = clock
        self.name = name or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"
        self._lease = lease
        self._batch = batch
        self._stop = threading.Event()
        self._work = threading.Event()

    def run_once(self, *, most: int | None = None) -> int:
        """Do everything that is due, also what becomes due by doing it, and return how many rows were worked on.

        `most` bounds the number; None means until nothing is due. A row that fails is put off or becomes an
        incident; it never stops the others.
        """
        done = 0
        while not self._stop.is_set() and (most is None or done < most):
            claimed = self.claim(self._batch if most is None else min(self._batch, most - done))
            if not claimed:
                break
            for due in claimed:
                self._do(due)
            done += len(claimed)
        return done

    def next_due(self) -> datetime | None:
        """Return when the next row becomes due, claimed ones included; None if nothing is planned."""
        with self._database.read() as tx:
            times = [
                tx.execute(
                    select(table.c.run_at).where(table.c.run_at.is_not(None)).order_by(table.c.run_at).limit(1)
                ).scalar_one_or_none()
                for _, table in _TABLES
            ]
        return min((time for time in times if time is not None), default=None)

    def claim(self, limit: int) -> list[Due]:
        """Take up to `limit` due rows for this worker, soonest first, one job among them at most.

        Nothing is written when nothing is due.
        """
        now = self._clock.now()
        with self._database.read() as tx:
            due = _due_tables(tx, now)
        if not due:
            return []
        claimed: list[Due] = []
        with self._database.begin() as tx:
            for name, table in _TABLES:
                if name in due and len(claimed) < limit:
                    claimed += self._claim_from(tx, name, table, now, limit - len(claimed))
            if "item" in due and len(claimed) < limit:
                claimed += self._claim_from(tx, "item", work_item, now, 1, jobs=True)
        return claimed

    def take_back(self) -> int:
        """Make due again what was claimed by a clock that was wrong, and return how many rows.

        No claim of now ends later than a lease from now. One that does was made before the clock was set back, and
        its row would wait as long as the clock was ahead if the worker died.
        """
        now = self._clock.now()
        taken = 0
        with self._database.begin() as tx:
            for name, table in _TABLES:
                wrong = (table.c.claimed_by.is_not(None), table.c.run_at > now + self._lease)
                again = update(table).where(*wrong).values(run_at=_planned(name, table, now), claimed_by=None)
                taken += tx.execute(again).rowcount
        if taken:
            _log.warning("%s claims from a time that has not come were taken back: the clock was set back", taken)
        return taken

    def _claim_from(
        self, tx: Connection, name: str, table: Table, now: datetime, limit: int, *, jobs: bool = False
    ) -> list[Due]:
        free = select(table.c.key).where(table.c.run_at.is_not(None), table.c.run_at <= now)
        if table is work_item:
            # Jobs take long: one at a time, so that others share them and no lease ends before its turn.
            free = free.where(table.c.kind == "job" if jobs else table.c.kind != "job")
        free = free.order_by(table.c.run_at, table.c.key).limit(limit).with_for_update(skip_locked=True)
        keys = list(tx.execute(free).scalars())
        if not keys:
            return []
        taken = (
            update(table)
            .where(table.c.key.in_(keys))
            .values(run_at=now + self._lease, claimed_by=self.name, attempts=table.c.attempts + 1)
            .returning(table.c.key, table.c.kind, table.c.attempts)
        )
        return sorted(
            (Due(name, row.key, row.kind, row.attempts) for row in tx.execute(taken)),
            key=lambda due: keys.index(due.key),
        )

    def _do(self, due: Due) -> None:
        try:
            if due.attempts > _MOST_CLAIMS:
                self._give_up(due)
            elif due.table == "start":
                self._casework.start_by_timer(due.key)
            elif due.table == "message":
                self._casework.carry(due.key)
            elif due.kind == "job":
                self._perform(due.key)
            elif due.kind == "timer":
                self._casework.fire_timer(due.key)
            elif due.kind == "message":
                found = self._casework.look_in_buffer(due.key)
                if found is not None:
                    self._casework.carry(found)
        except Exception as error:  # noqa: BLE001 - one broken case must not stop the work of all the others
            self._failed(due, error)

    def _perform(self, item_key: int) -> None:
        job = self._casework.job(item_key)
        if job is None:
            return
        operation = self._casework.operations.get(job.type)
        if operation is None:
            raise OperationFailed(f"没有名为“{job.type}”的服务，请检查流程图中的任务类型。", permanent=True)
        try:
            result = operation.perform(job)
        except BpmnError as error:
            self._casework.throw_job_error(job, error)
        else:
            self._casework.complete_job(job, result)

    def _failed(self, due: Due, error: Exception) -> None:
        cause = cause_of(error, f"{due.table} {due.key}")
        permanent = bool(getattr(error, "permanent", False))
        try:
            if due.table == "item":
                self._casework.fail_item(due.key, cause, permanent=permanent)
            else:
                self._put_off(due)
        except Exception:  # noqa: BLE001 - the lease ends by itself, so the row is not lost
            _log.exception("could not record the failure of %s %s", due.table, due.key)

    def _give_up(self, due: Due) -> None:
        if due.table == "item":
            cause = f"执行了{_MOST_CLAIMS}次都没有结果，执行它的进程可能每次都中断了。"
            self._casework.fail_item(due.key, cause, permanent=True)
        else:
            table = dict(_TABLES)[due.table]
            _log.error("%s %s was given up after %s claims", due.table, due.key, due.attempts)
            with self._database.begin() as tx:
                tx.execute(update(table).where(table.c.key == due.key).values(run_at=None, claimed_by=None))

    def _put_off(self, due: Due) -> None:
        table = dict(_TABLES)[due.table]
        again = self._clock.now() + timedelta(seconds=10) * due.attempts
        with self._database.begin() as tx:
            tx.execute(update(table).where(table.c.key == due.key).values(run_at=again, claimed_by=None))

    # --- keeping at it

    def wake(self) -> None:
        """Look now: something was committed that may be due. Returns at once; safe from any thread."""
        self._work.set()

    def stop(self) -> None:
        """Finish the row in hand and come to an end."""
        self._stop.set()
        self._work.set()

    def start(self, *, interval: timedelta = timedelta(seconds=1), threads: int = 1) -> Callable[[], None]:
        """Work in threads of this process until the function returned is called; it waits for the rows in hand."""
        scheduler = BackgroundScheduler(timezone=UTC)
        # The ticker only rings; with its memory store nothing of it is shared or kept.
        scheduler.add_job(self.wake, "interval", seconds=interval.total_seconds(), coalesce=True, max_instances=1)
        workers = [
            threading.Thread(target=self._keep_working, name=f"worker-{number}", daemon=True)
            for number in range(threads)
        ]
        for worker in workers:
            worker.start()
        scheduler.start()

        def finish() -> None:
            scheduler.shutdown(wait=False)
            self.stop()
            for worker in workers:
                worker.join()

        return finish

    def run_forever(self, *, interval: timedelta = timedelta(seconds=1), threads: int = 1) -> None:
        """Work until SIGTERM or SIGINT, then finish the rows in hand and return. For the main thread."""
        finish = self.start(interval=interval, threads=threads)
        asked = [False]

        def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
            # Nothing that takes a lock: the handler may interrupt the very wait below.
            asked[0] = True

        before = {number: signal.signal(number, ask_to_stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            while not asked[0] and not self._stop.wait(_PATIENCE):
                pass
        finally:
            finish()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _keep_working(self) -> None:
        try:
            self.take_back()
        except Exception:  # noqa: BLE001 - the database is away; what is due can be done without
            _log.exception("claims could not be checked")
        while not self._stop.is_set():
            self._work.wait()
            self._work.clear()
            try:
                self.run_once()
            except Exception:  # noqa: BLE001 - the database is away, most likely; the next tick tries again
                _log.exception("worker pass failed")


def _planned(name: str, table: Table, now: datetime) -> ColumnElement[Any]:
    """Return when a row was to be looked at before anybody claimed it: a timer when it is due, the rest at once."""
    at_once = literal(now, table.c.run_at.type)
    if name == "item":
        return case((table.c.kind == "timer", table.c.due_at), else_=at_once)
    return table.c.due_at if name == "start" else at_once


def _due_tables(tx: Connection, now: datetime) -> set[str]:
    """Return which tables have a due row: one question, answered from the indexes alone."""

    def first(name: str, table: Table) -> Any:
        found = select(table.c.key).where(table.c.run_at.is_not(None), table.c.run_at <= now)
        return select(literal(name)).where(found.exists())

    return set(tx.execute(union_all(*(first(name, table) for name, table in _TABLES))).scalars())
