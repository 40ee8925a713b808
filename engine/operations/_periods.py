"""What the verbs about the cases of a period have in common. No verb itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.operations import Job, OperationFailed, Parameter
from engine.runtime import values

FROM = Parameter("from", "自", required=True, description="FEEL 日期或日期时间，含当日")
TO = Parameter("to", "至", required=True, description="FEEL 日期或日期时间，不含当日")
PROCESSES = Parameter("processes", "流程", description="流程编号的列表；不填为全部")


def period(job: Job) -> tuple[datetime, datetime]:
    """Return the period [from, to); a mere date is its beginning in China. Raise `OperationFailed`."""
    since, until = (_instant(job, name) for name in ("from", "to"))
    if since > until:
        raise OperationFailed("时段的开始晚于结束：请检查 from 和 to。", permanent=True)
    return since, until


def _instant(job: Job, name: str) -> datetime:
    try:
        found = values.deadline(job.inputs.get(name), end_of_day=False)
    except values.Trouble as error:
        raise OperationFailed(f"时段的 {name} 有误：{error.message}", permanent=True) from error
    if found is None:
        raise OperationFailed(f"时段的 {name} 没有值。", permanent=True)
    return found.at


def names(value: Any) -> tuple[str, ...] | None:
    """Return a list of names, also one text with commas; None for null. Raise `OperationFailed`."""
    if value is None:
        return None
    try:
        return values.names(value, "名称")
    except values.Trouble as error:
        raise OperationFailed(error.message, permanent=True) from error


def processes(job: Job) -> tuple[str, ...] | None:
    """Return the process ids, None for all."""
    return names(job.inputs.get(PROCESSES.name))
