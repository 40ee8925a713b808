"""Timers: of running cases, and those that start cases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from engine import store
from engine.casework.errors import UnknownProcess
from engine.casework.house import House, UseCases, use_case
from engine.casework.results import CaseRef
from engine.casework.starting import begin_case
from engine.casework.step import open_step
from engine.identity import SYSTEM_PERSON
from engine.tables import AnyRow, start_subscription


class Timers(UseCases):
    @use_case
    def fire_timer(self, item_key: int) -> bool:
        """Fire a timer that is due. False: it is not, or no longer there; then nothing happens. For the worker."""
        with self._house.database.begin() as tx:
            case = store.lock_case_of(tx, item_key)
            if case is None or case.state != "ACTIVE":
                return False
            rows = store.open_items(tx, case.key)
            item = next((row for row in rows if row.key == item_key), None)
            now = self._house.clock.now()
            if item is None or item.kind != "timer" or item.incident or item.due_at is None or item.due_at > now:
                return False
            step = open_step(self._house, tx, case, SYSTEM_PERSON, rows=rows)
            step.close(item)
            step.run.fire(item.item_id)
            step.save()
            return True

    @use_case
    def start_by_timer(self, subscription_key: int) -> CaseRef | None:
        """Start a case by a timer start event that is due, and set its next time. For the worker."""
        with self._house.database.begin() as tx:
            query = select(start_subscription).where(start_subscription.c.key == subscription_key)
            timer = tx.execute(query.with_for_update()).one_or_none()
            if timer is None or timer.due_at is None or timer.due_at > self._house.clock.now():
                return None
            _set_next(self._house, tx, timer, self._house.clock.now())
            try:
                step = begin_case(self._house, tx, timer.process_id, {}, by=SYSTEM_PERSON, start_event=timer.element_id)
            except UnknownProcess:
                return None
            step.save()
            return CaseRef(step.case.key, step.case.number)


def _set_next(house: House, tx: Connection, timer: AnyRow, now: datetime) -> None:
    state = house.runtime.next_start_timer(timer.timer_state, now=now)
    due = first_due(state)
    values = {"timer_state": state, "due_at": due, "run_at": due, "claimed_by": None, "attempts": 0}
    tx.execute(update(start_subscription).where(start_subscription.c.key == timer.key).values(values))


def first_due(state: Mapping[str, Any] | None) -> datetime | None:
    """Return when a timer in the runtime's notation is due; None for none."""
    return None if state is None else datetime.fromisoformat(state["due"][0])
