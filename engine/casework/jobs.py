"""Jobs of a worker: look one up, complete it, or say that it failed. Performing happens between the two."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from engine import store
from engine.casework.house import UseCases, use_case
from engine.casework.items import incident_row, where_row
from engine.casework.log import chain_of, keep
from engine.casework.step import Step, open_step
from engine.casework.verbs import StepTransaction, plain
from engine.identity import SYSTEM, SYSTEM_PERSON
from engine.operations import BpmnError, Job
from engine.tables import case

_BACK_OFF = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=6))
"""After the first, the second and every later failure."""


class Jobs(UseCases):
    def job(self, item_key: int) -> Job | None:
        """Return a job to be performed; None if it is no longer open, or has an incident."""
        with self._house.database.read() as tx:
            item = store.item(tx, item_key)
            if item is None or item.kind != "job" or item.state != "CREATED" or item.incident:
                return None
            found = tx.execute(select(case.c.number, case.c.deployment_key).where(case.c.key == item.case_key)).one()
            return Job(
                key=item.key,
                case_key=item.case_key,
                case_number=found.number,
                process_id=item.process_id,
                element_id=item.element_id,
                element_name=item.name,
                type=item.type,
                headers=item.headers,
                inputs=item.inputs or {},
                files=self._house.deployments.bundle(tx, found.deployment_key).files,
                now=self._house.clock.now(),
                by=SYSTEM,
                idempotency_key=f"{found.number}/{item.item_id}",
                prepared=item.prepared or {},
            )

    @use_case
    def complete_job(self, job: Job, result: Mapping[str, Any]) -> bool:
        """Complete a job with what performing it gave. False: somebody else has, or the case went another way."""
        with self._house.database.begin() as tx:
            opened = self._open(tx, job)
            if opened is None:
                return False
            step, item = opened
            operation = self._house.operations[job.type]
            now = dataclasses.replace(job, now=step.now)
            variables = plain(operation.complete(StepTransaction(step), now, plain(result)))
            step.record("job:completed", {"type": job.type, "result": variables}, where_row(item))
            step.close(item)
            step.run.complete(item.item_id, variables)
            step.save()
            return True

    @use_case
    def throw_job_error(self, job: Job, error: BpmnError) -> bool:
        """End a job with a BPMN error. False as in `complete_job`."""
        with self._house.database.begin() as tx:
            opened = self._open(tx, job)
            if opened is None:
                return False
            step, item = opened
            facts = {"type": job.type, "cause": error.message, "code": error.code}
            step.record("job:failed", facts, where_row(item))
            step.close(item)
            step.run.throw_error(item.item_id, error.code, error.message, error.variables)
            step.save()
            return True

    @use_case
    def fail_item(self, item_key: int, cause: str, *, permanent: bool = False) -> datetime | None:
        """A job, timer or message could not be performed: try again later, or raise an incident after the last try.

        Return when it is tried again; None if no more, or if it is no longer there.
        """
        with self._house.database.begin() as tx:
            row = store.lock_case_of(tx, item_key)
            item = store.item(tx, item_key) if row is not None else None
            if row is None or item is None or item.state != "CREATED" or item.incident:
                return None
            left = 0 if permanent else item.retries - 1
            now = self._house.clock.now()
            failures = max(item.attempts, 1)
            again = now + _BACK_OFF[min(failures, len(_BACK_OFF)) - 1] if left > 0 else None
            chain = chain_of(row, at=now, by=SYSTEM)
            facts = {"type": item.type or item.kind, "cause": cause, "tries_left": left}
            chain.append("job:failed", facts, where_row(item))
            if again is None:
                chain.append("incident:raised", {"cause": cause}, where_row(item))
                store.insert_incidents(tx, [incident_row(row.key, item.key, item.kind, cause, at=now)])
            store.update_item(tx, item_key, retries=left, run_at=again, incident=again is None, claimed_by=None)
            keep(tx, chain)
            return again

    def _open(self, tx: Connection, job: Job) -> tuple[Step, store.Item] | None:
        row = store.lock_case(tx, job.case_key)
        if row is None or row.state != "ACTIVE":
            return None
        rows = store.open_items(tx, row.key)
        item = next((found for found in rows if found.key == job.key), None)
        if item is None:
            return None
        return open_step(self._house, tx, row, SYSTEM_PERSON, rows=rows), item
