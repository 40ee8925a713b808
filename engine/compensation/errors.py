"""What is wrong with a compensation input, field by field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import EngineError

ROW = re.compile(r"(?P<list>[a-z_.]+)\[(?P<row>\d+)\]")
LISTS = {
    "injury.medical": "医疗费",
    "injury.aids": "生活自助具",
    "injury.funeral": "丧葬费",
    "injury.dependants": "被抚养人",
    "injury.extras": "其他合理费用",
    "injury.gift_items": "赠品",
    "property": "受损财物",
}


@dataclass(frozen=True)
class InputProblem:
    """One thing to put right: `field` is its path in the input (`injury.medical[1].amount`)."""

    field: str
    message: str

    @property
    def sentence(self) -> str:
        """The message with its place in words (`医疗费第 2 行：…`), for people who do not know the paths."""
        found = ROW.match(self.field)
        if found is None or found["list"] not in LISTS:
            return self.message
        return f"{LISTS[found['list']]}第 {int(found['row']) + 1} 行：{self.message}"


class CompensationInputError(EngineError):
    """赔偿计算的输入不完整或不正确。"""

    def __init__(self, problems: Sequence[InputProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{problem.field}：{problem.message}" for problem in self.problems))

    @property
    def sentences(self) -> str:
        """Everything to put right, one line each, without the paths of fields."""
        return "\n".join(problem.sentence for problem in self.problems)

    @property
    def fields(self) -> tuple[str, ...]:
        """The paths of the fields to put right, in the order of the input."""
        return tuple(problem.field for problem in self.problems)


class MissingFigure(CompensationInputError):
    """缺少年度统计数据，不能推测，计算已停止。"""


class RulesetNotRead(CompensationInputError):
    """该日期适用的法定规则尚未核读录入，不能计算。"""
