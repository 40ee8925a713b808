"""Count the cases of a period: received, finished, open, overdue, on time; by dimensions, against the period before.

The dimensions are the process properties `case_dimension_<name>`, and `process`.
"""

from __future__ import annotations

from typing import Any

from engine.operations import Job, Operation, OperationTransaction, Parameter, result_variable
from engine.operations._periods import FROM, PROCESSES, TO, names, period, processes


class CaseStatistics(Operation):
    type = "case_statistics"
    label = "统计案件"
    inline = True
    headers = (Parameter("result_variable", "结果变量", default="statistics"),)
    inputs = (
        FROM,
        TO,
        PROCESSES,
        Parameter("by", "统计维度", description='列表，例如 ["channel", "category"]；process 表示流程'),
        Parameter("targets", "指标", description="指标表的结果：列表，每项有 name、of、counted、target、source"),
        Parameter("previous", "与上期比较", default="no", description="yes：同时统计上一个等长的时段"),
    )

    def prepare(self, tx: OperationTransaction, job: Job) -> dict[str, Any]:
        since, until = period(job)
        compare = str(job.inputs.get("previous") or "").strip().lower() in ("yes", "true")
        by = names(job.inputs.get("by")) or ()
        found = tx.case_statistics(
            job,
            since=since,
            until=until,
            processes=processes(job),
            by=by,
            compare=compare,
            targets=job.inputs.get("targets"),
        )
        return {"statistics": found}

    def perform(self, job: Job) -> dict[str, Any]:
        return {result_variable(job, "statistics"): job.prepared["statistics"]}
