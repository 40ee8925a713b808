"""The retail tables decide as the company's procedure says, at every boundary it names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.compensation import compute
from engine.decisions import DecisionModel
from engine.feel import Feel
from tests.fakes import PlainWeek

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 23, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def feel() -> Iterator[Feel]:
    with Feel(ROOT / "bundles" / "feel.js", PlainWeek()) as feel:
        yield feel


@pytest.fixture(scope="module")
def tables() -> DecisionModel:
    return DecisionModel.parse({path.name: path.read_bytes() for path in (ROOT / "workflows").glob("retail_*.dmn")})


class Decide:
    """Evaluates a decision with keyword variables."""

    def __init__(self, tables: DecisionModel, feel: Feel) -> None:
        self._tables, self._feel = tables, feel

    def __call__(self, decision: str, **variables: Any) -> Any:
        return self._tables.evaluate(decision, variables, feel=self._feel, now=NOW).value


@pytest.fixture(scope="module")
def decide(tables: DecisionModel, feel: Feel) -> Decide:
    return Decide(tables, feel)


def grading(decide: Decide, **given: Any) -> Any:
    case = {"manifestations": [], "direct_loss": None, "crm_level": "1", "severity": "low", "escalated": None}
    return decide("retail_grade", **(case | given))


@pytest.mark.parametrize(
    ("given", "grade"),
    [
        ({}, "ordinary"),
        ({"manifestations": None}, "ordinary"),
        ({"manifestations": ["property"], "direct_loss": "499.99"}, "ordinary"),
        ({"manifestations": ["property"], "direct_loss": "500.00"}, "major"),
        ({"manifestations": ["concession"], "direct_loss": "499.99"}, "ordinary"),
        ({"manifestations": ["concession"], "direct_loss": "500.00"}, "major"),
        ({"direct_loss": "9999.00"}, "ordinary"),
        ({"manifestations": ["injury"]}, "major"),
        ({"manifestations": ["counterfeit"]}, "major"),
        ({"manifestations": ["regulator"]}, "major"),
        ({"manifestations": ["media"]}, "major"),
        ({"manifestations": ["litigation"]}, "major"),
        ({"crm_level": "2"}, "ordinary"),
        ({"crm_level": "3"}, "major"),
        ({"severity": "medium"}, "ordinary"),
        ({"severity": "high"}, "major"),
        ({"escalated": True}, "major"),
        ({"escalated": False}, "ordinary"),
    ],
)
def test_grade(decide: Decide, given: dict[str, Any], grade: str) -> None:
    assert grading(decide, **given)["grade"] == grade


def test_every_ground_of_a_grade_is_named_with_its_source(decide: Decide) -> None:
    result = grading(decide, manifestations=["injury", "property"], direct_loss="4679.00", crm_level="4")
    assert len(result["grounds"]) == len(result["sources"]) == 3
    assert all(source.startswith("公司重大投诉处理流程") for source in result["sources"])


ALL, TWO = ["repair", "exchange", "refund"], ["repair", "exchange"]


@pytest.mark.parametrize(
    ("remedy_for", "within", "options"),
    [
        ("injury", {"in_warranty"}, ALL),
        ("injury", set(), TWO),
        ("property", {"within_refund_months", "in_warranty"}, ALL),
        ("property", {"within_refund_months"}, ALL),  # three months go before the warranty
        ("property", {"in_warranty"}, TWO),
        ("property", set(), TWO),
        ("ordinary", {"within_refund_months", "in_warranty", "within_return_days"}, ALL),
        ("ordinary", {"within_refund_months", "in_warranty"}, TWO),
        ("ordinary", set(), ["paid_repair", "explain"]),
    ],
)
def test_what_the_customer_may_choose_for_the_goods(
    decide: Decide, remedy_for: str, within: set[str], options: list[str]
) -> None:
    spans = {name: name in within for name in ("within_refund_months", "in_warranty", "within_return_days")}
    result = decide("retail_goods_remedy", remedy_for=remedy_for, **spans)
    assert result["options"] == options
    assert result["basis"]


def test_who_goes_to_see_the_injured(decide: Decide) -> None:
    assert decide("retail_visit_team", serious=True)["groups"] == ["接待部门", "客服部"]
    assert decide("retail_visit_team", serious=False)["groups"] == ["售后服务部", "供应商"]


def test_a_year_without_figures_gives_none(decide: Decide) -> None:
    known = decide("retail_yearly_figures", figures_city="全国城镇", figures_year=2024)
    assert (known["disposable_income"], known["consumption_expenditure"]) == ("54188.00", "34557.00")
    assert known["monthly_wage"] is None
    assert decide("retail_yearly_figures", figures_city="全国城镇", figures_year=2025) is None
    assert decide("retail_yearly_figures", figures_city="滨江市", figures_year=2024) is None


def test_parameters_come_as_one_context(decide: Decide) -> None:
    parameters = decide("retail_parameters", on_date="2026-11-23")
    assert parameters["proposal_days"] == 3
    assert parameters["refund_months"] == 3
    assert parameters["pay_before_signing"] is True
    assert len([one for one in parameters["channels"] if one["hints"]]) == len(parameters["channels"]) >= 10
    assert [row["grade"] for row in parameters["grade_map"]] == list(range(1, 11))


def test_the_calculation_takes_its_parameters_from_the_table(decide: Decide) -> None:
    """Grade 1 and grade 10 of the golden table, with the multiples of the decision table."""
    parameters = decide("retail_parameters", on_date="2026-11-23")
    figures = {"annual_living_expense": "36500.00", "disposable_income": "54188.00"}
    for grade, total in ((10, "547500.00"), (1, "1095000.00")):
        injury = {"disability_grade": grade, "age": 35}
        result = compute({"rules_on": "2026-11-23", **figures, "injury": injury, "parameters": parameters})
        assert result["company"]["total"] == total


def test_every_row_says_where_it_comes_from(tables: DecisionModel) -> None:
    for decision in tables.decisions.values():
        for rule in decision.rules:
            assert any(rule.annotations), f"{decision.id}: {rule.id}"


def test_what_the_company_left_open_is_marked(tables: DecisionModel) -> None:
    rules = tables.decisions["retail_parameter_list"].rules
    open_ones = [rule for rule in rules if rule.outputs[-1] == '"公司流程未规定，默认值，可修改"']
    assert open_ones
    assert all("公司流程未规定，默认值，可修改" in rule.annotations[0] for rule in open_ones)
