"""Meet a deadline: what it was for is done, in time or late. Nothing happens if none of this id runs."""

from __future__ import annotations

from typing import Any

from engine.operations import Job, Operation, OperationTransaction
from engine.operations._deadlines import DEADLINE, deadline_id


class MeetDeadline(Operation):
    type = "meet_deadline"
    label = "期限内完成"
    inline = True
    headers = (DEADLINE,)

    def prepare(self, tx: OperationTransaction, job: Job) -> dict[str, Any]:
        tx.meet_deadline(job, deadline_id(job))
        return {}

    def perform(self, job: Job) -> dict[str, Any]:
        return {}
