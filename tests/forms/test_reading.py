"""How answers are read: one small form for each rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.feel import Feel
from forms import Form, Reading, compile_form
from forms.components import path_text

from .conftest import NOW, form_file

Read = Callable[..., Reading]
ROWS = json.loads(Path(__file__).with_name("answers.json").read_text("utf-8"))
TEXT = {"type": "textfield", "key": "name", "label": "姓名"}
RED_OR_BLUE = [{"label": "红", "value": "red"}, {"label": "蓝", "value": "blue"}]


def required(component: dict[str, Any]) -> dict[str, Any]:
    return component | {"validate": {**component.get("validate", {}), "required": True}}


@pytest.mark.parametrize("row", ROWS["missing"], ids=lambda row: row["sentence"])
def test_a_missing_answer_is_asked_for_by_its_label(read: Read, row: dict[str, Any]) -> None:
    component = row["component"]
    assert read({}, required(component)).errors == {component["key"]: [row["sentence"]]}
    assert read({}, component).errors == {}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("2026-11-22T17:30:00.000Z", "2026-11-23T01:30:00+08:00"),
        ("2026-11-22T12:30-05:00", "2026-11-23T01:30:00+08:00"),
        ("2026-11-23T01:30+08:00", "2026-11-23T01:30+08:00"),
        ("2026-11-23T01:30", "2026-11-23T01:30"),
    ],
)
def test_an_instant_is_kept_on_chinas_clock(read: Read, typed: str, kept: str) -> None:
    assert read({"at": typed}, {"type": "datetime", "subtype": "datetime", "key": "at"}).answers == {"at": kept}


@pytest.mark.parametrize("row", ROWS["wrong"], ids=lambda row: row["sentence"])
def test_a_wrong_answer_is_explained_at_its_field(read: Read, row: dict[str, Any]) -> None:
    raw = {row["component"]["key"]: row["value"]}
    reading = read(raw, row["component"])
    assert reading.errors == {row["component"]["key"]: [row["sentence"]]}
    assert reading.answers == {}
    assert reading.raw == raw


@pytest.mark.parametrize("row", ROWS["kept"], ids=lambda row: repr(row["value"]))
def test_a_value_is_kept_in_one_spelling(read: Read, row: dict[str, Any]) -> None:
    reading = read({row["component"]["key"]: row["value"]}, row["component"])
    assert (reading.errors, reading.answers) == ({}, {row["component"]["key"]: row["kept"]})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("林" * 1_001, "姓名最多写 1000 个字，现在有 1001 个。"),
        ("林" * 200_000, "姓名最多写 20000 个字，现在有 200000 个。"),
        ("林\ue000", "姓名含有自造字 U+E000，别处看不到，请改用国际标准编码的字，或用拼音、描述代替。"),
        ("林\x00", "姓名含有看不见的控制字符 U+0000，请删去后重新输入。"),
        ("林\ud842", "姓名含有看不见的控制字符 U+D842，请删去后重新输入。"),
        ("\u202e1280", "姓名含有看不见的控制字符 U+202E，请删去后重新输入。"),
    ],
)
def test_text_that_cannot_be_kept_is_refused(read: Read, text: str, sentence: str) -> None:
    assert read({"name": text}, TEXT).errors == {"name": [sentence]}


def test_a_pattern_costs_no_more_than_its_text(read: Read) -> None:
    evil = TEXT | {"validate": {"pattern": "^(a+)+$"}}
    assert read({"name": "a" * 900 + "!"}, evil).errors == {"name": ["姓名的格式不对，请按说明填写。"]}


def test_everything_wrong_is_said_at_once(read: Read) -> None:
    rows = {
        "type": "dynamiclist",
        "path": "medical",
        "label": "医疗费票据",
        "components": [
            required({"type": "textfield", "key": "receipt", "label": "票据号"}),
            required({"type": "number", "key": "amount", "label": "金额", "validate": {"min": 0}}),
        ],
    }
    group = {"type": "group", "path": "complainant", "components": [required(TEXT)]}
    raw = {"medical": [{"receipt": "A1", "amount": "1"}, {"amount": "-1"}, {}]}
    assert read(raw, group, rows).errors == {
        "complainant.name": ["请填写姓名。"],
        "medical[1].receipt": ["请填写票据号。"],
        "medical[1].amount": ["金额不能小于 0。"],
        "medical[2].receipt": ["请填写票据号。"],
        "medical[2].amount": ["请填写金额。"],
    }


HURT = {"type": "checkbox", "key": "hurt", "label": "受伤"}
COST = required({"type": "number", "key": "cost", "label": "费用"}) | {"conditional": {"hide": "=hurt = false"}}


def test_a_hidden_field_is_dropped_and_asks_for_nothing(read: Read) -> None:
    assert read({"hurt": False, "cost": 5}, HURT, COST) == Reading({"hurt": False}, {}, (), {"hurt": False, "cost": 5})
    assert read({"hurt": True}, HURT, COST).errors == {"cost": ["请填写费用。"]}
    assert read({"hurt": True, "cost": 5}, HURT, COST).answers == {"hurt": True, "cost": 5}


def test_a_hidden_group_hides_what_it_holds(read: Read) -> None:
    group = {"type": "group", "components": [required(TEXT)], "conditional": {"hide": "=hurt = false"}}
    assert read({"hurt": False, "name": "林"}, HURT, group).answers == {"hurt": False}


def test_a_condition_may_follow_the_variables_of_the_case(read: Read) -> None:
    field = required(TEXT) | {"conditional": {"hide": '=channel != "phone"'}}
    assert read({}, field, channel="letter").errors == {}
    assert read({}, field, channel="phone").errors == {"name": ["请填写姓名。"]}


def test_rows_have_their_own_context(read: Read) -> None:
    rows = {
        "type": "dynamiclist",
        "path": "things",
        "components": [
            {"type": "checkbox", "key": "total"},
            required({"type": "number", "key": "ratio", "label": "比例"}) | {"conditional": {"hide": "=this.total"}},
            TEXT | {"conditional": {"hide": "=i[1] = 1 or parent.hurt"}},
        ],
    }
    raw = {"hurt": False, "things": [{"total": True, "ratio": 1, "name": "a"}, {"total": False, "name": "b"}]}
    reading = read(raw, HURT, rows)
    assert reading.errors == {"things[1].ratio": ["请填写比例。"]}
    assert reading.answers == {"hurt": False, "things": [{"total": True}, {"total": False, "name": "b"}]}


def test_a_list_without_rows_is_empty_and_an_unmentioned_field_keeps_its_value(read: Read) -> None:
    rows = {"type": "dynamiclist", "path": "things", "components": [required(TEXT)]}
    reading = read({}, rows, {"type": "textfield", "key": "demand"}, things=[{"name": "a"}], demand="换货")
    assert (reading.answers, reading.errors) == ({"things": [], "demand": "换货"}, {})


def test_locked_fields_keep_what_the_case_has(read: Read) -> None:
    fields = (
        TEXT | {"readonly": True},
        {"type": "textfield", "key": "phone", "readonly": "=hurt"},
        {"type": "textfield", "key": "number", "disabled": True},
        HURT,
    )
    raw = {"name": "假", "phone": "假", "number": "假", "hurt": True}
    case = {"name": "林", "phone": "138", "number": "1"}
    assert read(raw, *fields, **case).answers == {"name": "林", "phone": "138", "hurt": True}
    assert read(raw | {"hurt": False}, *fields, **case).answers == {
        "name": "林",
        "phone": "假",
        "hurt": False,
    }


def test_an_object_keeps_what_the_form_does_not_ask_for(read: Read) -> None:
    serial = {"type": "textfield", "key": "product.serial"}
    secret = {"type": "textfield", "key": "product.secret", "conditional": {"hide": "=true"}}
    rows = {"type": "dynamiclist", "path": "things", "components": [TEXT]}
    case = {
        "product": {"name": "冰箱", "serial": "1", "secret": "x"},
        "things": [{"name": "门", "key": 1}, {"name": "窗", "key": 2}],
        "other": {"a": 1},
    }
    reading = read(
        {"product": {"serial": "2"}, "things": [{"name": "大门"}, {"name": "窗"}]}, serial, secret, rows, **case
    )
    assert reading.answers == {
        "product": {"name": "冰箱", "serial": "2"},
        "things": [{"name": "大门", "key": 1}, {"name": "窗", "key": 2}],
    }


def test_locked_values_stay_with_their_row_when_another_is_removed(read: Read) -> None:
    rows = {
        "type": "dynamiclist",
        "path": "things",
        "components": [TEXT | {"readonly": True}, {"type": "number", "key": "n"}],
    }
    case = {"things": [{"name": "门", "n": 1}, {"name": "窗", "n": 2}]}
    reading = read({"things": [{"name": "窗", "n": 5}]}, rows, **case)
    assert reading.answers == {"things": [{"name": "窗", "n": 5}]}
    forged = read({"things": [{"name": "墙", "n": 5}, {"name": "窗", "n": 6}]}, rows, **case)
    assert forged.answers == {"things": [{"name": "门", "n": 5}, {"name": "窗", "n": 6}]}


def test_a_list_that_cannot_grow_does_not(read: Read) -> None:
    rows = {"type": "dynamiclist", "path": "things", "allowAddRemove": False, "components": [TEXT]}
    reading = read({"things": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}, rows, things=[{}, {}])
    assert reading.answers == {"things": [{"name": "a"}, {"name": "b"}]}


def test_computed_fields_are_computed_here(read: Read) -> None:
    total = {"type": "expression", "key": "total", "expression": "=sum(things.n)"}
    shown = required(TEXT) | {"conditional": {"hide": "=total <= 5"}}
    rows = {"type": "dynamiclist", "path": "things", "components": [{"type": "number", "key": "n"}]}
    reading = read({"things": [{"n": 2}, {"n": 3}], "total": 99}, rows, total, shown)
    assert (reading.answers["total"], reading.errors) == (5, {})
    assert read({"things": [{"n": 2}, {"n": 4}]}, rows, total, shown).errors == {"name": ["请填写姓名。"]}


def test_a_computed_date_is_kept_as_text(read: Read) -> None:
    due = {"type": "expression", "key": "due", "expression": '=date("2026-11-23") + duration("P3D")'}
    assert read({}, due).answers == {"due": "2026-11-26"}


def test_options_may_come_from_the_case(read: Read) -> None:
    keyed = {"type": "select", "key": "supplier", "label": "供应商", "valuesKey": "suppliers"}
    computed = {
        "type": "taglist",
        "key": "big",
        "label": "大件",
        "valuesExpression": "=things[weight > 5].name",
    }
    case = {
        "suppliers": ["甲", "乙"],
        "things": [{"name": "冰箱", "weight": 60}, {"name": "壶", "weight": 1}],
    }
    assert read({"supplier": "乙", "big": ["冰箱"]}, keyed, computed, **case).errors == {}
    assert read({"supplier": "丙", "big": ["壶"]}, keyed, computed, **case).errors == {
        "supplier": ["供应商里没有所选的这一项，请重新选择。"],
        "big": ["大件里没有所选的这一项，请重新选择。"],
    }


def test_a_whole_object_may_be_an_option(read: Read) -> None:
    options = [{"label": "甲", "value": {"id": 1}}, {"label": "乙", "value": {"id": 2}}]
    field = {"type": "radio", "key": "who", "label": "谁", "values": options}
    assert read({"who": {"id": 2}}, field).answers == {"who": {"id": 2}}
    assert read({"who": {"id": 3}}, field).errors == {"who": ["谁里没有所选的这一项，请重新选择。"]}


def test_attachments_keep_what_they_are_known_by(read: Read) -> None:
    file = {"key": "9", "name": "a.png", "content_type": "image/png", "size": 5, "sha256": "0" * 64}
    photos = {"type": "filepicker", "key": "photos", "label": "照片", "multiple": True, "accept": ".png,.jpg"}
    reading = read({"photos": [file | {"url": "javascript:1"}]}, photos)
    assert (reading.answers, reading.errors) == ({"photos": [file]}, {})


def test_what_nobody_asked_for_is_dropped_and_noted(read: Read) -> None:
    rows = {"type": "dynamiclist", "path": "things", "components": [TEXT]}
    group = {"type": "group", "path": "g", "components": [{"type": "textfield", "key": "a.b"}]}
    raw = {"name": "x", "admin": True, "things": [{"name": "a", "price": 1}], "g": {"a": {"b": "1", "c": 2}}}
    reading = read(raw, TEXT, rows, group)
    assert reading.answers == {"name": "x", "things": [{"name": "a"}], "g": {"a": {"b": "1"}}}
    assert reading.ignored == ("admin", "things[0].price", "g.a.c")


def test_too_many_rows_are_refused(read: Read) -> None:
    rows = {"type": "dynamiclist", "path": "things", "label": "物品", "components": [TEXT]}
    assert read({"things": [{"name": "a"}] * 201}, rows).errors == {"things": ["物品的项数太多，请减少。"]}


def test_a_failing_condition_hides_nothing(feel: Feel) -> None:
    class Broken:
        """Stands for an interpreter that fails on one expression."""

        def unary_tests(self, tests: Any, variables: Any, *, now: Any) -> list[bool]:
            if any("name" in test for test, _ in tests):
                raise RuntimeError("time limit")
            return feel.unary_tests(tests, variables, now=now)

        def evaluate_all(self, expressions: Any, variables: Any, *, now: Any) -> list[Any]:
            return feel.evaluate_all(expressions, variables, now=now)

        def syntax_error(self, expression: str, *, unary: bool = False) -> str | None:
            return feel.syntax_error(expression, unary=unary)

    fields = (HURT, TEXT | {"conditional": {"hide": "=name = null"}}, COST)
    form = compile_form("forms/toy/task.form", form_file(*fields), Broken())
    assert form.read({"hurt": False, "name": "林"}, {}, now=NOW).answers == {"hurt": False, "name": "林"}


def test_a_variable_with_a_blank_in_its_name_is_seen(make: Callable[..., Form]) -> None:
    form = make({"type": "text", "text": "{{`来函 编号`}}"})
    assert form.initial({"来函 编号": "118", "别的 变量": 1}) == {"来函 编号": "118"}


def test_initial_gives_form_js_what_it_needs_and_no_more(make: Callable[..., Form]) -> None:
    form = make(
        TEXT,
        {"type": "number", "key": "n", "defaultValue": 3},
        {"type": "text", "text": "{{product.model}} 由 {{#loop things}}{{this}}{{/loop}}"},
        {"type": "dynamiclist", "path": "rows", "defaultRepetitions": 2, "components": [HURT]},
        {"type": "select", "key": "s", "valuesKey": "suppliers"},
    )
    case = {"product": {"model": "X"}, "things": [1], "suppliers": ["甲"], "id_number": "secret", "s": "乙"}
    assert form.initial(case) == {
        "product": {"model": "X"},
        "things": [1],
        "suppliers": ["甲"],
        "name": "",
        "n": 3,
        "rows": [{"hurt": False}, {"hurt": False}],
        "s": None,
    }


def test_answers_can_be_read_by_people(make: Callable[..., Form]) -> None:
    form = make(
        {"type": "group", "path": "complainant", "components": [TEXT]},
        {"type": "radio", "key": "colour", "label": "颜色", "values": RED_OR_BLUE},
        {"type": "checklist", "key": "colours", "label": "颜色们", "values": RED_OR_BLUE},
        HURT,
        {"type": "datetime", "key": "at", "dateLabel": "时刻", "subtype": "datetime"},
        {"type": "datetime", "key": "on", "dateLabel": "日期", "subtype": "date"},
        {"type": "number", "key": "cost", "label": "费用", "appearance": {"suffixAdorner": "元"}},
        {"type": "filepicker", "key": "photos", "label": "照片", "multiple": True},
        {"type": "dynamiclist", "path": "things", "label": "物品", "components": [TEXT | {"label": "名称"}]},
    )
    answers = {
        "complainant": {"name": "林"},
        "colour": "blue",
        "colours": ["red", "blue"],
        "hurt": True,
        "at": "2026-11-23T01:12:00+00:00",
        "on": "2026-11-03",
        "cost": "12.50",
        "photos": [{"key": "1", "name": "a.png"}, {"key": "2", "name": "b.png"}],
        "things": [{"name": "门"}, {"name": "窗"}],
        "other": 1,
    }
    assert form.display(answers) == [
        ("姓名", "林"),
        ("颜色", "蓝"),
        ("颜色们", "红、蓝"),
        ("受伤", "是"),
        ("时刻", "2026年11月23日 09:12"),
        ("日期", "2026年11月3日"),
        ("费用", "12.50 元"),
        ("照片", "a.png、b.png"),
        ("物品 1 · 名称", "门"),
        ("物品 2 · 名称", "窗"),
    ]
    assert form.display({}) == []
    assert form.labels()["complainant.name"] == "姓名"
    assert form.labels()["things"] == "物品"
    assert form.labels()["things[].name"] == "名称"


EVERY_KIND = (
    required(TEXT),
    {"type": "textarea", "key": "story", "validate": {"pattern": "^a+$"}},
    {
        "type": "number",
        "key": "g.n",
        "decimalDigits": 2,
        "serializeToString": True,
        "validate": {"max": "=g.m"},
    },
    {"type": "number", "key": "g.m"},
    HURT,
    {"type": "radio", "key": "r", "values": RED_OR_BLUE, "conditional": {"hide": "=hurt"}},
    {"type": "taglist", "key": "t", "valuesExpression": "=things.name"},
    {"type": "datetime", "key": "d", "subtype": "datetime", "disallowPassedDates": True},
    {"type": "filepicker", "key": "f", "accept": ".png"},
    {"type": "expression", "key": "e", "expression": "=count(things)"},
    {
        "type": "dynamiclist",
        "path": "things",
        "components": [
            TEXT | {"conditional": {"hide": "=this.k.z > 3"}},
            {"type": "group", "path": "k", "components": [{"type": "number", "key": "z", "increment": 0.5}]},
            {
                "type": "dynamiclist",
                "path": "inner",
                "components": [required(TEXT | {"readonly": "=parent.name"})],
            },
        ],
    },
)
FINITE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(), max_size=12),
    st.sampled_from(["red", "2026-11-23T10:00", "2026-11-23", "1e999", "1E+31", "12.5"]),
)
NAMES = ["name", "story", "g", "n", "m", "hurt", "r", "t", "d", "f", "e", "things", "k", "z", "inner", "key"]
KEYS = st.one_of(st.sampled_from(NAMES), st.text(max_size=4))


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


RAW = nested(FINITE | st.floats())
"""What may be sent."""
VARIABLES = nested(FINITE)
"""What a case may hold: JSON, which knows no infinity."""


@given(st.dictionaries(KEYS, RAW, max_size=8), st.dictionaries(KEYS, VARIABLES, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_reading_never_raises_and_errors_have_paths_that_exist(
    make: Callable[..., Form], raw: dict[str, Any], variables: dict[str, Any]
) -> None:
    form = make(*EVERY_KIND)
    before = repr(raw)
    reading = form.read(raw, variables, now=NOW)
    assert repr(raw) == before
    known = {path_text(component.path) for component in form.fields} | {"things", "things[].inner"}
    for path, sentences in reading.errors.items():
        generic = "".join("[]" if part.isdigit() else part for part in path.replace("]", "[").split("["))
        assert generic in known
        assert sentences
        assert all(sentence.endswith("。") for sentence in sentences)
    assert json.loads(json.dumps(reading.answers, allow_nan=False).encode()) == reading.answers


@pytest.mark.parametrize("raw", [None, [], "text", 5, {"name": [[[[[[[[[[1]]]]]]]]]]}, {"r": {"a": {"b": {}}}}])
def test_anything_at_all_can_be_given(make: Callable[..., Form], raw: Any) -> None:
    assert "name" in make(*EVERY_KIND).read(raw, {}, now=NOW).errors
