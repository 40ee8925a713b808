"""Extend a deadline: a new limit, with the reason and who approved it. Nothing happens if none of this id runs."""

from __future__ import annotations

from typing import Any

from engine.operations import Job, Operation, OperationTransaction, Parameter
from engine.operations._deadlines import DEADLINE, DUE, deadline_id, due, text


class ExtendDeadline(Operation):
    type = "extend_deadline"
    label = "期限延长"
    inline = True
    headers = (DEADLINE,)
    inputs = (
        DUE,
        Parameter("reason", "原因", required=True),
        Parameter("approved_by", "批准人", required=True),
    )

    def prepare(self, tx: OperationTransaction, job: Job) -> dict[str, Any]:
        reason, approved_by = text(job.inputs.get("reason")), text(job.inputs.get("approved_by"))
        tx.extend_deadline(job, deadline_id(job), due(job), reason=reason, approved_by=approved_by)
        return {}

    def perform(self, job: Job) -> dict[str, Any]:
        return {}
