"""What a form file may not contain, each with its finding, and what a compiled form knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.feel import Feel
from forms import Form, FormInvalid, compile_form

from .conftest import form_file

BROKEN = json.loads(Path(__file__).with_name("broken.json").read_text("utf-8"))
OURS = sorted(Path("forms").glob("*/*.form"))


@pytest.mark.parametrize("row", BROKEN, ids=lambda row: f"{row['code']} {row['components'][-1]}"[:80])
def test_a_broken_form_is_named_by_component(feel: Feel, row: dict[str, Any]) -> None:
    with pytest.raises(FormInvalid) as refused:
        compile_form("forms/toy/task.form", form_file(*row["components"]), feel)
    [problem] = refused.value.problems
    assert (problem.element_id, problem.code) == (row["element"], row["code"])
    assert problem.message.endswith("。")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not-json"),
        (b"\xff", "not-json"),
        (b"[" * 100_000, "not-json"),
        (b"[]", "not-a-form"),
        (b'{"components": []}', "not-a-form"),
        (b'{"type": "default", "components": []}', "form-id-missing"),
        (b'{"type": "default", "id": "a.b", "components": {}}', "components-missing"),
        (b'{"type": "default", "id": "a.b", "components": [{"type": "text"}]}', "component-id-missing"),
        (b" " * 1_000_001, "form-too-large"),
    ],
)
def test_a_file_that_is_no_form_is_refused(feel: Feel, content: bytes, code: str) -> None:
    with pytest.raises(FormInvalid) as refused:
        compile_form("forms/toy/task.form", content, feel)
    assert [problem.code for problem in refused.value.problems] == [code]


def test_nesting_and_size_are_bounded(feel: Feel) -> None:
    deep: dict[str, Any] = {"type": "group", "components": []}
    for _ in range(20):
        deep = {"type": "group", "components": [deep]}
    many = [{"type": "separator"} for _ in range(501)]
    for components, code in (([deep], "form-too-deep"), (many, "form-too-large")):
        with pytest.raises(FormInvalid) as refused:
            compile_form("forms/toy/task.form", form_file(*components), feel)
        assert code in {problem.code for problem in refused.value.problems}


def test_everything_wrong_is_listed_at_once(feel: Feel) -> None:
    components = ({"type": "radio", "key": "a"}, {"type": "oops"}, {"type": "textfield", "key": "case"})
    with pytest.raises(FormInvalid) as refused:
        compile_form("forms/toy/task.form", form_file(*components), feel)
    assert {problem.code for problem in refused.value.problems} == {
        "unknown-component",
        "reserved-key",
        "options-source",
    }
    assert "forms/toy/task.form  F1：" in str(refused.value)


def test_plain_html_is_taken(make: Callable[..., Form]) -> None:
    content = '<h3>须知</h3><p class="x">'.replace(' class="x"', "") + '<a href="https://example.cn">条款</a></p>'
    assert make({"type": "html", "content": content}).fields == ()


def test_the_schema_describes_the_answers(make: Callable[..., Form]) -> None:
    form = make(
        {"type": "textfield", "key": "a.b", "label": "名", "validate": {"required": True, "maxLength": 5}},
        {"type": "checkbox", "key": "k", "validate": {"required": True}},
        {"type": "number", "key": "n", "validate": {"required": True}, "conditional": {"hide": "=k"}},
        {
            "type": "dynamiclist",
            "path": "l",
            "components": [{"type": "number", "key": "m", "decimalDigits": 0}],
        },
    )
    assert form.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(form.schema)
    schema = jsonschema_rs.Draft202012Validator(form.schema)
    assert schema.is_valid({"a": {"b": "林"}, "k": True, "l": [{"m": 1}]})
    assert schema.is_valid({"a": {"b": "林"}, "k": True, "n": 1.5})
    assert not schema.is_valid({"a": {"b": "林"}, "l": []})
    assert not schema.is_valid({"a": {"b": "六个字的名字"}, "k": True})
    assert not schema.is_valid({"a": {"b": "林"}, "k": True, "l": [{"m": 1.5}]})
    assert not schema.is_valid({"a": {"b": "林"}, "k": True, "x": 1})


@pytest.mark.parametrize("path", OURS, ids=str)
def test_our_forms_compile_and_are_named_after_their_place(feel: Feel, path: Path) -> None:
    form = compile_form(str(path), path.read_bytes(), feel)
    assert form.id == f"{path.parent.name}.{path.stem}"
    jsonschema_rs.meta.validate(form.schema)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
ATTRIBUTES = """
    key path label validate conditional readonly disabled values valuesKey valuesExpression components
    properties expression decimalDigits subtype content text defaultValue appearance accept multiple
"""
TYPES = "textfield number radio checklist group dynamiclist datetime html expression text"


@given(
    st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(TYPES.split()), "id": st.text(max_size=3)},
            optional={name: JSON | st.sampled_from(["a", "=a", {"required": True}]) for name in ATTRIBUTES.split()},
        ),
        max_size=4,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
def test_any_component_is_compiled_or_refused(feel: Feel, components: list[dict[str, Any]]) -> None:
    content = json.dumps({"type": "default", "id": "toy.task", "components": components}).encode()
    try:
        form = compile_form("forms/toy/task.form", content, feel)
    except FormInvalid as refused:
        problems = refused.problems
    else:
        problems = ()
        assert form.initial({}) is not None
    assert all(problem.code and problem.message for problem in problems)
