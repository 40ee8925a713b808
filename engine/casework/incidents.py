"""Incidents: trying again by hand, after mending what was wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine import permissions, store
from engine.casework.errors import NoIncident, NotAllowed, NotFound
from engine.casework.house import UseCases, person, use_case
from engine.casework.items import where_row
from engine.casework.starting import refuse_reserved
from engine.casework.step import Step, open_step
from engine.casework.verbs import reprepare
from engine.casework.visibility import standings
from engine.permissions import Act

_TRIES = 3


class Incidents(UseCases):
    @use_case
    def retry_incident(self, item_key: int, *, by: str, variables: Mapping[str, Any] | None = None) -> None:
        """Try a work item with an incident again. `variables` are set first, as seen from the item, to mend data.

        Raise `NotFound`, `NotAllowed` (only administrators and process owners may) or `NoIncident`.
        """
        if variables:
            refuse_reserved(variables)
        with self._house.database.begin() as tx:
            who = person(tx, by)
            row = store.lock_case_of(tx, item_key)
            if row is None or not permissions.may(who, Act.SEE_INCIDENT, *standings(tx, who, row.key)):
                raise NotFound
            if not permissions.may(who, Act.RETRY_INCIDENT):
                raise NotAllowed("只有管理员和流程负责人可以重试异常。")
            rows = store.open_items(tx, row.key) if row.state == "ACTIVE" else []
            item = next((found for found in rows if found.key == item_key), None)
            if item is None or not item.incident:
                raise NoIncident
            step = open_step(self._house, tx, row, who, rows=rows)
            if variables:
                step.record("case:variables", {"variables": dict(variables), "reason": "重试异常"}, where_row(item))
                step.run.set_variables(item.item_id, variables)
            _try_again(step, item)
            step.save()


def _try_again(step: Step, item: store.Item) -> None:
    step.record("incident:retried", {}, where_row(item))
    if item.kind == "incident":
        step.close(item)  # the run raises a new one if it fails again
        step.run.retry(item.item_id)
        return
    store.resolve_incidents(step.tx, [item.key], by=step.by.username, at=step.now)
    operation = step.house.operations.get(item.type) if item.kind == "job" else None
    if operation is not None and operation.inline:
        step.retrying.add(item.item_id)
        return
    run_at = item.due_at if item.kind == "timer" else step.now
    store.update_item(step.tx, item.key, incident=False, retries=_TRIES, attempts=0, run_at=run_at)
    if item.kind == "job":
        reprepare(step, item)
