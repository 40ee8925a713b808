"""Publish a message to other cases, recorded in the transaction of the step; a worker delivers it.

Headers: `message_name`, `ttl` (ISO 8601 duration; default one hour). Inputs: `correlation_key` (text or number;
default: none) and `variables` (a context for the receiver; default: none).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from engine.dialect.iso8601 import NotIso8601, parse_duration
from engine.operations import Job, Operation, OperationFailed, OperationTransaction, Parameter


class PublishMessage(Operation):
    type = "publish_message"
    label = "发送消息"
    inline = True
    headers = (
        Parameter("message_name", "消息名", required=True),
        Parameter("ttl", "等待接收的时长", default="PT1H", description="ISO 8601，例如 P1D"),
    )
    inputs = (
        Parameter("correlation_key", "关联值", description="例如案件编号"),
        Parameter("variables", "随附数据", description="FEEL 上下文"),
    )

    def prepare(self, tx: OperationTransaction, job: Job) -> dict[str, Any]:
        name = job.headers.get("message_name", "").strip()
        if not name:
            raise OperationFailed("发送消息的任务没有写明 message_name。", permanent=True)
        variables = job.inputs.get("variables")
        if variables is not None and not isinstance(variables, dict):
            raise OperationFailed("发送消息的 variables 应为上下文。", permanent=True)
        key = job.inputs.get("correlation_key")
        tx.publish_message(name, "" if key is None else str(key), variables or {}, ttl=_ttl(job))
        return {}

    def perform(self, job: Job) -> dict[str, Any]:
        return {}


def _ttl(job: Job) -> timedelta | None:
    text = job.headers.get("ttl", "").strip()
    if not text:
        return None
    try:
        return parse_duration(text).after(job.now) - job.now
    except NotIso8601 as error:
        raise OperationFailed(f"发送消息的 ttl 有误：{error}。", permanent=True) from error
