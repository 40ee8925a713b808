"""compute_compensation: both calculations and the proposal, with the trace of every line.

The inputs are the compensation input itself, or one variable `compensation_input` that holds it. The result
goes to the variable named by header `result_variable` (default `compensation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from engine.compensation import CompensationInputError, compute
from engine.operations import BpmnError, Job, Operation, Parameter, result_variable

ERROR_CODE = "compensation_input"


class ComputeCompensation(Operation):
    """Inline and pure: the step that reaches the task has the amounts before it ends."""

    type: ClassVar[str] = "compute_compensation"
    label: ClassVar[str] = "计算赔偿"
    inline: ClassVar[bool] = True
    headers: ClassVar[tuple[Parameter, ...]] = (
        Parameter("result_variable", "结果变量", default="compensation", description="计算结果写入的变量名。"),
    )
    inputs: ClassVar[tuple[Parameter, ...]] = (
        Parameter("rules_on", "适用规则的日期", required=True, description="损害发生日，决定适用哪一版法定规则。"),
        Parameter("annual_living_expense", "本市居民年平均生活费（元/年）"),
        Parameter("disposable_income", "城镇居民人均可支配收入（元/年）"),
        Parameter("consumption_expenditure", "城镇居民人均消费支出（元/年）"),
        Parameter("monthly_wage", "职工月平均工资（元/月）"),
        Parameter("injury", "人身损害"),
        Parameter("property", "财产损失"),
        Parameter("fraud", "假货、水货"),
        Parameter("concession", "让步"),
        Parameter("override", "改定金额", description="须有 amount、reason、approved_by。"),
        Parameter("parameters", "计算参数", description="替换默认参数，例如由决策表给出的伤残等级倍数表。"),
    )

    def perform(self, job: Job) -> dict[str, Any]:
        """Return the result under its variable.

        What cannot be computed is the BPMN error `compensation_input`, so that a diagram may lead back to the
        form; its variable `compensation_problem` says in Chinese what to fill in. Uncaught it is an incident.
        """
        given = job.inputs.get("compensation_input")
        try:
            result = compute(given if isinstance(given, Mapping) else job.inputs)
        except CompensationInputError as error:
            variables = {"compensation_problem": error.sentences}
            raise BpmnError(ERROR_CODE, f"不能计算赔偿。{error.sentences}", variables) from error
        return {result_variable(job, "compensation"): result}
