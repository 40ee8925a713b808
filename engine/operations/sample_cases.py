"""Sample ended cases for a follow-up: all of a period, or a share, drawn reproducibly by a seed that is journalled."""

from __future__ import annotations

from typing import Any

from engine.operations import (
    Job,
    Operation,
    OperationFailed,
    OperationTransaction,
    Parameter,
    result_variable,
)
from engine.operations._periods import FROM, PROCESSES, TO, period, processes

_MOST = 1000


class SampleCases(Operation):
    type = "sample_cases"
    label = "抽取案件"
    inline = True
    headers = (Parameter("result_variable", "结果变量", default="sample"),)
    inputs = (
        FROM,
        TO,
        PROCESSES,
        Parameter("share", "比例", default="1", description="0到1，例如 0.1；默认全部"),
        Parameter("most", "最多件数", description=f"默认也是上限：{_MOST}"),
    )

    def prepare(self, tx: OperationTransaction, job: Job) -> dict[str, Any]:
        since, until = period(job)
        share = _number(job, "share", 1.0, largest=1.0)
        most = int(_number(job, "most", _MOST, largest=_MOST))
        found = tx.sample_cases(job, since=since, until=until, processes=processes(job), share=share, most=most)
        return {"cases": found}

    def perform(self, job: Job) -> dict[str, Any]:
        return {result_variable(job, "sample"): job.prepared["cases"]}


def _number(job: Job, name: str, default: float, *, largest: float) -> float:
    value = job.inputs.get(name)
    if value in (None, ""):
        return default
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = -1.0
    if isinstance(value, bool) or not 0 <= found <= largest:
        raise OperationFailed(f"抽取案件的 {name} 应在0和{largest:g}之间，不是“{value}”。", permanent=True)
    return found
