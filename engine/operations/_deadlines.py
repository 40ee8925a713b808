"""What the verbs about deadlines have in common. No verb itself."""

from __future__ import annotations

from typing import Any

from engine.deadlines import Deadline
from engine.operations import Job, OperationFailed, Parameter
from engine.runtime import values

EVERY = "*"

DEADLINE = Parameter("deadline", "期限", required=True, description="开始计时的服务里写的标识，例如 acceptance")
DEADLINE_OR_ALL = Parameter("deadline", "期限", required=True, description="期限的标识；* 表示本案所有进行中的期限")
DUE = Parameter("due", "到期时间", required=True, description="FEEL，例如 workingDays(now(), 7)")


def deadline_id(job: Job) -> str:
    """Return the deadline the task is about. Raise `OperationFailed` if it names none."""
    found = job.headers.get(DEADLINE.name, "").strip()
    if not found:
        raise OperationFailed("任务没有写明期限：请填写 deadline。", permanent=True)
    return found


def due(job: Job) -> Deadline:
    """Return the limit with its rule; of a plain date, its end. Raise `OperationFailed` if there is none."""
    given = job.deadlines.get(DUE.name)
    if given is not None:
        return given
    try:
        found = values.deadline(job.inputs.get(DUE.name), end_of_day=True)
    except values.Trouble as error:
        raise OperationFailed(f"期限的到期时间有误：{error.message}", permanent=True) from error
    if found is None:
        raise OperationFailed("期限的到期时间没有值：请检查 due。", permanent=True)
    return found


def text(value: Any) -> str:
    """Return a reason or a name as one line, "" for none."""
    return "" if value is None else " ".join(str(value).split())[:500]
