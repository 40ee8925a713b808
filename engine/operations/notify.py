"""Notify somebody: recorded with the step, sent after its commit, tried again until it is delivered.

Inputs: `to` (one address or username, or a list of them), `subject`, `body`. Sending is repeated with the same
idempotency key, so a notifier can drop what it has sent before.
"""

from __future__ import annotations

from typing import Any

from engine.operations import Job, Operation, OperationFailed, OperationTransaction, Parameter
from engine.ports import Notifier


class Notify(Operation):
    type = "notify"
    label = "发送通知"
    inputs = (
        Parameter("to", "收件人", required=True, description="一个地址或用户名，或它们的列表"),
        Parameter("subject", "标题", required=True),
        Parameter("body", "内容", required=True),
    )

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def prepare(self, tx: OperationTransaction, job: Job) -> dict[str, Any]:
        """Find who stands in for the receivers: they are told as well."""
        to = job.inputs.get("to")
        named = [name.strip() for name in (to if isinstance(to, list) else [to]) if isinstance(name, str)]
        return {"also": tx.stand_ins(named)}

    def perform(self, job: Job) -> dict[str, Any]:
        receivers = [*_receivers(job.inputs.get("to")), *job.prepared.get("also", ())]
        subject = _text(job, "subject")
        body = _text(job, "body")
        for number, receiver in enumerate(receivers):
            self._notifier.send(
                to=receiver, subject=subject, body=body, idempotency_key=f"{job.idempotency_key}/{number}"
            )
        return {}


def _receivers(value: Any) -> list[str]:
    receivers = value if isinstance(value, list) else [value]
    if not receivers or not all(isinstance(receiver, str) and receiver.strip() for receiver in receivers):
        raise OperationFailed("通知没有收件人：请填写 to。", permanent=True)
    return [receiver.strip() for receiver in receivers]


def _text(job: Job, name: str) -> str:
    value = job.inputs.get(name)
    if not isinstance(value, str) or not value.strip():
        raise OperationFailed(f"通知缺少 {name}。", permanent=True)
    return value
