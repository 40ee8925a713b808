"""Verbs inside a step: performing inline ones, preparing the others, and what a verb may do in the transaction."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from engine import documents_register, identity, numbering, statistics, store
from engine.casework import items, limits, messages_out
from engine.deadlines import Deadline
from engine.errors import EngineError
from engine.journal import Where
from engine.operations import BpmnError, DeadlineOrder, Job, Operation, OperationFailed
from engine.runtime import UnknownItem, Waiting
from engine.tables import canonical

if TYPE_CHECKING:
    from engine.casework.step import Step

_MOST_IN_ONE_STEP = 1000
_log = logging.getLogger(__name__)


def perform_inline(step: Step) -> None:
    """Perform inline verbs until none is waiting. One that fails is left waiting, with the cause in `step.failed`."""
    performed = 0
    while jobs := _inline_jobs(step):
        for item in jobs:
            performed += 1
            if performed > _MOST_IN_ONE_STEP:
                step.failed[item.id] = f"一步之内自动服务超过{_MOST_IN_ONE_STEP}次，流程可能进入了死循环。"
            else:
                _perform_one(step, item)


def _perform_one(step: Step, item: Waiting) -> None:
    operation = step.house.operations[item.type]
    try:
        with _undone_on_failure(step, operation):
            job = make_job(step, item, key=None)
            job = dataclasses.replace(job, prepared=operation.prepare(StepTransaction(step), job))
            result = plain(operation.complete(StepTransaction(step), job, operation.perform(job)))
            step.record("job:completed", {"type": item.type, "result": result}, items.where(item))
            step.run.complete(item.id, result)
    except UnknownItem:
        return  # a job before it in this round ended the branch
    except BpmnError as error:
        step.run.throw_error(item.id, error.code, error.message, error.variables)
    except Exception as error:  # noqa: BLE001 - whatever a verb does wrong stops its branch only, as an incident
        step.failed[item.id] = cause_of(error, item.type)
        return
    step.retrying.discard(item.id)
    if item.id in step.open:
        step.close(step.open[item.id])


def prepare(step: Step, jobs: Sequence[tuple[int, Waiting]]) -> None:
    """Let verbs freeze what they need for a job that a worker will perform; name those nobody can perform."""
    for key, item in jobs:
        if item.id not in step.failed:
            _prepare_one(step, key, item)
        if item.id in step.failed:
            store.update_item(step.tx, key, run_at=None, incident=True)


def reprepare(step: Step, row: store.Item) -> None:
    """Prepare a job again whose preparation failed; leave one alone whose facts are frozen already."""
    if row.prepared is None:
        waiting = next(item for item in step.run.waiting if item.id == row.item_id)
        _prepare_one(step, row.key, waiting)


def _prepare_one(step: Step, key: int, item: Waiting) -> None:
    operation = step.house.operations.get(item.type)
    if operation is None:
        step.failed[item.id] = f"没有名为“{item.type}”的服务，请检查流程图中的任务类型。"
    elif _prepares(operation):
        try:
            with _undone_on_failure(step, operation):
                prepared = plain(operation.prepare(StepTransaction(step), make_job(step, item, key=key)))
        except Exception as error:  # noqa: BLE001 - as above
            step.failed[item.id] = cause_of(error, item.type)
        else:
            store.update_item(step.tx, key, prepared=prepared, inputs=dict(item.inputs))


def make_job(step: Step, item: Waiting, *, key: int | None) -> Job:
    return Job(
        key=key,
        case_key=step.case.key,
        case_number=step.case.number,
        process_id=item.process_id,
        element_id=item.element_id,
        element_name=item.element_name,
        type=item.type,
        headers=item.headers,
        inputs=item.inputs,
        deadlines=item.deadlines,
        files=step.bundle.files,
        now=step.now,
        by=step.by.username,
        idempotency_key=f"{step.case.number}/{item.id}",
    )


def plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a verb's answer as a copy of plain JSON. Raise `TypeError` or `ValueError` if it is none."""
    copy: dict[str, Any] = json.loads(canonical(dict(value)))
    return copy


def cause_of(error: Exception, what: str) -> str:
    """Return an incident's cause in Chinese. An unforeseen error is logged; its text may be anything, so not shown."""
    if isinstance(error, EngineError):
        return error.message
    _log.exception("%s failed", what, exc_info=error)
    return f"服务“{what}”内部出错（{type(error).__name__}），请联系管理员查看日志。"


def _inline_jobs(step: Step) -> list[Waiting]:
    return [item for item in step.run.waiting if item.kind == "job" and _is_inline(step, item)]


def _is_inline(step: Step, item: Waiting) -> bool:
    operation = step.house.operations.get(item.type)
    fresh = item.id not in step.open or item.id in step.retrying
    return operation is not None and operation.inline and fresh and item.id not in step.failed


def _prepares(operation: Operation) -> bool:
    return type(operation).prepare is not Operation.prepare


@contextmanager
def _undone_on_failure(step: Step, operation: Operation) -> Iterator[None]:
    """Undo what a failing verb wrote, in the database and in the journal, but not the step around it."""
    step.tell()  # what the run told before this is not the verb's to undo
    chain = step.chain
    mark = (len(chain.entries), chain.seq, chain.hash)
    writes = _prepares(operation) or type(operation).complete is not Operation.complete
    try:
        if writes:
            with step.tx.begin_nested():
                yield
        else:
            yield
    except BaseException:
        del chain.entries[mark[0] :]
        chain.seq, chain.hash = mark[1:]
        raise


class StepTransaction:
    """`engine.operations.OperationTransaction` for one step."""

    def __init__(self, step: Step) -> None:
        self._step = step

    def allocate_number(self, pattern: str) -> str:
        step = self._step
        number = numbering.allocate(step.tx, pattern, org=step.house.org_code, at=step.now, case_key=step.case.key)
        step.record("number:allocated", {"number": number, "pattern": pattern})
        return number

    def issue_document(
        self, job: Job, *, template: str, title: str, facts: Mapping[str, Any], series: str | None
    ) -> Mapping[str, Any]:
        step = self._step
        if job.key is None:
            raise OperationFailed("立即执行的服务不能出具文书。", permanent=True)
        issued = documents_register.issue(
            step.tx,
            documents_register.Order(
                case_key=job.case_key,
                case_number=job.case_number,
                item_key=job.key,
                template=template,
                template_hash=_folder_hash(step.bundle.template(template)),
                title=title,
                facts=facts,
                number=self.allocate_number(series) if series is not None else None,
                issued_by=job.by,
                issued_at=step.now,
            ),
        )
        step.record(
            "document:issued",
            {
                name: issued[name]
                for name in (
                    "key",
                    "template",
                    "template_hash",
                    "title",
                    "number",
                    "check_code",
                    "facts_hash",
                    "draft",
                )
            },
            Where(job.process_id, job.element_id, job.element_name, job.key),
        )
        return issued

    def finish_document(self, document_key: int, *, sha256: str, pages: int, size: int) -> None:
        step = self._step
        documents_register.finish(step.tx, document_key, sha256=sha256, pages=pages, size=size, at=step.now)
        step.record("document:ready", {"key": str(document_key), "sha256": sha256, "pages": pages})

    def publish_message(
        self, name: str, correlation_key: str, variables: Mapping[str, Any], *, ttl: timedelta | None
    ) -> None:
        messages_out.publish(self._step, name, correlation_key, variables, ttl=ttl)

    def open_deadline(self, job: Job, order: DeadlineOrder) -> None:
        limits.open_one(self._step, job, order)

    def meet_deadline(self, job: Job, deadline_id: str) -> str | None:
        return limits.meet(self._step, job, deadline_id)

    def pause_deadline(self, job: Job, deadline_id: str, reason: str) -> list[str]:
        return limits.pause(self._step, job, deadline_id, reason)

    def resume_deadline(self, job: Job, deadline_id: str) -> list[str]:
        return limits.resume(self._step, job, deadline_id)

    def extend_deadline(self, job: Job, deadline_id: str, due: Deadline, *, reason: str, approved_by: str) -> bool:
        return limits.extend(self._step, job, deadline_id, due, reason=reason, approved_by=approved_by)

    def cancel_deadline(self, job: Job, deadline_id: str) -> list[str]:
        return limits.cancel(self._step, job, deadline_id)

    def sample_cases(
        self,
        job: Job,
        *,
        since: datetime,
        until: datetime,
        processes: Sequence[str] | None,
        share: float,
        most: int,
    ) -> list[dict[str, Any]]:
        step = self._step
        seed = hashlib.sha256(job.idempotency_key.encode()).hexdigest()[:16]
        drawn = statistics.sample(
            step.tx,
            since=since,
            until=until,
            processes=processes,
            share=share,
            most=most,
            seed=seed,
            without=job.case_key,
        )
        facts = {
            "seed": seed,
            "from": since.isoformat(),
            "to": until.isoformat(),
            "processes": None if processes is None else list(processes),
            "share": str(share),
            "population": drawn.population,
            "drawn": [str(key) for key in drawn.keys],
        }
        step.record("cases:sampled", facts, Where(job.process_id, job.element_id, job.element_name))
        return statistics.sampled_cases(step.tx, drawn.keys)

    def case_statistics(
        self,
        job: Job,
        *,
        since: datetime,
        until: datetime,
        processes: Sequence[str] | None,
        by: Sequence[str],
        compare: bool,
        targets: Any,
    ) -> dict[str, Any]:
        scope = statistics.Scope(since, until, None if processes is None else tuple(processes))
        wanted = statistics.read_targets(targets)
        return statistics.summary(self._step.tx, scope, by, compare=compare, targets=wanted, now=self._step.now)

    def stand_ins(self, usernames: Sequence[str]) -> list[str]:
        return identity.stand_ins(self._step.tx, usernames)

    def case_deadlines(self, job: Job) -> list[dict[str, Any]]:
        return limits.facts_of(self._step.tx, job.case_key)


def _folder_hash(files: Mapping[str, bytes]) -> str:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return hashlib.sha256(canonical(digests).encode()).hexdigest()
