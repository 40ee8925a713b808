"""Cancel a deadline: it no longer applies. Nothing happens if none of this id runs."""

from __future__ import annotations

from typing import Any

from engine.operations import Job, Operation, OperationTransaction
from engine.operations._deadlines import DEADLINE_OR_ALL, deadline_id


class CancelDeadline(Operation):
    type = "cancel_deadline"
    label = "期限取消"
    inline = True
    headers = (DEADLINE_OR_ALL,)

    def prepare(self, tx: OperationTransaction, job: Job) -> dict[str, Any]:
        tx.cancel_deadline(job, deadline_id(job))
        return {}

    def perform(self, job: Job) -> dict[str, Any]:
        return {}
