"""Compensation, row by row of compensation_golden.json."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compensation import CompensationInputError, MissingFigure, RulesetNotRead, compute, report

GOLDEN = json.loads(Path(__file__).with_name("compensation_golden.json").read_text("utf-8"))
DAY = "2026-11-21"


def claim(given: dict[str, Any], without: tuple[str, ...] = ()) -> dict[str, Any]:
    figures = {key: value for key, value in GOLDEN["figures"].items() if key not in without}
    return {"rules_on": DAY, **figures, **given}


def amounts(side: dict[str, Any]) -> dict[str, str]:
    return {line["item"]: line["amount"] for line in side["lines"]}


@pytest.mark.parametrize("row", GOLDEN["rows"], ids=lambda row: row["id"])
def test_golden_row(row: dict[str, Any]) -> None:
    result = compute(claim(row["input"]))
    for side in ("company", "statutory"):
        if side in row:
            assert result[side]["total"] == row[side]
        assert Decimal(result[side]["total"]) == sum(Decimal(line["amount"]) for line in result[side]["lines"])
    if "proposed" in row:
        assert result["proposed"]["total"] == row["proposed"]
    if "basis" in row:
        assert result["proposed"]["basis"] == row["basis"]
    if "notices" in row:
        assert result["notices"] == row["notices"]
    assert row.get("lines", {}).items() <= amounts(result["company"]).items()
    assert row.get("statutory_lines", {}).items() <= amounts(result["statutory"]).items()
    for expected, actual in zip(row.get("excluded", []), result["excluded"], strict=True):
        assert expected.items() <= actual.items()


@pytest.mark.parametrize("row", GOLDEN["refused"], ids=lambda row: row["id"])
def test_wrong_input_is_refused_by_field(row: dict[str, Any]) -> None:
    with pytest.raises(CompensationInputError) as refused:
        compute(claim(row["input"]))
    assert list(refused.value.fields) == row["fields"]
    assert all(problem.message.endswith("。") for problem in refused.value.problems)


@pytest.mark.parametrize("row", GOLDEN["missing_figures"], ids=lambda row: "+".join(row["without"]))
def test_missing_figures_stop_the_calculation(row: dict[str, Any]) -> None:
    with pytest.raises(MissingFigure) as refused:
        compute(claim(row["input"], without=tuple(row["without"])))
    assert list(refused.value.fields) == row["fields"]


@pytest.mark.parametrize("row", GOLDEN["not_needed"], ids=lambda row: row["id"])
def test_a_figure_that_no_line_needs_may_be_absent(row: dict[str, Any]) -> None:
    assert compute({"rules_on": DAY, **row["input"]})["company"]["total"] == row["company"]


@pytest.mark.parametrize("row", GOLDEN["not_read"], ids=lambda row: row["id"])
def test_a_day_whose_law_nobody_has_read_is_named(row: dict[str, Any]) -> None:
    with pytest.raises(RulesetNotRead) as refused:
        compute(claim(row["input"]))
    assert refused.value.fields == ("rules_on",)
    assert all(word in refused.value.message for word in row["words"])


def test_an_override_goes_on_where_the_law_has_not_been_read() -> None:
    override = {"amount": "8000", "reason": "法务按当时规定计算", "approved_by": "顾明远"}
    injury = {"medical": [{"receipt": "A1", "amount": 5000}]}
    result = compute(claim({"rules_on": "2019-06-01", "injury": injury, "override": override}))
    assert result["company"]["total"] == "5000.00"
    assert result["statutory"]["total"] is None
    assert "2019-06-01" in result["statutory"]["sentence"]
    assert result["proposed"] == {
        "total": "8000.00",
        "basis": "override",
        "reason": "法务按当时规定计算",
        "approved_by": "顾明远",
    }


def test_an_override_below_the_law_is_pointed_out() -> None:
    override = {"amount": "300.00", "reason": "双方协商", "approved_by": "顾明远", "requested_by": "沈佳宜"}
    result = compute(claim({"fraud": {"price": 120}, "override": override}))
    assert result["proposed"]["total"] == "300.00"
    assert "改定金额 300.00 元低于法定计算 620.00 元，协议有被撤销的风险，须法务签字。" in result["notices"]


def test_no_medical_cost_leaves_a_line_of_nothing_and_a_gift() -> None:
    injury = {"gift_items": [{"item": "电热水壶", "value": "259.00"}]}
    result = compute(claim({"injury": injury}))
    [line] = result["company"]["lines"]
    assert (line["item"], line["amount"]) == ("a", "0.00")
    assert line["note"] == "没有发生医疗费，可附送赠品作为精神补偿：电热水壶（不计入现金合计）。"
    assert result["notices"] == ["赠品“电热水壶”价值 259.00 元，超过上限 200.00 元，须上报批准。"]


def test_a_line_can_be_computed_again_from_its_trace() -> None:
    given = {"city": "滨江市", "figures_year": 2025, "injury": {"disability_grade": 4, "age": 35}}
    result = compute(claim(given))
    subsidy = next(line for line in result["company"]["lines"] if line["item"] == "e")
    assert subsidy["formula"] == "36500.00 × 16.6667(50/3)倍（4级） = 608333.33"
    assert subsidy["basis"] == "公司规则 2-2 e"
    living, multiple = subsidy["trace"]["parameters"]
    assert (living["value"], living["version"], living["verified"]) == ("36500.00", "滨江市 2025年", True)
    assert (multiple["value"], multiple["status"], multiple["verified"]) == (
        "16.6667(50/3)",
        "默认值，须业务方确认",
        False,
    )
    disability = next(line for line in result["statutory"]["lines"] if line["item"] == "disability")
    assert disability["basis"] == "人身损害赔偿司法解释（2022年修正）第十二条"
    assert disability["trace"]["confidence"] == "已核读条文"
    coefficient = disability["trace"]["parameters"][1]
    assert (coefficient["value"], coefficient["status"]) == ("0.7", "实务惯例，未核实")


def test_a_decision_table_may_supply_the_grades() -> None:
    steps = [{"grade": grade, "subsidy": 20 if grade <= 5 else 10, "indemnity": 5} for grade in range(1, 11)]
    result = compute(claim({"parameters": {"grade_map": steps}, "injury": {"disability_grade": 5, "age": 35}}))
    assert amounts(result["company"]) == {"a": "0.00", "e": "730000.00", "f": "182500.00"}
    assert {one["status"] for one in result["parameters"] if one["key"] == "grade_map"} == {"由输入（决策表）提供"}


def test_the_law_of_1994_is_marked_as_read_in_extracts_only() -> None:
    result = compute({"rules_on": "2010-01-01", "fraud": {"price": "100"}})
    assert {line["trace"]["confidence"] for line in result["statutory"]["lines"]} == {
        "仅见摘录，未核实；施行日期未核实"
    }


def test_heads_are_compared_one_by_one() -> None:
    result = compute(claim({"injury": {"disability_grade": 10, "age": 35}, "fraud": {"price": 120}}))
    assert result["proposed"]["basis"] == "company"
    assert result["comparison"] == [
        {"head": "injury", "name": "人身损害", "company": "547500.00", "statutory": "108376.00"},
        {"head": "fraud", "name": "假货、水货", "company": "240.00", "statutory": "620.00"},
    ]


def test_the_year_of_the_figures_is_checked_against_the_day() -> None:
    given = {"figures_year": 2024, "injury": {"disability_grade": 10, "age": 35}}
    assert any("2024 年，不是 2026 年的上一年度" in notice for notice in compute(claim(given))["notices"])


def test_a_large_amount_asks_for_a_second_pair_of_eyes() -> None:
    assert compute(claim({"fraud": {"price": "12500"}}))["notices"] == []
    assert compute(claim({"fraud": {"price": "12500.01"}}))["notices"] == [
        "建议金额 50000.04 元，超过 50000.00 元，须双人复核。"
    ]


def test_report_has_the_printed_shape() -> None:
    result = report(claim({"fraud": {"price": 120}}))
    assert result["company"] == {
        "lines": [{"item": "2-4", "name": "假一赔二", "amount": "240.00", "formula": "2 × 120.00 = 240.00"}],
        "total": "240.00",
    }
    assert result["proposed"] == {"total": "620.00", "basis": "statutory"}
    assert json.loads(json.dumps(result)) == result


NUMBERS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=8),
    st.decimals(allow_nan=True),
)
ANYTHING = st.recursive(
    NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
ROW_KEYS = """
    receipt item amount days daily_rate people actual price count age birth_date incapable share kind loss
    company_mode receipt_amount damage_ratio reason approved_by value
"""
INJURY_KEYS = "medical nursing lost_income aids disability_grade age death funeral dependants extras gift_items"
ROW = st.dictionaries(st.sampled_from(ROW_KEYS.split()), NUMBERS, max_size=6)
INJURY = st.fixed_dictionaries(
    {}, optional={key: st.one_of(ANYTHING, ROW, st.lists(ROW, max_size=3)) for key in INJURY_KEYS.split()}
)


@given(
    st.fixed_dictionaries(
        {"rules_on": st.one_of(st.just(DAY), st.dates().map(str), ANYTHING)},
        optional={
            "annual_living_expense": NUMBERS,
            "disposable_income": NUMBERS,
            "monthly_wage": NUMBERS,
            "injury": st.one_of(INJURY, ANYTHING),
            "property": st.one_of(st.lists(ROW, max_size=3), ANYTHING),
            "fraud": st.one_of(ROW, ANYTHING),
            "override": st.one_of(ROW, ANYTHING),
            "parameters": ANYTHING,
        },
    )
)
def test_any_input_is_computed_or_refused_by_field(raw: dict[str, Any]) -> None:
    with suppress(CompensationInputError):
        result = compute(raw)
        assert set(result) >= {"company", "statutory", "proposed"}
        for side in ("company", "statutory"):
            assert all(Decimal(line["amount"]) >= 0 for line in result[side]["lines"])


@given(st.integers(0, 10**9), st.integers(1, 10), st.integers(0, 400))
def test_a_line_is_within_half_a_cent_of_the_exact_value(cents: int, grade: int, days: int) -> None:
    living = Decimal(cents + 1) / 100
    injury = {"disability_grade": grade, "age": 30, "lost_income": {"days": days}}
    lines = amounts(compute(claim({"annual_living_expense": str(living), "injury": injury}))["company"])
    # Multiplied out, so that nothing is lost on this side: 9 e = L (190 - 10 g), 9 f = L (95 - 5 g).
    half = Decimal("0.005")
    assert abs(9 * Decimal(lines["e"]) - living * (190 - 10 * grade)) <= 9 * half
    assert abs(9 * Decimal(lines["f"]) - living * (95 - 5 * grade)) <= 9 * half
    assert abs(365 * Decimal(lines["c"]) - living * days) <= 365 * half
