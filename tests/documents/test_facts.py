"""Facts: what is missing or wrong is named in Chinese, what is optional may be left out."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from documents.errors import MissingFact, PrivateUseCharacter, WrongFact
from documents.facts import Absent, FactSchema, Missing, as_json, plain

MONEY = {"type": ["string", "number"], "format": "money", "description": "金额"}
SCHEMA = {
    "type": "object",
    "required": ["person", "lines"],
    "properties": {
        "person": {"$ref": "#/$defs/person", "description": "收款人"},
        "lines": {
            "type": "array",
            "description": "明细",
            "minItems": 1,
            "items": {"type": "object", "required": ["amount"], "properties": {"amount": MONEY}},
        },
        "paid_on": {"type": "string", "format": "moment", "description": "付款日"},
        "kind": {"enum": ["a", "b"], "description": "种类（甲或乙）"},
        "injury": {
            "type": "object",
            "required": ["victim"],
            "properties": {"victim": {"$ref": "#/$defs/person"}, "notes": {"type": "array", "items": {}}},
        },
    },
}
PERSON = {
    "type": "object",
    "description": "自然人",
    "required": ["name"],
    "properties": {"name": {"type": "string", "description": "姓名"}, "phone": {"type": "string"}},
}
GOOD: dict[str, Any] = {"person": {"name": "林䶮"}, "lines": [{"amount": "1.00"}]}


@pytest.fixture
def schema() -> FactSchema:
    return FactSchema(SCHEMA, {"person": PERSON})


def first(schema: FactSchema, facts: dict[str, Any]) -> Exception:
    return next(iter(schema.problems(plain(facts))))


def test_good_facts_have_no_problems(schema: FactSchema) -> None:
    assert list(schema.problems(plain(GOOD))) == []


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_a_missing_fact_is_named_in_chinese(schema: FactSchema, nothing: object) -> None:
    error = first(schema, {**GOOD, "person": {"name": nothing, "phone": "1"}})
    assert isinstance(error, MissingFact)
    assert (error.name, error.path) == ("姓名", "person.name")
    assert "缺少事实“姓名”" in error.message


def test_a_missing_fact_within_a_list_says_which_item(schema: FactSchema) -> None:
    error = first(schema, {**GOOD, "lines": [{"amount": "1"}, {}]})
    assert error.args[0].startswith("缺少事实“明细第2项的金额”")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lines": [{"amount": "一百"}]}, "“一百”不是金额"),
        ({"lines": []}, "至少要有 1 项"),
        ({"lines": "1.00"}, "应当是清单"),
        ({"paid_on": "明天"}, "“明天”不是日期"),
        ({"kind": "c"}, "“c”不在可选的值里（a、b）"),
        ({"person": "林䶮"}, "应当是一组事实"),
    ],
)
def test_a_wrong_fact_is_explained(schema: FactSchema, change: dict[str, Any], sentence: str) -> None:
    error = first(schema, {**GOOD, **change})
    assert isinstance(error, WrongFact)
    assert sentence in error.message


def test_private_use_control_and_turning_characters_are_refused(schema: FactSchema) -> None:
    assert isinstance(first(schema, {**GOOD, "person": {"name": "林\ue000"}}), PrivateUseCharacter)
    for character in ("\x00", "\u202e", "\ud800"):
        assert isinstance(first(schema, {**GOOD, "person": {"name": f"林{character}"}}), WrongFact)


def test_what_was_not_given_is_absent_and_false(schema: FactSchema) -> None:
    facts = schema.complete(plain(GOOD))
    assert facts["person"]["phone"] is None
    assert isinstance(facts["injury"], Absent)
    assert not facts["injury"]
    assert facts["injury"]["victim"]["name"] is None
    assert facts["injury"]["notes"] == []


def test_a_preview_marks_what_is_required_and_missing(schema: FactSchema) -> None:
    facts = schema.complete({}, preview=True)
    assert facts["person"]["name"] == Missing("姓名")
    assert facts["person"]["phone"] is None
    assert "缺少：姓名" in facts["person"]["name"].__html__()
    assert not facts["injury"]


def test_plain_facts_are_json(schema: FactSchema) -> None:
    facts = {
        "a": Decimal("1.50"),
        "b": datetime(2026, 1, 2, tzinfo=UTC),
        "c": [None, 0, False, ""],
        "d": None,
    }
    assert plain(facts) == {"a": "1.50", "b": "2026-01-02T00:00:00+00:00", "c": [0, False]}
    assert as_json(facts) == {**plain(facts), "c": [None, 0, False, ""], "d": None}


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "objekt"},
        {"properties": {"a": {"$ref": "#/$defs/nobody"}}},
        {"$ref": "http://a/b"},
        {"$id": "http://a/b"},
        {"allOf": [{"$dynamicRef": "http://a/b"}]},
    ],
)
def test_a_broken_schema_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="facts"):
        FactSchema(broken, {})
