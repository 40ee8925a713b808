"""Resume a paused deadline: it ends later by the pause, counted in the unit of its own rule."""

from __future__ import annotations

from typing import Any

from engine.operations import Job, Operation, OperationTransaction
from engine.operations._deadlines import DEADLINE_OR_ALL, deadline_id


class ResumeDeadline(Operation):
    type = "resume_deadline"
    label = "期限恢复计时"
    inline = True
    headers = (DEADLINE_OR_ALL,)

    def prepare(self, tx: OperationTransaction, job: Job) -> dict[str, Any]:
        tx.resume_deadline(job, deadline_id(job))
        return {}

    def perform(self, job: Job) -> dict[str, Any]:
        return {}
