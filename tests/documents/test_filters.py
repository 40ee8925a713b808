"""What templates can do with facts."""

from __future__ import annotations

import pytest

from documents import filters
from documents.errors import AmountsDiffer
from documents.facts import Missing


def test_masking_keeps_what_identifies_and_hides_the_rest() -> None:
    assert filters.masked_phone("13812345678") == "138****5678"
    assert filters.masked_phone("12345") == "****"
    assert filters.masked_id("330106198803125417") == "3301**********5417"
    assert filters.masked_id("G12345") == "****45"
    assert filters.masked_name("周敏") == "周某"
    assert filters.masked_name("欧阳清") == "欧阳某"


def test_total_of_returns_the_stated_total_or_stops() -> None:
    lines = [{"amount": "0.10"}, {"amount": "0.20"}]
    assert filters.total_of("0.3", lines) == "0.3"
    with pytest.raises(AmountsDiffer, match=r"总额为 0\.31 元，按明细应为 0\.30 元"):
        filters.total_of("0.31", lines)


def test_equal_to_names_what_differs() -> None:
    assert filters.equal_to("1.0", "1.00", "拟定赔偿额") == "1.0"
    with pytest.raises(AmountsDiffer, match="拟定赔偿额"):
        filters.equal_to("1", "2", "拟定赔偿额")


def test_missing_facts_pass_through_every_reading_filter() -> None:
    missing = Missing("金额")
    for reading in (filters.money, filters.capitals, filters.day, filters.deadline, filters.sentence):
        assert reading(missing) is missing
    assert filters.total_of(missing, []) is missing
    assert filters.less(missing, "1") == "0.00"
    assert filters.below("1", missing) is False


def test_lines_are_escaped_one_by_one() -> None:
    assert filters.lines("<b>一</b>\n\n 二 ") == "&lt;b&gt;一&lt;/b&gt;<br>二"


def test_sentences_end_once() -> None:
    assert filters.sentence("已经道歉；") == "已经道歉。"
    assert filters.clause("已经道歉。") == "已经道歉"


def test_generated_punctuation_becomes_full_width_beside_chinese_only() -> None:
    assert filters.punctuated("没有票据,待举证") == "没有票据，待举证"
    assert filters.punctuated("解释(2022年修正)第六条") == "解释（2022年修正）第六条"
    assert filters.punctuated("取高(3 × 1299.00、最低500.00) = 3897.00") == "取高（3 × 1299.00、最低500.00） = 3897.00"
    assert filters.punctuated("11.1111(100/9) AT2608A,1") == "11.1111(100/9) AT2608A,1"


@pytest.mark.parametrize(("value", "words"), [(1, "一"), (10, "十"), (11, "十一"), (20, "二十"), (34, "三十四")])
def test_ordinals(value: int, words: str) -> None:
    assert filters.ordinal(value) == words
