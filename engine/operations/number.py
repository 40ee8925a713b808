"""Give something a number of a series, gapless and unique, in the transaction of the step.

Header `series` is the pattern (see `engine.numbering`), `result_variable` (default `number`) receives the text.
"""

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


class Number(Operation):
    type = "number"
    label = "编号"
    inline = True
    headers = (
        Parameter("series", "编号格式", required=True, description="例如 {org}-HJ-{yyyymm}-{seq:04}"),
        Parameter("result_variable", "结果变量", default="number"),
    )

    def prepare(self, tx: OperationTransaction, job: Job) -> dict[str, Any]:
        series = job.headers.get("series", "").strip()
        if not series:
            raise OperationFailed("编号任务没有写明 series。", permanent=True)
        return {"number": tx.allocate_number(series)}

    def perform(self, job: Job) -> dict[str, Any]:
        return {result_variable(job, "number"): job.prepared["number"]}
