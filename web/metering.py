"""The use cases, the worker and the printer, each with a counter beside it. What they do stays theirs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.casework import Casework
from engine.casework.results import CaseRef, Outcome
from engine.operations import BpmnError, Job
from engine.ports import Rendered, Renderer
from engine.worker import Due, Lane, Worker
from web.monitoring import Figures


class MeteredCasework(Casework):
    """Counts what was committed: a use case that raises or comes too late counts nothing."""

    def __init__(self, *args: Any, figures: Figures, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._figures = figures

    def start_case(self, *args: Any, **kwargs: Any) -> CaseRef:
        case = super().start_case(*args, **kwargs)
        self._figures.cases_started.inc()
        return case

    def complete_task(self, *args: Any, **kwargs: Any) -> Outcome:
        outcome = super().complete_task(*args, **kwargs)
        self._figures.tasks_completed.inc()
        return outcome

    def complete_job(self, job: Job, result: Mapping[str, Any]) -> bool:
        return self._job(job, "completed", super().complete_job(job, result))

    def throw_job_error(self, job: Job, error: BpmnError) -> bool:
        return self._job(job, "error", super().throw_job_error(job, error))

    def _job(self, job: Job, outcome: str, done: bool) -> bool:
        if done:
            self._figures.jobs.labels(job.type, outcome).inc()
        return done

    def fail_item(self, item_key: int, cause: str, *, permanent: bool = False) -> datetime | None:
        again = super().fail_item(item_key, cause, permanent=permanent)
        self._figures.failures.labels("given_up" if again is None else "retry").inc()
        return again

    def fire_timer(self, item_key: int) -> bool:
        fired = super().fire_timer(item_key)
        if fired:
            self._figures.timers_fired.inc()
        return fired

    def start_by_timer(self, subscription_key: int) -> CaseRef | None:
        case = super().start_by_timer(subscription_key)
        if case is not None:
            self._figures.timers_fired.inc()
            self._figures.cases_started.inc()
        return case

    def carry(self, message_key: int) -> int:
        reached = super().carry(message_key)
        self._figures.messages_carried.inc(reached)
        return reached


class MeteredWorker(Worker):
    """Tells when it last looked for work: one that has not for long hangs, whatever its process says."""

    def __init__(self, *args: Any, figures: Figures, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._figures = figures

    def claim(self, limit: int, lane: Lane | None = None) -> list[Due]:
        claimed = super().claim(limit, lane)
        for each in Lane if lane is None else (lane,):
            self._figures.worker_looked.labels(each).set_to_current_time()
        return claimed


class MeteredRenderer:
    """`engine.ports.Renderer` that counts and times what another one prints."""

    def __init__(self, renderer: Renderer, figures: Figures) -> None:
        self._renderer = renderer
        self._figures = figures

    def render(
        self, template: Mapping[str, bytes], facts: Mapping[str, Any], *, issued_at: datetime, draft: bool
    ) -> Rendered:
        begun = time.perf_counter()
        try:
            rendered = self._renderer.render(template, facts, issued_at=issued_at, draft=draft)
        except Exception:
            self._figures.document_failures.inc()
            raise
        self._figures.document_seconds.observe(time.perf_counter() - begun)
        return rendered
