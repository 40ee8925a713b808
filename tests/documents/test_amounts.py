"""Money in figures and capitals. cn2an, an independent library, is the oracle; it is used here only."""

from __future__ import annotations

from decimal import Decimal

import cn2an
import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents import amounts

WRITTEN = [
    ("0", "人民币零元整"),
    ("0.05", "人民币伍分"),
    ("0.50", "人民币伍角"),
    ("1", "人民币壹元整"),
    ("10.05", "人民币壹拾元零伍分"),
    ("100.5", "人民币壹佰元伍角"),
    ("1680.32", "人民币壹仟陆佰捌拾元叁角贰分"),
    ("16409.02", "人民币壹万陆仟肆佰零玖元零贰分"),
    ("107000.53", "人民币壹拾万柒仟元伍角叁分"),
    ("10000500.00", "人民币壹仟万零伍佰元整"),
    ("100000000", "人民币壹亿元整"),
    ("900005000", "人民币玖亿零伍仟元整"),
    ("1001000100.01", "人民币壹拾亿零壹佰万零壹佰元零壹分"),
    ("-3.10", "人民币负叁元壹角"),
]


@pytest.mark.parametrize(("figures", "words"), WRITTEN)
def test_capitals_of_known_amounts(figures: str, words: str) -> None:
    assert amounts.capitals(figures) == words
    assert amounts.value_of(words) == Decimal(figures)


@given(st.integers(min_value=1, max_value=10**14 - 1))
def test_capitals_agree_with_an_independent_converter(cents: int) -> None:
    yuan = Decimal(cents) / 100
    whole = int(yuan)
    expected = "人民币" + cn2an.an2cn(f"{yuan:.2f}", "rmb")
    if whole >= 10**8 and whole // 10**4 % 10**4 == 0 and whole % 10**4:
        # Where the whole section of 万 is empty the oracle leaves out the 零 that stands for its zeros.
        expected = expected.replace("亿零", "亿").replace("亿", "亿零")
    assert amounts.capitals(yuan) == expected


@given(st.integers(min_value=-(10**14) + 1, max_value=10**14 - 1))
def test_capitals_are_read_back_as_the_same_amount(cents: int) -> None:
    yuan = Decimal(cents) / 100
    assert amounts.value_of(amounts.capitals(yuan)) == yuan


def test_figures_have_thousands_and_two_decimals() -> None:
    assert amounts.figures("13545.6") == "13,545.60"
    assert amounts.figures("1,299") == "1,299.00"
    assert amounts.figures(0.1) == "0.10"


@pytest.mark.parametrize("value", ["", "一百", "1.005", "1e12", "NaN", "Infinity", True, None, [], "1 000"])
def test_what_is_not_an_amount_is_refused_with_a_sentence(value: object) -> None:
    with pytest.raises(ValueError, match=r"金额|小数"):
        amounts.amount(value)


def test_total_is_exact() -> None:
    assert amounts.total(["0.1"] * 30) == Decimal("3.00")
    assert amounts.total([]) == Decimal("0.00")
