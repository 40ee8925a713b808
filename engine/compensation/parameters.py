"""Parameters of the calculation: the defaults of parameters.yaml with the input's own laid over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from engine.compensation.amounts import plain
from engine.compensation.errors import CompensationInputError, InputProblem
from engine.compensation.lines import SUPPLIED, Used
from engine.compensation.reading import exact

GRADES = range(1, 11)
# Company rules 2-2 e and f give the lowest and the highest multiple.
MULTIPLES = {"subsidy": (10, 20, "生活补助费倍数(e)"), "indemnity": (5, 10, "残疾赔偿金倍数(f)")}
POSITIVE = ("living_day_divisor", "wage_day_divisor", "nursing_people", "review_threshold")
FROM_ZERO = ("concession_limit", "gift_value_limit")


@dataclass(frozen=True)
class Multiples:
    """How many years' living expenses a grade of disability is worth."""

    subsidy: Fraction
    indemnity: Fraction


class Parameters:
    """Values by name; `used` gives what the trace shows of one."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        defaults = _defaults()
        self.version: str = str(defaults["version"])
        self._known: Mapping[str, Any] = defaults["parameters"]
        self._given = {key: value for key, value in given.items() if key in self._known and value not in (None, "")}
        self._problems: list[InputProblem] = []
        self.numbers = {key: self._number(key) for key in (*POSITIVE, *FROM_ZERO)}
        self.fraud_company_mode = self._word("fraud_company_mode", ("A", "B"))
        self.minor_month_rounding = self._word("minor_month_rounding", ("up", "down"))
        self.multiples = self._grade_map()
        self.coefficients = self._coefficients()
        if self._problems:
            raise CompensationInputError(self._problems)

    def used(self, key: str, value: Fraction | str | None = None) -> Used:
        """Return parameter `key` for a trace, with the `value` taken from it (default: its single value)."""
        known = self._known[key]
        supplied = key in self._given
        shown = value if value is not None else self.numbers.get(key) or getattr(self, key)
        return Used(
            key=key,
            name=known["name"],
            unit=known["unit"],
            value=plain(shown) if isinstance(shown, Fraction) else str(shown),
            status=SUPPLIED if supplied and known["status"].startswith("默认值") else known["status"],
            source=known["source"],
            version=SUPPLIED if supplied else f"参数表 {self.version}",
        )

    def _value(self, key: str) -> Any:
        return self._given.get(key, self._known[key]["value"])

    def _problem(self, key: str, message: str) -> None:
        self._problems.append(InputProblem(f"parameters.{key}", message))

    def _number(self, key: str) -> Fraction:
        value = exact(self._value(key))
        if value is None or value < 0 or (value == 0 and key in POSITIVE):
            self._problem(key, f"{self._known[key]['name']}应当是{'大于 0' if key in POSITIVE else '不小于 0'}的数字。")
            return Fraction(1)
        return value

    def _word(self, key: str, words: Sequence[str]) -> str:
        value = str(self._value(key)).strip()
        if value not in words:
            self._problem(key, f"{self._known[key]['name']}只能是 {' 或 '.join(words)}。")
        return value

    def _grade_map(self) -> dict[int, Multiples]:
        rows = self._by_grade("grade_map")
        result = {}
        for grade, row in rows.items():
            values = {}
            for part, (lowest, highest, name) in MULTIPLES.items():
                value = exact(row.get(part)) if isinstance(row, Mapping) else None
                if value is None or not lowest <= value <= highest:
                    self._problem(f"grade_map.{grade}.{part}", f"{grade}级的{name}应当在 {lowest} 到 {highest} 之间。")
                values[part] = value or Fraction(0)
            result[grade] = Multiples(**values)
        return result

    def _coefficients(self) -> dict[int, Fraction]:
        result = {}
        for grade, row in self._by_grade("grade_coefficients").items():
            value = exact(row.get("coefficient") if isinstance(row, Mapping) else row)
            if value is None or not 0 <= value <= 1:
                self._problem(f"grade_coefficients.{grade}", f"{grade}级的赔偿系数应当在 0 到 1 之间。")
            result[grade] = value or Fraction(0)
        return result

    def _by_grade(self, key: str) -> dict[int, Any]:
        """Return rows by grade, from `{"1": row, …}` or a decision table's `[{"grade": 1, …}, …]`."""
        value = self._value(key)
        if isinstance(value, list | tuple):
            value = {str(row.get("grade")): row for row in value if isinstance(row, Mapping)}
        rows = {str(grade): row for grade, row in value.items()} if isinstance(value, Mapping) else {}
        missing = [str(grade) for grade in GRADES if str(grade) not in rows]
        if missing:
            self._problem(key, f"{self._known[key]['name']}缺少{'、'.join(missing)}级，请补齐一至十级。")
        return {grade: rows[str(grade)] for grade in GRADES if str(grade) in rows}


@cache
def _defaults() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("parameters.yaml").read_text("utf-8"))
    return loaded
