"""The worker: fires timers, performs jobs, carries messages. Any number of them share one database.

A claim moves a row's `run_at` to the end of the worker's lease, so a worker that dies loses its claim and not its
work: the row is simply due again. The lease is short, and a living worker renews it for what it has in hand. What is
done with a claimed row is checked again under the case's lock, so two workers with the same row do it once (a job that
reaches outside may be performed twice, with the same idempotency key, and is completed once).

Jobs have threads of their own: a mail server that hangs holds up no timer and no message.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import FrameType
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import ColumnElement, Connection, Table, case, literal, select, true, union_all, update

from engine.casework import Casework
from engine.casework.verbs import cause_of
from engine.database import Database
from engine.operations import BpmnError, OperationFailed
from engine.ports import Clock
from engine.tables import deadline, message, notice, start_subscription, work_item

_log = logging.getLogger(__name__)

_HOST = socket.gethostname()
_PROCESS = uuid.uuid4().hex[:6]
_NUMBERS = itertools.count()
_NAME = re.compile(rf"{re.escape(_HOST)}:(?P<pid>\d{{1,10}}):(?P<process>\w+)-\d+")

LEASE = timedelta(seconds=10)
"""What a worker that was killed had in hand is done by another after this time."""
_LONGEST = timedelta(minutes=10)
"""What is in hand for so long hangs: its claim is not renewed any more."""
_SKEW = timedelta(minutes=1)
"""How far the clocks of two machines may be apart before one takes the other's claims for a mistake."""
_PATIENCE = 0.2
"""Seconds after which a stop signal is noticed at the latest, whichever thread the system gave it to."""
_MOST_CLAIMS = 10
"""A row claimed so often without an outcome takes its worker down each time."""


class Lane(StrEnum):
    """Work that has threads of its own."""

    JOBS = "jobs"
    REST = "rest"


@dataclass(frozen=True)
class _Source:
    """Where due rows come from."""

    name: str
    table: Table
    lane: Lane
    only: ColumnElement[bool]


_SOURCES = (
    _Source("item", work_item, Lane.REST, work_item.c.kind != "job"),
    _Source("message", message, Lane.REST, true()),
    _Source("start", start_subscription, Lane.REST, true()),
    _Source("deadline", deadline, Lane.REST, true()),
    _Source("job", work_item, Lane.JOBS, work_item.c.kind == "job"),
    _Source("notice", notice, Lane.JOBS, true()),
)
_TABLES = (work_item, message, start_subscription, deadline, notice)


@dataclass(frozen=True)
class Due:
    """A claimed row."""

    table: Table
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
        lease: timedelta = LEASE,
        batch: int = 20,
    ) -> None:
        self._casework = casework
        self._database = database
        self._clock = clock
        self.name = name or f"{_HOST}:{os.getpid()}:{_PROCESS}-{next(_NUMBERS)}"
        self._lease = lease
        self._batch = batch
        self._stop = threading.Event()
        self._bells: list[threading.Event] = []
        self._held: dict[Due, float] = {}
        """What was claimed and is not done yet -> since when, by `time.monotonic`."""

    def run_once(self, *, most: int | None = None, lane: Lane | None = None) -> int:
        """Do everything that is due, also what becomes due by doing it, and return how many rows were worked on.

        `most` bounds the number; None means until nothing is due. `lane` leaves the rest to others. A row that fails
        is put off or becomes an incident; it never stops the others.
        """
        done = 0
        while not self._stop.is_set() and (most is None or done < most):
            claimed = self.claim(self._batch if most is None else min(self._batch, most - done), lane)
            if not claimed:
                break
            self._held |= dict.fromkeys(claimed, time.monotonic())
            for due in claimed:
                try:
                    self._do(due)
                finally:
                    del self._held[due]
            done += len(claimed)
        return done

    def next_due(self) -> datetime | None:
        """Return when the next row becomes due, claimed ones included; None if nothing is planned."""
        with self._database.read() as tx:
            times = [
                tx.execute(
                    select(table.c.run_at).where(table.c.run_at.is_not(None)).order_by(table.c.run_at).limit(1)
                ).scalar_one_or_none()
                for table in _TABLES
            ]
        return min((time for time in times if time is not None), default=None)

    def claim(self, limit: int, lane: Lane | None = None) -> list[Due]:
        """Take up to `limit` due rows (of `lane`) for this worker, soonest first, one job among them at most.

        Nothing is written when nothing is due.
        """
        now = self._clock.now()
        with self._database.read() as tx:
            sources = _due_sources(tx, now, lane)
        if not sources:
            return []
        claimed: list[Due] = []
        with self._database.begin() as tx:
            for source in sources:
                # Jobs take long: one at a time, so that others share them.
                most = 1 if source.lane is Lane.JOBS else limit
                claimed += self._claim_from(tx, source, now, min(most, limit - len(claimed)))
        return claimed

    def renew(self) -> int:
        """Begin the lease of what is in hand anew, and return of how many rows. What hangs is left to others."""
        now, since = self._clock.now(), time.monotonic() - _LONGEST.total_seconds()
        held = [due for due, begun in list(self._held.items()) if begun > since]
        if not held:
            return 0
        renewed = 0
        with self._database.begin() as tx:
            for table in {due.table for due in held}:
                # A row that is locked is being written by whoever performs it.
                mine = (
                    select(table.c.key)
                    .where(table.c.key.in_([due.key for due in held if due.table is table]))
                    .where(table.c.claimed_by == self.name)
                    .with_for_update(skip_locked=True)
                )
                renewing = update(table).where(table.c.key.in_(mine)).values(run_at=now + self._lease)
                renewed += tx.execute(renewing).rowcount
        return renewed

    def take_back(self) -> int:
        """Make due again what was claimed by a clock that was wrong, and return how many rows.

        No claim of now ends much later than a lease from now. One that does was made before the clock was set back,
        and its row would wait as long as the clock was ahead if the worker died.
        """
        now = self._clock.now()
        taken = 0
        with self._database.begin() as tx:
            for table in _TABLES:
                wrong = (table.c.claimed_by.is_not(None), table.c.run_at > now + self._lease + _SKEW)
                again = update(table).where(*wrong).values(run_at=_planned(table, now), claimed_by=None)
                taken += tx.execute(again).rowcount
        if taken:
            _log.warning("%s claims from a time that has not come were taken back: the clock was set back", taken)
        return taken

    def take_over(self) -> int:
        """Make due again what processes of this machine held that are no more, and return how many rows.

        Their leases would end by themselves; a worker started anew in their place need not wait for that.
        """
        now = self._clock.now()
        taken = 0
        with self._database.begin() as tx:
            for table in _TABLES:
                columns = table.c
                held = (
                    columns.run_at.between(now, now + self._lease + _SKEW),
                    columns.claimed_by.startswith(f"{_HOST}:", autoescape=True),
                )
                holders = tx.execute(select(columns.claimed_by).where(*held).distinct()).scalars()
                gone = [holder for holder in holders if _is_gone(holder)]
                if gone:
                    again = update(table).where(*held, columns.claimed_by.in_(gone))
                    taken += tx.execute(again.values(run_at=_planned(table, now), claimed_by=None)).rowcount
        if taken:
            _log.info("%s claims of processes that are no more were taken over", taken)
        return taken

    def _claim_from(self, tx: Connection, source: _Source, now: datetime, limit: int) -> list[Due]:
        if limit < 1:
            return []
        table = source.table
        free = select(table.c.key).where(table.c.run_at.is_not(None), table.c.run_at <= now, source.only)
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
            (Due(table, row.key, row.kind, row.attempts) for row in tx.execute(taken)),
            key=lambda due: keys.index(due.key),
        )

    def _do(self, due: Due) -> None:
        try:
            if due.attempts > _MOST_CLAIMS:
                self._give_up(due)
            elif due.table is start_subscription:
                self._casework.start_by_timer(due.key)
            elif due.table is message:
                self._casework.carry(due.key)
            elif due.table is deadline:
                self._casework.look_at_deadline(due.key)
            elif due.table is notice:
                self._casework.send_notice(due.key)
            elif due.kind == "job":
                self._perform(due.key)
            elif due.kind == "timer":
                if not self._casework.fire_timer(due.key):
                    self._casework.recount_item(due.key)
            elif due.kind == "user_task":
                self._casework.recount_item(due.key)
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
        cause = cause_of(error, f"{due.table.name} {due.key}")
        permanent = bool(getattr(error, "permanent", False))
        try:
            if due.table is work_item:
                self._casework.fail_item(due.key, cause, permanent=permanent)
            else:
                self._put_off(due)
        except Exception:  # noqa: BLE001 - the lease ends by itself, so the row is not lost
            _log.exception("could not record the failure of %s %s", due.table.name, due.key)

    def _give_up(self, due: Due) -> None:
        if due.table is work_item:
            cause = f"执行了{_MOST_CLAIMS}次都没有结果，执行它的进程可能每次都中断了。"
            self._casework.fail_item(due.key, cause, permanent=True)
        else:
            _log.error("%s %s was given up after %s claims", due.table.name, due.key, due.attempts)
            with self._database.begin() as tx:
                tx.execute(update(due.table).where(due.table.c.key == due.key).values(run_at=None, claimed_by=None))

    def _put_off(self, due: Due) -> None:
        again = self._clock.now() + timedelta(seconds=10) * due.attempts
        with self._database.begin() as tx:
            tx.execute(update(due.table).where(due.table.c.key == due.key).values(run_at=again, claimed_by=None))

    # --- keeping at it

    def wake(self) -> None:
        """Look now: something was committed that may be due. Returns at once; safe from any thread."""
        for bell in self._bells:
            bell.set()

    def stop(self) -> None:
        """Finish what is in hand and come to an end."""
        self._stop.set()
        self.wake()

    def start(self, *, interval: timedelta = timedelta(seconds=1), threads: int = 1) -> Callable[[], None]:
        """Work in threads of this process until the function returned is called; it waits for what is in hand.

        `threads` perform jobs, as many others do everything else.
        """
        ticker = BackgroundScheduler(timezone=UTC)
        # The ticker only rings and renews; with its memory store nothing of it is shared or kept.
        once = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        ticker.add_job(self.wake, "interval", seconds=interval.total_seconds(), **once)
        ticker.add_job(self._keep_hold, "interval", seconds=self._lease.total_seconds() / 3, **once)
        workers = []
        for lane in list(Lane) * threads:
            bell = threading.Event()
            self._bells.append(bell)
            workers.append(threading.Thread(target=self._keep_working, args=(lane, bell), name=lane, daemon=True))
        for worker in workers:
            worker.start()
        ticker.start()

        def finish() -> None:
            self.stop()
            for worker in workers:
                worker.join()
            ticker.shutdown(wait=False)

        return finish

    def run_forever(self, *, interval: timedelta = timedelta(seconds=1), threads: int = 1) -> None:
        """Work until SIGTERM or SIGINT, then finish what is in hand and return. For the main thread."""
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

    def _keep_working(self, lane: Lane, bell: threading.Event) -> None:
        try:
            self.take_back()
            self.take_over()
        except Exception:  # noqa: BLE001 - the database is away; what is due can be done without
            _log.exception("claims could not be checked")
        while not self._stop.is_set():
            bell.wait()
            bell.clear()
            try:
                self.run_once(lane=lane)
            except Exception:  # noqa: BLE001 - the database is away, most likely; the next tick tries again
                _log.exception("worker pass failed")

    def _keep_hold(self) -> None:
        try:
            self.renew()
        except Exception:  # noqa: BLE001 - whoever takes the rows over does them once, too
            _log.exception("claims could not be renewed")


def _is_gone(holder: str) -> bool:
    """Say whether the process of this machine that a worker's name tells of is no more."""
    named = _NAME.fullmatch(holder)
    if named is None:
        return False
    pid, process = int(named["pid"]), named["process"]
    if pid == os.getpid():
        return process != _PROCESS  # a container's first process has the same number every time
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _planned(table: Table, now: datetime) -> ColumnElement[Any]:
    """Return when a row was to be looked at before anybody claimed it: a timer when it is due, the rest at once."""
    at_once = literal(now, table.c.run_at.type)
    if table is work_item:
        return case((table.c.kind == "timer", table.c.due_at), else_=at_once)
    return table.c.due_at if table is start_subscription else at_once


def _due_sources(tx: Connection, now: datetime, lane: Lane | None) -> list[_Source]:
    """Return where a row is due: one question, answered from the indexes alone."""

    def first(source: _Source) -> Any:
        run_at = source.table.c.run_at
        found = select(source.table.c.key).where(run_at.is_not(None), run_at <= now, source.only)
        # In the index's order: for a mere EXISTS, PostgreSQL reads through the table, hoping to meet a due row soon.
        soonest = found.order_by(run_at).limit(1).scalar_subquery()
        return select(literal(source.name)).where(soonest.is_not(None))

    sources = [source for source in _SOURCES if lane in (None, source.lane)]
    due = set(tx.execute(union_all(*map(first, sources))).scalars())
    return [source for source in sources if source.name in due]
