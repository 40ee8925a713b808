"""The questions of those who run or audit the house: deployments, all documents, the journal's chains.

Read only, like `engine.worklist`; everything here is refused to who may not ask it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from engine import journal, permissions
from engine.casework.errors import NotAllowed, NotFound
from engine.casework.results import ProcessVersion
from engine.casework.visibility import may_see, standings
from engine.database import Database
from engine.deployments import Deployments, latest_key
from engine.identity import Person, display_names
from engine.journal import Verification
from engine.permissions import Act
from engine.privacy import masked
from engine.tables import case, deployment, deployment_resource, document, journal_head, process_definition
from engine.worklist import DocumentView
from engine.worklist.pages import document_view


@dataclass(frozen=True)
class DeploymentSummary:
    """A deployment in the list of all."""

    key: int
    hash: str
    note: str
    deployed_by: str
    deployed_by_name: str
    deployed_at: datetime
    processes: tuple[ProcessVersion, ...]
    """Those that came with it in a version of their own; the others are as before."""
    files: int
    """How many files the whole bundle has."""


@dataclass(frozen=True)
class RegisteredDocument:
    """A document in the list of all."""

    document: DocumentView
    case_number: str


@dataclass(frozen=True)
class DocumentPage:
    documents: tuple[RegisteredDocument, ...]
    next: int | None
    """Pass as `before` for the page that follows; None on the last."""


@dataclass(frozen=True)
class CheckedChain:
    """One chain of the journal, recomputed."""

    case_number: str
    """"" for the chain of what belongs to no case."""
    verification: Verification


@dataclass(frozen=True)
class DocumentProof:
    """What a document was made from. The facts are the case's data: only for who may see the case."""

    facts: Mapping[str, Any]
    """With personal numbers masked for somebody whom the case does not concern."""
    facts_hash: str
    """SHA-256 of the frozen facts' canonical JSON, unmasked."""
    template_hash: str
    issued_by_name: str
    void_reason: str


class Records:
    """`Records(database, deployments)`. Thread-safe."""

    def __init__(self, database: Database, deployments: Deployments) -> None:
        self._database = database
        self._deployments = deployments

    def deployments(self, person: Person, *, limit: int = 100) -> tuple[DeploymentSummary, ...]:
        """Return the deployments, newest first. Raise `NotAllowed` for who neither deploys nor audits."""
        if not permissions.may(person, Act.SEE_DEPLOYMENTS):
            raise NotAllowed("只有流程负责人、管理员和审计可以查看部署记录。")
        with self._database.read() as tx:
            rows = tx.execute(select(deployment).order_by(deployment.c.key.desc()).limit(limit)).all()
            names = display_names(tx, [row.deployed_by for row in rows])
            files = _file_counts(tx, [row.key for row in rows])
            changed = _changed_processes(tx, [row.key for row in rows])
        return tuple(
            DeploymentSummary(
                key=row.key,
                hash=row.hash,
                note=row.note,
                deployed_by=row.deployed_by,
                deployed_by_name=names[row.deployed_by],
                deployed_at=row.deployed_at,
                processes=tuple(changed.get(row.key, ())),
                files=files.get(row.key, 0),
            )
            for row in rows
        )

    def processes(self) -> tuple[tuple[str, str], ...]:
        """Return (process_id, name) of the processes in force, by name."""
        with self._database.read() as tx:
            query = select(process_definition.c.process_id, process_definition.c.name).where(
                process_definition.c.deployment_key == latest_key(tx)
            )
            return tuple((row.process_id, row.name) for row in tx.execute(query.order_by(process_definition.c.name)))

    def forms(self, case_key: int, person: Person) -> Mapping[tuple[str, str], tuple[str, bytes]]:
        """Return (process_id, element_id) -> path and content of the form, for all tasks of the bundle.

        Raise `NotFound` for a case that the person may not see.
        """
        with self._database.read() as tx:
            deployment_key = tx.execute(
                select(case.c.deployment_key).where(case.c.key == case_key)
            ).scalar_one_or_none()
            if deployment_key is None or not may_see(tx, person, case_key):
                raise NotFound
            bundle = self._deployments.bundle(tx, deployment_key)
        return bundle.task_forms

    def documents(self, person: Person, *, before: int | None = None, limit: int = 50) -> DocumentPage:
        """Return documents of all cases, newest first. Raise `NotAllowed` for who does not audit."""
        if not permissions.may(person, Act.AUDIT):
            raise NotAllowed("只有审计和管理员可以查看全部文书。")
        query = (
            select(document, case.c.number.label("case_number"))
            .join(case, case.c.key == document.c.case_key)
            .order_by(document.c.key.desc())
            .limit(limit + 1)
        )
        if before is not None:
            query = query.where(document.c.key < before)
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        shown = rows[:limit]
        return DocumentPage(
            documents=tuple(RegisteredDocument(document_view(row), row.case_number) for row in shown),
            next=shown[-1].key if len(rows) > limit else None,
        )

    def proof(self, document_key: int, person: Person) -> DocumentProof:
        """Return what a document was made from. Raise `NotFound` for one of a case the person may not see."""
        with self._database.read() as tx:
            row = tx.execute(select(document).where(document.c.key == document_key)).one_or_none()
            if row is None or not may_see(tx, person, row.case_key):
                raise NotFound
            names = display_names(tx, [row.issued_by])
            in_full = permissions.may(person, Act.SEE_NUMBERS, *standings(tx, person, row.case_key))
        facts = json.loads(row.facts)
        return DocumentProof(
            facts=facts if in_full else masked(facts),
            facts_hash=row.facts_hash,
            template_hash=row.template_hash,
            issued_by_name=names[row.issued_by],
            void_reason=row.void_reason or "",
        )

    def verify(self, person: Person, case_number: str | None = None) -> tuple[CheckedChain, ...]:
        """Recompute the chain of one case, or of every case and the house, and say what was found.

        Raise `NotAllowed` for who does not audit, `NotFound` for an unknown number.
        """
        if not permissions.may(person, Act.AUDIT):
            raise NotAllowed("只有审计和管理员可以校验流水。")
        numbers = select(case.c.key, case.c.number).order_by(case.c.key)
        if case_number is not None:
            numbers = numbers.where(case.c.number == case_number)
        with self._database.read() as tx:
            chains = {row.key: row.number for row in tx.execute(numbers)}
            if case_number is None:
                chains = dict.fromkeys(tx.execute(select(journal_head.c.stream)).scalars(), "") | chains
        if not chains:
            raise NotFound(f"没有案号为“{case_number}”的案件。")
        return tuple(CheckedChain(number, journal.verify(self._database, stream)) for stream, number in chains.items())


def _file_counts(tx: Connection, keys: list[int]) -> dict[int, int]:
    query = (
        select(deployment_resource.c.deployment_key, func.count().label("files"))
        .where(deployment_resource.c.deployment_key.in_(keys))
        .group_by(deployment_resource.c.deployment_key)
    )
    return {row.deployment_key: row.files for row in tx.execute(query)}


def _changed_processes(tx: Connection, keys: list[int]) -> dict[int, list[ProcessVersion]]:
    """Return for each deployment the processes whose version first appeared with it."""
    first = (
        select(
            process_definition.c.process_id,
            process_definition.c.version,
            func.min(process_definition.c.deployment_key).label("deployment_key"),
        )
        .group_by(process_definition.c.process_id, process_definition.c.version)
        .subquery()
    )
    query = (
        select(
            first.c.deployment_key,
            process_definition.c.process_id,
            process_definition.c.name,
            first.c.version,
        )
        .join(
            process_definition,
            (process_definition.c.deployment_key == first.c.deployment_key)
            & (process_definition.c.process_id == first.c.process_id),
        )
        .where(first.c.deployment_key.in_(keys))
        .order_by(process_definition.c.name)
    )
    found: dict[int, list[ProcessVersion]] = {}
    for row in tx.execute(query):
        found.setdefault(row.deployment_key, []).append(ProcessVersion(row.process_id, row.name, row.version))
    return found
