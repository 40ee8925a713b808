"""Pause a deadline, with the reason: while it waits for an appraisal or evidence no time passes for it."""

from __future__ import annotations

from typing import Any

from engine.operations import Job, Operation, OperationTransaction, Parameter
from engine.operations._deadlines import DEADLINE_OR_ALL, deadline_id, text


class PauseDeadline(Operation):
    type = "pause_deadline"
    label = "期限暂停"
    inline = True
    headers = (DEADLINE_OR_ALL,)
    inputs = (Parameter("reason", "原因", required=True, description='例如 "鉴定"'),)

    def prepare(self, tx: OperationTransaction, job: Job) -> dict[str, Any]:
        tx.pause_deadline(job, deadline_id(job), text(job.inputs.get("reason")))
        return {}

    def perform(self, job: Job) -> dict[str, Any]:
        return {}
