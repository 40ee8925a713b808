"""Deploying: laying files over the latest bundle, checked, immutable, versioned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, delete, insert, select

from engine import deployments, journal, permissions
from engine.bulk import insert_rows
from engine.casework.errors import DeploymentRefused, NotAllowed
from engine.casework.house import House, UseCases, person, use_case
from engine.casework.results import DeploymentInfo, ProcessVersion
from engine.casework.timers import first_due
from engine.deployments import Bundle
from engine.dialect import StartEvent
from engine.errors import EngineError
from engine.permissions import Act
from engine.problems import Problem
from engine.tables import (
    deployment,
    deployment_resource,
    process_definition,
    resource,
    start_subscription,
)

Check = Callable[[Mapping[str, bytes]], Sequence[Problem]]

_DEPLOY_LOCK = 0x48654465  # "HeDe": one deployment at a time


class Deploying(UseCases):
    def deploy(
        self, files: Mapping[str, bytes], *, by: str, note: str = "", check: Check, remove: Sequence[str] = ()
    ) -> DeploymentInfo:
        """Lay `files` over the latest bundle, without the paths in `remove`, and make it the one new cases start on.

        Running cases stay on theirs. If the outcome is the latest bundle itself, nothing is done (`new` False). Raise
        `DeploymentRefused` if `check(all files)` finds an error, `NotAllowed` for who may not deploy.
        """
        while True:
            with self._house.database.read() as tx:
                _must_be_allowed(tx, by)  # before the check: it costs seconds and tells what the bundle holds
                base = deployments.latest_key(tx)
                before = self._house.deployments.bundle(tx, base) if base is not None else Bundle.of({})
            kept = {path: data for path, data in before.files.items() if path not in set(remove)}
            bundle = Bundle.of({**kept, **files})
            if base is None or bundle.hash != before.hash:
                # Outside the transaction: a check may take seconds.
                problems = [problem for problem in check(bundle.files) if problem.severity == "error"]
                if problems:
                    raise DeploymentRefused(problems)
            info = self._deploy(bundle, base, by=by, note=note)
            if info is not None:
                return info

    @use_case
    def _deploy(self, bundle: Bundle, base: int | None, *, by: str, note: str) -> DeploymentInfo | None:
        """Write the deployment. None: another one came in between, and what was checked is not what would result."""
        with self._house.database.begin() as tx:
            _must_be_allowed(tx, by)
            if tx.dialect.name == "postgresql":
                tx.execute(select(sqlalchemy.func.pg_advisory_xact_lock(_DEPLOY_LOCK)))
            if deployments.latest_key(tx) != base:
                return None
            if base is not None and self._house.deployments.bundle(tx, base).hash == bundle.hash:
                return DeploymentInfo(base, bundle.hash, False, _versions(tx, base))
            now = self._house.clock.now()
            key = tx.execute(
                insert(deployment)
                .values(hash=bundle.hash, note=note, deployed_by=by, deployed_at=now)
                .returning(deployment.c.key)
            ).scalar_one()
            _write_files(tx, key, bundle)
            processes = _write_definitions(tx, key, base, bundle)
            _write_starts(self._house, tx, bundle)
            facts = {
                "deployment": str(key),
                "hash": bundle.hash,
                "note": note,
                "processes": {process.process_id: process.version for process in processes},
            }
            journal.record(tx, "deployment:made", facts, by=by, at=now)
        return DeploymentInfo(key, bundle.hash, True, processes)


def _must_be_allowed(tx: Connection, by: str) -> None:
    if not permissions.may(person(tx, by), Act.DEPLOY):
        raise NotAllowed("只有流程负责人和管理员可以部署流程。")


def _write_files(tx: Connection, key: int, bundle: Bundle) -> None:
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in bundle.files.items()}
    if not digests:
        return
    contents = {digest: bundle.files[path] for path, digest in digests.items()}
    known = set(tx.execute(select(resource.c.sha256).where(resource.c.sha256.in_(list(contents)))).scalars())
    new = [{"sha256": digest, "content": data} for digest, data in contents.items() if digest not in known]
    if new:
        tx.execute(insert(resource).returning(resource.c.sha256), new)  # RETURNING: one statement for all
    insert_rows(
        tx,
        deployment_resource,
        [{"deployment_key": key, "path": path, "sha256": digest} for path, digest in digests.items()],
    )


def _write_definitions(tx: Connection, key: int, base: int | None, bundle: Bundle) -> tuple[ProcessVersion, ...]:
    newest = select(
        process_definition.c.process_id, sqlalchemy.func.max(process_definition.c.version).label("version")
    ).group_by(process_definition.c.process_id)
    versions = {row.process_id: row.version for row in tx.execute(newest)}
    before = {}
    if base is not None:
        query = select(process_definition).where(process_definition.c.deployment_key == base)
        before = {row.process_id: row for row in tx.execute(query)}
    rows = []
    for process in bundle.diagrams.values():
        uses_hash = deployments.hash_of(
            {path: hashlib.sha256(bundle.files[path]).hexdigest() for path in bundle.uses(process.id)}
        )
        old = before.get(process.id)
        same = old is not None and old.uses_hash == uses_hash
        rows.append(
            {
                "deployment_key": key,
                "process_id": process.id,
                "version": old.version if same and old is not None else versions.get(process.id, 0) + 1,
                "name": process.name or process.id,
                "file": process.file,
                "uses_hash": uses_hash,
            }
        )
    insert_rows(tx, process_definition, rows)
    return tuple(ProcessVersion(row["process_id"], row["name"], row["version"]) for row in rows)


def _versions(tx: Connection, key: int) -> tuple[ProcessVersion, ...]:
    query = (
        select(process_definition.c.process_id, process_definition.c.name, process_definition.c.version)
        .where(process_definition.c.deployment_key == key)
        .order_by(process_definition.c.key)
    )
    return tuple(ProcessVersion(*row) for row in tx.execute(query))


def _write_starts(house: House, tx: Connection, bundle: Bundle) -> None:
    """Subscribe the start events of the new bundle. A timer that has not changed goes on counting as it was."""
    now = house.clock.now()
    wanted = {}
    for process in bundle.diagrams.values():
        for start in process.start_events:
            if start.event.kind in ("message", "signal", "timer"):
                wanted[process.id, start.id] = _start_row(house, bundle, process.id, start, now)
    for row in tx.execute(select(start_subscription)):
        found = wanted.get((row.process_id, row.element_id))
        if found is not None and all(found[name] == getattr(row, name) for name in ("kind", "name", "timer_text")):
            del wanted[row.process_id, row.element_id]
        else:
            tx.execute(delete(start_subscription).where(start_subscription.c.key == row.key))
    insert_rows(tx, start_subscription, list(wanted.values()))


def _start_row(house: House, bundle: Bundle, process_id: str, start: StartEvent, now: datetime) -> dict[str, Any]:
    timer = start.event.timer
    try:
        state = house.runtime.start_timer(bundle, process_id, start.id, now=now) if timer is not None else None
    except EngineError:
        state = None  # never fires; the check has named it, if it can be known beforehand
    due = first_due(state)
    return {
        "process_id": process_id,
        "element_id": start.id,
        "kind": start.event.kind,
        "name": start.event.name,
        "timer_text": timer.text if timer else "",
        "timer_state": state,
        "due_at": due,
        "run_at": due,
    }
