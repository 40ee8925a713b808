"""Decision tables: hit policies, cells, required decisions, boxed expressions, and files that are refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest

from engine.calendars import ChinaCalendar
from engine.decisions import DecisionError, DecisionModel, DecisionResult
from engine.feel import Feel

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)

DMN_1_1 = "http://www.omg.org/spec/DMN/20151101/dmn.xsd"
DMN_1_2 = "http://www.omg.org/spec/DMN/20180521/MODEL/"
DMN_1_3 = "https://www.omg.org/spec/DMN/20191111/MODEL/"
DMN_1_5 = "https://www.omg.org/spec/DMN/20230324/MODEL/"


@pytest.fixture(scope="module")
def feel() -> Iterator[Feel]:
    with Feel(ROOT / "bundles" / "feel.js", ChinaCalendar()) as interpreter:
        yield interpreter


def text(tag: str, content: str, attributes: str = "") -> str:
    return f"<{tag} {attributes}><text>{escape(content)}</text></{tag}>"


def table(
    rules: Sequence[str],
    *,
    policy: str = 'hitPolicy="UNIQUE"',
    inputs: Sequence[str] = ("x",),
    outputs: Sequence[str] = ("r",),
    types: Sequence[str] = (),
    values: Mapping[str, str] = {},
    defaults: Mapping[str, str] = {},
) -> str:
    """A table. A rule is written `test | test => output | output  # annotation`."""
    parts = [f"<decisionTable id='t' {policy}>"]
    for index, name in enumerate(inputs):
        kind = types[index] if index < len(types) else "Any"
        allowed = text("inputValues", values[name]) if name in values else ""
        expression = text("inputExpression", name, f'id="e{index}" typeRef="{kind}"')
        parts.append(f"<input id='i{index}' label={quoteattr(name)}>{expression}{allowed}</input>")
    for name in outputs:
        allowed = text("outputValues", values[name]) if name in values else ""
        default = text("defaultOutputEntry", defaults[name]) if name in defaults else ""
        parts.append(f"<output id='o_{name}' name='{name}'>{allowed}{default}</output>")
    for number, rule in enumerate(rules, start=1):
        logic, _, note = rule.partition("  # ")
        tests, _, results = logic.partition("=>")
        parts.append(f"<rule id='rule_{number}'>")
        parts += [f"<description>{escape(note)}</description>"] if note else []
        parts += [text("inputEntry", cell.strip()) for cell in tests.split("|")] if inputs else []
        parts += [text("outputEntry", cell.strip()) for cell in results.split("|")]
        parts.append("</rule>")
    return "".join([*parts, "</decisionTable>"])


def decision(logic: str, identity: str = "d", name: str = "", requires: Sequence[str] = (), extra: str = "") -> str:
    links = "".join(
        f'<informationRequirement id="{identity}_{other}"><requiredDecision href="#{other}"/></informationRequirement>'
        for other in requires
    )
    return f'<decision id="{identity}" name={quoteattr(name or identity)}>{extra}{links}{logic}</decision>'


def dmn(*parts: str, space: str = DMN_1_3) -> bytes:
    body = "".join(parts)
    head = f'<definitions xmlns="{space}" id="defs" name="defs" namespace="n">'
    return f'<?xml version="1.0" encoding="UTF-8"?>{head}{body}</definitions>'.encode()


def model(*parts: str, space: str = DMN_1_3) -> DecisionModel:
    parsed = DecisionModel.parse({"workflows/d.dmn": dmn(*parts, space=space)})
    assert parsed.problems == ()
    return parsed


def evaluate(feel: Feel, logic: str, **variables: Any) -> DecisionResult:
    return model(decision(logic)).evaluate("d", variables, feel=feel, now=NOW)


def codes(content: bytes) -> set[tuple[str, str]]:
    return {(one.element_id, one.code) for one in DecisionModel.parse({"workflows/d.dmn": content}).problems}


# --- hit policies

OVERLAP = ["> 0 => 1", "> 10 => 2", "> 100 => 3"]


@pytest.mark.parametrize(
    ("policy", "x", "value"),
    [
        ('hitPolicy="UNIQUE"', 5, 1),
        ("", 5, 1),
        ('hitPolicy="FIRST"', 500, 1),
        ('hitPolicy="RULE ORDER"', 500, [1, 2, 3]),
        ('hitPolicy="COLLECT"', 50, [1, 2]),
        ('hitPolicy="COLLECT"', 5, [1]),
        ('hitPolicy="COLLECT" aggregation="SUM"', 500, 6),
        ('hitPolicy="COLLECT" aggregation="MIN"', 500, 1),
        ('hitPolicy="COLLECT" aggregation="MAX"', 500, 3),
        ('hitPolicy="COLLECT" aggregation="COUNT"', 500, 3),
        ('hitPolicy="COLLECT" aggregation="COUNT"', -1, 0),
        ('hitPolicy="COLLECT" aggregation="SUM"', -1, None),
        ('hitPolicy="UNIQUE"', -1, None),
        ('hitPolicy="FIRST"', None, None),
        ('hitPolicy="COLLECT"', -1, None),
    ],
)
def test_hit_policies(feel: Feel, policy: str, x: Any, value: Any) -> None:
    assert evaluate(feel, table(OVERLAP, policy=policy), x=x).value == value


@pytest.mark.parametrize(("policy", "value"), [("PRIORITY", "高"), ("OUTPUT ORDER", ["高", "中", "低"])])
def test_priorities_follow_the_list_of_values(feel: Feel, policy: str, value: Any) -> None:
    rules = ['> 0 => "低"', '> 10 => "高"', '> 100 => "中"']
    logic = table(rules, policy=f'hitPolicy="{policy}"', values={"r": '"高","中","低"'})
    assert evaluate(feel, logic, x=500).value == value


def test_priorities_of_several_outputs_count_from_the_left(feel: Feel) -> None:
    rules = ['- => "b" | 1', '- => "a" | 2', '- => "a" | 1']
    logic = table(rules, policy='hitPolicy="OUTPUT ORDER"', outputs=("p", "q"), values={"p": '"a","b"', "q": "1,2"})
    assert evaluate(feel, logic, x=1).value == [{"p": "a", "q": 1}, {"p": "a", "q": 2}, {"p": "b", "q": 1}]


def test_unique_with_two_matches_names_the_rules(feel: Feel) -> None:
    logic = table(["> 0 => 1  # 店规第一条", "> 10 => 2"])
    with pytest.raises(DecisionError, match=r"UNIQUE.*2条规则同时命中：第1条（店规第一条）、第2条"):
        evaluate(feel, logic, x=50)


def test_any_wants_agreement(feel: Feel) -> None:
    agreeing = table(["> 0 => {a: 1}", "> 10 => {a: 1.0}"], policy='hitPolicy="ANY"')
    assert evaluate(feel, agreeing, x=50).value == {"a": 1}
    disagreeing = table(["> 0 => 1", "> 10 => true"], policy='hitPolicy="ANY"')
    with pytest.raises(DecisionError, match=r"ANY.*结果不一致：第1条、第2条"):
        evaluate(feel, disagreeing, x=50)


def test_sums_are_exact(feel: Feel) -> None:
    logic = table(["- => 0.1", "- => 0.2"], policy='hitPolicy="COLLECT" aggregation="SUM"')
    assert evaluate(feel, logic).value == 0.3


def test_the_latest_of_dates(feel: Feel) -> None:
    rules = ['- => date("2026-01-31")', '- => date("2026-02-01")']
    logic = table(rules, policy='hitPolicy="COLLECT" aggregation="MAX"')
    assert evaluate(feel, logic).value == "2026-02-01"


def test_words_have_no_sum(feel: Feel) -> None:
    logic = table(['- => "a"', "- => 1"], policy='hitPolicy="COLLECT" aggregation="SUM"')
    with pytest.raises(DecisionError, match="只能汇总数字"):
        evaluate(feel, logic)


def test_several_outputs_make_a_context_and_defaults_fill_in(feel: Feel) -> None:
    logic = table(['> 10 => "a" | 1'], outputs=("p", "q"), defaults={"p": '"none"', "q": "x * 2"})
    assert evaluate(feel, logic, x=50).value == {"p": "a", "q": 1}
    assert evaluate(feel, logic, x=5).value == {"p": "none", "q": 10}
    assert evaluate(feel, logic, x=5).evaluations[-1].matched == ()


# --- cells


@pytest.mark.parametrize(
    ("cell", "x", "matches"),
    [
        ("", 5, True),
        ("-", None, True),
        ("5", 5, True),
        ('"a","b"', "b", True),
        ('not("a","b")', "c", True),
        ('not("a","b")', "a", False),
        ("[1..5]", 5, True),
        ("]1..5[", 5, False),
        ("> y", 5, True),
        ("? > y and ? < 9", 5, True),
        ('list contains(?, "injury")', ["injury", "media"], True),
        ("null", None, True),
        ("> 3", None, False),
        ('"a"', None, False),
        ("true", True, True),
        ('? in ["a", "b"]', "b", True),
        ('> date("2026-01-01")', "2026-02-01", False),  # text: the column does not say it is a date
        ('contains(?, "坏")', "坏了", True),
    ],
)
def test_cells(feel: Feel, cell: str, x: Any, matches: bool) -> None:
    assert (evaluate(feel, table([f"{cell} => 1"]), x=x, y=4).value == 1) is matches


@pytest.mark.parametrize(
    ("kind", "cell", "x"),
    [
        ("date", '> date("2026-01-01")', "2026-02-01"),
        ("dateTime", '> date and time("2026-01-01T00:00:00+08:00")', "2026-02-01T00:00:00+08:00"),
        ("number", ">= 500", "500.00"),
        ("integer", ">= 500", "500"),
        ("dayTimeDuration", '> duration("P1D")', "P2D"),
        ("feel:number", ">= 500", "500.00"),
    ],
)
def test_a_typed_column_reads_text_as_its_type(feel: Feel, kind: str, cell: str, x: str) -> None:
    assert evaluate(feel, table([f"{cell} => 1"], types=(kind,)), x=x).value == 1


def test_the_columns_type_leaves_other_values_alone(feel: Feel) -> None:
    assert evaluate(feel, table(['"abc" => 1'], types=("number",)), x="abc").value == 1


def test_all_columns_must_match(feel: Feel) -> None:
    logic = table(["> 1 | > 1 => 1"], inputs=("x", "y"))
    assert evaluate(feel, logic, x=2, y=2).value == 1
    assert evaluate(feel, logic, x=2, y=0).value is None


def test_a_table_without_inputs_always_answers(feel: Feel) -> None:
    assert evaluate(feel, table(["=> 1", "=> 2"], inputs=(), policy='hitPolicy="COLLECT"')).value == [1, 2]


def test_a_value_that_the_column_does_not_allow_is_named(feel: Feel) -> None:
    logic = table(['"a" => 1'], values={"x": '"a","b"'})
    assert evaluate(feel, logic, x="b").value is None
    assert evaluate(feel, logic, x=None).value is None
    assert evaluate(feel, logic, x=["a", "b"]).value is None
    with pytest.raises(DecisionError, match="输入“x”的值“c”不在允许的值里"):
        evaluate(feel, logic, x="c")
    with pytest.raises(DecisionError, match="不在允许的值里"):
        evaluate(feel, logic, x=["a", "c"])


def test_a_result_that_the_column_does_not_allow_is_named(feel: Feel) -> None:
    logic = table(["- => x  # 第3条"], values={"r": '"a","b"'})
    with pytest.raises(DecisionError, match="第1条（第3条）的结果“r”得出“c”"):
        evaluate(feel, logic, x="c")


def test_a_broken_cell_stops_the_decision_with_the_cell(feel: Feel) -> None:
    with pytest.raises(DecisionError, match="决策“d”无法得出结果：表达式“> nothing\\(3\\)”") as caught:
        evaluate(feel, table(["> nothing(3) => 1"]), x=1)
    assert caught.value.decision_id == "d"


def test_deadline_functions_work_in_tables(feel: Feel) -> None:
    logic = table(['workingDays("2026-11-23", 1) => calendarDays("2026-11-23", 3)'], inputs=("due",))
    value = evaluate(feel, logic, due=datetime(2026, 11, 24, 16, tzinfo=UTC)).value
    assert value == "2026-11-26T16:00:00+00:00"


# --- the record


def test_the_record_says_what_was_asked_matched_and_cited(feel: Feel) -> None:
    rule = "<rule id='r1'><description>店规第3条</description>"
    rule += text("inputEntry", "> 3") + text("outputEntry", '"major"')
    rule += text("annotationEntry", "民法典第1179条") + text("annotationEntry", "店规第3条") + "</rule>"
    logic = table([]).replace("</decisionTable>", rule + "</decisionTable>")
    result = evaluate(feel, logic, x=5)
    assert result.evaluations[-1].facts() == {
        "decision": "d",
        "name": "d",
        "hit_policy": "UNIQUE",
        "inputs": [{"label": "x", "expression": "x", "value": 5}],
        "matched": [
            {
                "rule": 1,
                "rule_id": "r1",
                "annotations": ["店规第3条", "民法典第1179条"],
                "outputs": {"r": "major"},
            }
        ],
        "value": "major",
        "warnings": [],
    }


def test_the_record_explains_a_missing_input(feel: Feel) -> None:
    assert evaluate(feel, table(["> 3 => 1"])).evaluations[-1].warnings == ("变量“x”不存在",)


# --- requirements and expressions


def literal(content: str) -> str:
    return text("literalExpression", content)


def test_required_decisions_are_evaluated_once_and_recorded_first(feel: Feel) -> None:
    named = '<variable id="v" name="price"/>'
    parsed = model(
        decision(literal("base"), "base_price", "基准 价", extra=named),
        decision(literal("base_price * 2"), "left", requires=["base_price"]),
        decision(literal("基准 价 + price"), "right", requires=["base_price"]),
        decision(
            table(["> 3 => left + right"], inputs=("base_price",)),
            "top",
            requires=["left", "right", "base_price"],
        ),
    )
    result = parsed.evaluate("top", {"base": 5}, feel=feel, now=NOW)
    assert result.value == 20
    assert [one.decision_id for one in result.evaluations] == ["base_price", "left", "right", "top"]
    assert result.evaluations[0].inputs == (("base", "base", 5),)


def test_requirements_cross_files(feel: Feel) -> None:
    parsed = DecisionModel.parse(
        {
            "workflows/a.dmn": dmn(decision(literal("x + 1"), "a")),
            "workflows/b.dmn": dmn(
                decision(literal("a * 2"), "b").replace(
                    "<literalExpression",
                    '<informationRequirement id="q"><requiredDecision href="a.dmn#a"/>'
                    "</informationRequirement>"
                    "<literalExpression",
                )
            ),
        }
    )
    assert parsed.problems == ()
    assert parsed.evaluate("b", {"x": 1}, feel=feel, now=NOW).value == 4


def knowledge(name: str, parameters: Sequence[str], body: str, requires: Sequence[str] = ()) -> str:
    formal = "".join(f'<formalParameter name="{parameter}"/>' for parameter in parameters)
    links = "".join(
        f'<knowledgeRequirement id="k{other}"><requiredKnowledge href="#{other}"/></knowledgeRequirement>'
        for other in requires
    )
    logic = f"<encapsulatedLogic>{formal}{literal(body)}</encapsulatedLogic>"
    return f'<businessKnowledgeModel id="{name}" name="{name}">{logic}{links}</businessKnowledgeModel>'


def test_business_knowledge_is_called(feel: Feel) -> None:
    needs = '<knowledgeRequirement id="kr"><requiredKnowledge href="#twice"/></knowledgeRequirement>'
    parsed = model(
        knowledge("add", ["a", "b"], "a + b"),
        knowledge("twice", ["n"], "add(n, n)", requires=["add"]),
        decision(needs + literal("twice(x) + 1")),
    )
    assert parsed.evaluate("d", {"x": 5}, feel=feel, now=NOW).value == 11


def tag(name: str, *parts: str, attributes: str = "") -> str:
    return f"<{name} {attributes}>{''.join(parts)}</{name}>"


def entry(content: str, name: str = "") -> str:
    return tag("contextEntry", f'<variable name="{name}"/>' if name else "", literal(content))


def loop(kind: str, inside: str, word: str, body: str) -> str:
    parts = tag("in", literal(inside)), tag(word, literal(body))
    return tag(kind, *parts, attributes='iteratorVariable="i"')


RELATION = tag(
    "relation",
    '<column name="a"/><column name="b"/>',
    tag("row", literal("1"), literal("x")),
    tag("row", literal("2"), literal("null")),
)
CHOICE = tag("conditional", tag("if", literal("x > 3")), tag("then", literal("1")), tag("else", literal("2")))


@pytest.mark.parametrize(
    ("logic", "value"),
    [
        (
            tag("context", entry("x + 1 // note", "sum"), entry("sum / 2", "half price")),
            {"sum": 6, "half price": 3},
        ),
        (tag("context", entry("x + 1", "half price"), entry("half price * 10")), 60),
        (tag("list", literal("1"), literal("x")), [1, 5]),
        (RELATION, [{"a": 1, "b": 5}, {"a": 2, "b": None}]),
        (CHOICE, 1),
        (loop("for", "1..3", "return", "i * x"), [5, 10, 15]),
        (loop("every", "[1, 9]", "satisfies", "i > x"), False),
        (loop("some", "[1, 9]", "satisfies", "i > x"), True),
        (tag("filter", tag("in", literal("[1, 9]")), tag("match", literal("item > x"))), [9]),
    ],
)
def test_boxed_expressions(feel: Feel, logic: str, value: Any) -> None:
    assert evaluate(feel, logic, x=5).value == value


def test_a_boxed_invocation(feel: Feel) -> None:
    needs = '<knowledgeRequirement id="kr"><requiredKnowledge href="#minus"/></knowledgeRequirement>'
    call = f"<invocation>{literal('minus')}"
    for name, value in (("b", "1"), ("a", "x")):
        call += f'<binding><parameter name="{name}"/>{literal(value)}</binding>'
    parsed = model(knowledge("minus", ["a", "b"], "a - b"), decision(needs + call + "</invocation>"))
    assert parsed.evaluate("d", {"x": 5}, feel=feel, now=NOW).value == 4


def test_an_unknown_decision_is_named(feel: Feel) -> None:
    with pytest.raises(DecisionError, match="没有这个决策"):
        model(decision(literal("1"))).evaluate("other", {}, feel=feel, now=NOW)


# --- files


@pytest.mark.parametrize("space", [DMN_1_1, DMN_1_2, DMN_1_3, DMN_1_5])
def test_every_version_is_read(feel: Feel, space: str) -> None:
    parsed = model(decision(table(["> 3 => 1"])), space=space)
    assert parsed.evaluate("d", {"x": 5}, feel=feel, now=NOW).value == 1


def test_a_cycle_is_named_and_never_run(feel: Feel) -> None:
    content = dmn(decision(literal("b"), "a", requires=["b"]), decision(literal("a"), "b", requires=["a"]))
    assert codes(content) == {("a", "decision-cycle"), ("b", "decision-cycle")}
    with pytest.raises(DecisionError, match="互相依赖：a → b → a"):
        DecisionModel.parse({"d.dmn": content}).evaluate("a", {}, feel=feel, now=NOW)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", ("", "not-xml")),
        (b"<definitions", ("", "not-xml")),
        (b"<definitions/>", ("", "not-dmn")),
        (dmn(), ("", "no-decision")),
        (dmn('<decision name="x">' + literal("1") + "</decision>"), ("", "id-missing")),
        (dmn(decision("")), ("d", "decision-empty")),
        (dmn(decision(literal(""))), ("d", "decision-empty")),
        (dmn(decision(table(["1 => 1"], policy='hitPolicy="MAYBE"'))), ("d", "unknown-hit-policy")),
        (
            dmn(decision(table(["1 => 1"], policy='hitPolicy="COLLECT" aggregation="MEAN"'))),
            ("d", "unknown-aggregation"),
        ),
        (dmn(decision(table(["1 => 1"], policy='hitPolicy="PRIORITY"'))), ("d", "output-values-missing")),
        (
            dmn(
                decision(
                    table(
                        ["1 => 1 | 2"], outputs=("a", "b"), policy='hitPolicy="COLLECT" aggregation="SUM"'
                    )
                )
            ),
            ("d", "aggregation-many-outputs"),
        ),
        (dmn(decision(table(["1 => 1 | 2"], outputs=("a", "a")))), ("o_a", "output-name-duplicate")),
        (dmn(decision(table(["1 => 1 | 2"], outputs=("a", "")))), ("o_", "output-without-name")),
        (dmn(decision(table(["1 => "], outputs=()))), ("d", "table-without-output")),
        (dmn(decision(table([]))), ("d", "table-without-rules")),
        (dmn(decision(table(["1 | 2 => 1"]))), ("rule_1", "rule-cells")),
        (dmn(decision(table(["1 => 1"], inputs=("",)))), ("i0", "input-expression-missing")),
        (
            dmn(decision(text("literalExpression", "1", 'id="js" expressionLanguage="javascript"'))),
            ("js", "expression-language"),
        ),
        (dmn(decision(f"<list>{table(['1 => 1'])}</list>")), ("t", "dmn-unsupported")),
        (dmn(decision(literal("1"), requires=["nobody"])), ("d", "required-decision-not-found")),
        (dmn(decision(literal("1")), decision(literal("2"))), ("d", "duplicate-decision-id")),
        (
            dmn('<businessKnowledgeModel id="k" name="k"><encapsulatedLogic/></businessKnowledgeModel>'),
            ("k", "knowledge-unsupported"),
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_named(content: bytes, problem: tuple[str, str]) -> None:
    assert problem in codes(content)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'<!DOCTYPE d [<!ENTITY a "aaaa">]>' + dmn(decision(literal("&a;"))).partition(b"?>")[2], "doctype"),
        (b'<!DOCTYPE d SYSTEM "file:///etc/passwd"><d/>', "doctype"),
        (b"<a>" * 5_000 + b"</a>" * 5_000, "not-xml"),
        (b" " * (5 * 1024 * 1024), "file-too-large"),
    ],
)
def test_hostile_files_are_refused(content: bytes, code: str) -> None:
    assert codes(content) == {("", code)}


def test_a_broken_decision_does_not_take_the_others_along(feel: Feel) -> None:
    parsed = DecisionModel.parse(
        {
            "d.dmn": dmn(
                decision(literal("x"), "good"),
                decision(literal(""), "bad"),
                decision(literal("bad"), "user", requires=["bad"]),
            )
        }
    )
    assert [(one.element_id, one.code) for one in parsed.problems] == [("bad", "decision-empty")]
    assert parsed.evaluate("good", {"x": 1}, feel=feel, now=NOW).value == 1
    with pytest.raises(DecisionError, match="决策“bad”"):
        parsed.evaluate("user", {}, feel=feel, now=NOW)


def test_problems_come_sorted_with_one_sentence_each() -> None:
    parsed = DecisionModel.parse({"b.dmn": b"<x/>", "a.dmn": b"", "c.dmn": dmn(decision(table([])))})
    assert [one.file for one in parsed.problems] == ["a.dmn", "b.dmn", "c.dmn"]
    assert all(one.message.endswith("。") for one in parsed.problems)
