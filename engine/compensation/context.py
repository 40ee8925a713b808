"""What both calculations draw on: input, parameters, yearly figures, and what turned out to be missing."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor

from engine.compensation.amounts import money, round_to_cents
from engine.compensation.errors import CompensationInputError, InputProblem, MissingFigure
from engine.compensation.inputs import FIGURES, CompensationInput, Dependant, Expense
from engine.compensation.lines import GIVEN, Used
from engine.compensation.parameters import Parameters


class Context:
    """Hands out figures and parameters; a figure that was not given is noted once, with what needed it."""

    def __init__(self, data: CompensationInput, parameters: Parameters) -> None:
        self.data = data
        self.parameters = parameters
        self.notices: list[str] = []
        self._missing: dict[str, str] = {}
        self._problems: list[InputProblem] = []

    def figure(self, key: str, needed_for: str) -> Fraction:
        """Return a yearly figure in yuan. A missing one is 0 until `stop_if_incomplete`."""
        value = self.data.figures.get(key)
        if value is None:
            self._missing.setdefault(key, needed_for)
        return value or Fraction(0)

    def figure_used(self, key: str) -> Used:
        """Return figure `key` for a trace."""
        value = self.data.figures.get(key, Fraction(0))
        name, unit = FIGURES[key]
        source = "按输入填写"
        return Used(key, name, unit, money(value), GIVEN, source, self.data.figures_version)

    def missing(self, field: str, message: str) -> None:
        """Note an input field without which a line cannot be computed."""
        self._problems.append(InputProblem(field, message))

    def notice(self, sentence: str) -> None:
        """Add a sentence for the reader of the result, once."""
        if sentence not in self.notices:
            self.notices.append(sentence)

    def stop_if_incomplete(self) -> None:
        """Raise `MissingFigure` or `CompensationInputError` when something needed was not given."""
        figures = [
            InputProblem(
                key,
                f"计算{needed_for}需要{'（'.join(FIGURES[key])}），请填写适用年度的公布数据，系统不作推测。",
            )
            for key, needed_for in self._missing.items()
        ]
        if figures:
            raise MissingFigure([*figures, *self._problems])
        if self._problems:
            raise CompensationInputError(self._problems)

    def minor_months(self, dependant: Dependant) -> int:
        """Return the months until the 18th birthday, rounded as `minor_month_rounding` says."""
        whole = ceil if self.parameters.minor_month_rounding == "up" else floor
        return whole(dependant.months_to_18)


def sum_of(expenses: Sequence[Expense]) -> tuple[Fraction, str]:
    """Return the sum of payments and its formula."""
    value = sum((one.amount for one in expenses), Fraction(0))
    parts = " + ".join(money(one.amount) for one in expenses)
    return value, f"{parts} = {money(value)}" if len(expenses) > 1 else parts


def receipts_of(expenses: Sequence[Expense]) -> list[str]:
    """Return the receipt numbers written down."""
    return [one.receipt for one in expenses if one.receipt]


def rounded(value: Fraction) -> str:
    """Return a formula's result as the line shows it."""
    return money(round_to_cents(value))
