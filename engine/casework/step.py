"""One step of one case: everything between the lock and the commit that all use cases share.

A use case locks the case, opens a `Step`, says what happened (`record`, `close`, `run.complete` …) and calls
`save()`, which performs inline verbs until none is waiting, compares what the run waits for with the open rows, and
writes rows, journal, messages and state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from engine import store
from engine.casework import items, limits, verbs
from engine.casework.errors import CaseEnded
from engine.casework.facts import case_facts, search_terms, written_variables
from engine.casework.house import House
from engine.casework.messages_out import recheck_starts, send
from engine.deployments import Bundle
from engine.identity import Person
from engine.journal import Chain, Where
from engine.permissions import is_candidate
from engine.runtime import Run, Waiting
from engine.tables import AnyRow

_RUNTIME_EVENTS_TOLD_BY_US = {"case:started", "case:cancelled"}


@dataclass
class Step:
    """A locked case being carried on by `by` at `now`."""

    house: House
    tx: Connection
    case: AnyRow
    bundle: Bundle
    run: Run
    by: Person
    now: datetime
    open: dict[str, store.Item]
    """The rows open at the beginning, by the runtime's id."""
    is_new: bool = False
    chain: Chain = field(init=False)
    closed: dict[str, str] = field(default_factory=dict)
    """The runtime's ids of the items this step closed itself -> the state they go to."""
    failed: dict[str, str] = field(default_factory=dict)
    """Jobs whose verb failed in this step: the runtime's id -> cause."""
    retrying: set[str] = field(default_factory=set)
    """Open jobs to be performed inline again."""
    opened: dict[str, tuple[int, Waiting]] = field(default_factory=dict)
    """New rows by the runtime's id: key and what waits."""
    candidates: list[dict[str, Any]] = field(default_factory=list)
    """Rows of `tables.candidate` to be written with those of the new tasks."""
    state: str = "ACTIVE"
    _told: int = 0

    def __post_init__(self) -> None:
        self.chain = Chain(self.case.key, self.case.journal_seq, self.case.journal_hash, self.now, self.by.username)

    def record(self, event: str, facts: Mapping[str, Any] | None = None, where: Where | None = None) -> None:
        """Append to the journal, after whatever the run has told until now."""
        self.tell()
        self.chain.append(event, facts, where or Where(self.case.process_id))

    def tell(self) -> None:
        """Move what the run has told since the last time into the journal."""
        told = self.run.happened[self._told :]
        self._told += len(told)
        for happening in told:
            if happening.event not in _RUNTIME_EVENTS_TOLD_BY_US:
                facts = {**happening.facts, "path": list(happening.path)} if happening.path else happening.facts
                where = Where(happening.process_id, happening.element_id or None, happening.element_name)
                self.chain.append(happening.event, facts, where)

    def close(self, item: store.Item, state: str = "COMPLETED") -> None:
        """Say that this step is done with an open item."""
        self.closed[item.item_id] = state

    def save(self) -> None:
        """Run on as far as inline verbs go, and write everything."""
        verbs.perform_inline(self)
        self.tell()
        if self.state == "ACTIVE" and self.run.finished:
            self.state = "COMPLETED"
        if self.state != "ACTIVE":
            limits.end_with_case(self)
        items.write(self)
        send(self, self.run.thrown)
        if self.state != "ACTIVE" and self.case.start_correlation_key is not None:
            recheck_starts(self.tx, self.case, self.now)
        self._write_case()

    def _write_case(self) -> None:
        written = None if self.is_new else written_variables(self.run.happened)
        facts, counted = case_facts(self.house.feel, self.bundle, self.case, self.run, self.now, written=written)
        known = {name: getattr(self.case, name) for name in facts}
        if self.is_new or facts != known:
            before = set() if self.is_new else search_terms(self.case.number, known)
            after = search_terms(self.case.number, facts)
            store.change_terms(self.tx, self.case.key, gone=before - after, new=after - before)
        store.put_dimensions(self.tx, self.case.key, counted)
        self.chain.write(self.tx)
        values: dict[str, Any] = {
            **facts,
            "state": self.state,
            "changed_at": self.now,
            "journal_seq": self.chain.seq,
            "journal_hash": self.chain.hash,
            "runtime_state": self.run.save(),
        }
        if self.state != "ACTIVE":
            values["ended_at"] = self.now
        store.update_case(self.tx, self.case.key, values)

    def next_items(self) -> tuple[int, ...]:
        """Return the open user tasks that `by` may complete: own ones first, then offered ones; oldest first."""
        ranked = []
        for row in self.open.values():
            if row.kind == "user_task" and row.item_id not in self.closed:
                candidates = json.loads(row.candidates)
                ranked.append((row.key, row.assignee, candidates["groups"], candidates["users"]))
        for key, waiting in self.opened.values():
            if waiting.kind == "user_task":
                ranked.append((key, waiting.assignee, items.groups(waiting), waiting.candidate_users))
        mine = [key for key, assignee, _, _ in ranked if assignee == self.by.username]
        offered = [
            key for key, assignee, groups, users in ranked if assignee is None and is_candidate(self.by, groups, users)
        ]
        return (*sorted(mine), *sorted(offered))


def open_step(house: House, tx: Connection, case: AnyRow, by: Person, *, rows: list[store.Item] | None = None) -> Step:
    """Restore a locked case for a step. Raise `CaseEnded` if it is over."""
    if case.state != "ACTIVE":
        raise CaseEnded(f"案件{case.number}已经结束，不能再变更。")
    now = house.clock.now()
    bundle = house.deployments.bundle(tx, case.deployment_key)
    run = house.runtime.restore(bundle, case.runtime_state, now=now)
    rows = store.open_items(tx, case.key) if rows is None else rows
    return Step(house, tx, case, bundle, run, by, now, {row.item_id: row for row in rows})
