"""Scopes of variables: who sees what, who writes where, and that nothing said is changed afterwards."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from engine.runtime import RuntimeProblem
from tests.engine.drawing import (
    chain,
    el,
    end,
    event,
    io,
    job,
    loop,
    message,
    multi,
    process,
    script,
    start,
    user,
    z,
)
from tests.engine.play import Play, bundle

ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)
ONE_TASK = [process("p", start(), user("a"), user("b"), end(), chain("s a b e"))]


def play_one(variables: dict[str, Any] | None = None) -> Play:
    return Play(bundle(*ONE_TASK)).start(variables)


def test_results_go_to_the_root() -> None:
    play = play_one({"x": 1}).complete("a", {"x": 2, "投诉人": {"姓名": "张三"}})
    assert play.variables == {"x": 2, "投诉人": {"姓名": "张三"}}
    assert play.item("b").variables == play.variables


def test_a_list_is_replaced_not_merged() -> None:
    play = play_one({"list": ["a", "b", "c"]}).complete("a", {"list": ["c", "a"]})
    assert play.variables["list"] == ["c", "a"]


def test_what_was_said_is_not_changed_afterwards() -> None:
    """The library shares nested values between tasks; ours are copied at the border and journalled as
    copies."""
    answers: dict[str, Any] = {"case": {"inner": {"n": 1}}}
    play = play_one().complete("a", answers)
    answers["case"]["inner"]["n"] = 99
    seen = play.item("b").variables
    seen["case"]["inner"]["n"] = 98
    play.variables["case"]["inner"]["n"] = 97
    assert play.variables == {"case": {"inner": {"n": 1}}}
    play.complete("b", {"case": {"inner": {"n": 2}}})
    assert [facts["values"] for facts in play.facts("variables:set")] == [
        {"case": {"inner": {"n": 1}}},
        {"case": {"inner": {"n": 2}}},
    ]


def test_parallel_branches_both_append() -> None:
    play = Play(
        bundle(
            process(
                "p",
                start(),
                el("parallelGateway", "f"),
                user("a", ext=io(outputs={"list": "=append(list, said)"})),
                user("b", ext=io(outputs={"list": "=append(list, said)"})),
                el("parallelGateway", "j"),
                user("c"),
                chain("s f a j c"),
                chain("f b j"),
            )
        )
    ).start({"list": ["x"]})
    play.complete("a", {"said": "1"}).complete("b", {"said": "2"})
    assert play.variables == {"list": ["x", "1", "2"]}


def test_parallel_branches_keep_each_others_results() -> None:
    play = Play(
        bundle(
            process(
                "p",
                start(),
                el("parallelGateway", "f"),
                user("a"),
                user("b"),
                el("parallelGateway", "j"),
                user("c"),
                chain("s f a j c"),
                chain("f b j"),
            )
        )
    ).start({"shared": 0})
    play.complete("a", {"left": 1, "shared": 1}).complete("b", {"right": 2})
    assert play.variables == {"shared": 1, "left": 1, "right": 2}


def test_inputs_are_local_and_see_earlier_ones() -> None:
    mapping = io({"n": "=x + 1", "deep.er": "=n * 2", "deep.text": "as it is", "list": "=[n]"})
    play = Play(bundle(process("p", start(), job("j", ext=mapping), end(), chain("s j e")))).start({"x": 1})
    assert play.item("j").inputs == {"n": 2, "deep": {"er": 4, "text": "as it is"}, "list": [2]}
    assert play.item("j").variables == {"x": 1, **play.item("j").inputs}
    play.complete("j", {"n": 7, "out": 8})
    assert play.variables == {"x": 1, "out": 8}  # n was local, as in Camunda 8


def test_without_mapping_a_job_gets_everything_it_sees() -> None:
    play = Play(bundle(process("p", start(), job("j"), end(), chain("s j e")))).start({"x": 1})
    assert play.item("j").inputs == {"x": 1}


def test_outputs_keep_the_rest_local() -> None:
    mapping = io(outputs={"person.name": "=name", "seen": "=x"})
    play = Play(bundle(process("p", start(), user("a", ext=mapping), user("b"), chain("s a b"))))
    play.start({"x": 1, "person": {"age": 7}}).complete("a", {"name": "李四", "secret": 1})
    assert play.variables == {"x": 1, "person": {"age": 7, "name": "李四"}, "seen": 1}


def test_sub_process_inputs_are_its_scope() -> None:
    inner = el(
        "subProcess",
        "u",
        start("us"),
        user("a"),
        user("b"),
        chain("us a b"),
        ext=io({"local": "=x"}, {"result": "=local"}),
    )
    play = Play(bundle(process("p", start(), inner, user("c"), chain("s u c")))).start({"x": 1})
    assert play.item("a").variables == {"x": 1, "local": 1}
    assert play.item("a").path == ("u",)
    play.complete("a", {"local": 5, "outside": 6})
    assert play.variables == {"x": 1, "outside": 6}
    play.complete("b")
    assert play.variables == {"x": 1, "outside": 6, "result": 5}


@pytest.mark.parametrize(
    ("options", "seen", "after"),
    [
        ({}, {"x": 1, "given": 2, "from": "p"}, {"x": 9, "from": "p", "new": 3}),
        ({"propagateAllChildVariables": "false"}, {"x": 1, "given": 2, "from": "p"}, {"x": 1, "from": "p"}),
        ({"propagateAllParentVariables": "false"}, {"given": 2}, {"x": 9, "from": "p", "new": 3}),
    ],
)
def test_call_activity_propagation(options: dict[str, str], seen: dict[str, Any], after: dict[str, Any]) -> None:
    call = el("callActivity", "c", ext=z("calledElement", processId="q", **options) + io({"given": "=x + 1"}))
    play = Play(
        bundle(
            process("p", start(), call, user("b"), chain("s c b")),
            process("q", start("qs"), user("a"), chain("qs a")),
        )
    ).start({"x": 1, "from": "p"})
    assert play.item("a").variables == seen
    play.complete("a", {"x": 9, "new": 3})
    assert play.variables == after


def test_call_activity_outputs_replace_propagation() -> None:
    call = el("callActivity", "c", ext=z("calledElement", processId="q") + io(outputs={"got": "=inside"}))
    play = Play(
        bundle(
            process("p", start(), call, user("b"), chain("s c b")),
            process("q", start("qs"), user("a"), chain("qs a")),
        )
    ).start()
    assert play.complete("a", {"inside": 1, "other": 2}).variables == {"got": 1}


def test_a_called_process_gives_back_only_what_it_wrote() -> None:
    """Handing all variables back would undo what a parallel branch wrote in the meantime."""
    call = el("callActivity", "c", ext=z("calledElement", processId="q"))
    play = Play(
        bundle(
            process("p", start(), call, user("b"), chain("s c"), chain("s b")),
            process("q", start("qs"), user("a"), chain("qs a")),
        )
    ).start({"x": 1, "y": 1})
    play.complete("b", {"x": 2}).complete("a", {"y": 5})
    assert play.variables == {"x": 2, "y": 5}


@pytest.mark.parametrize("sequential", [False, True])
def test_multi_instance_collects_in_the_order_of_the_items(sequential: bool) -> None:
    rounds = multi("=items", "item", sequential=sequential, outputCollection="results", outputElement="=answer")
    play = Play(bundle(process("p", start(), user("a", rounds), user("b"), chain("s a b"))))
    play.start({"items": ["x", "y"], "answer": "kept"})
    if sequential:
        assert play.item("a").variables["item"] == "x"
        play.complete("a", {"answer": 1}).complete("a", {"answer": 2})
    else:
        assert [w.variables["loopCounter"] for w in play.waiting] == [1, 2]
        play.complete("a#2", {"answer": 2}).complete("a", {"answer": 1})
    assert play.variables == {"items": ["x", "y"], "answer": "kept", "results": [1, 2]}


def test_multi_instance_output_may_be_computed_and_mapped() -> None:
    rounds = multi("=items", "item", outputCollection="results", outputElement="={item: item, sum: item + n}")
    task = user("a", rounds, ext=io({"n": "=item * 10"}, {"last": "=item"}))
    play = Play(bundle(process("p", start(), task, user("b"), chain("s a b")))).start({"items": [1, 2]})
    play.complete("a").complete("a")
    assert play.variables == {
        "items": [1, 2],
        "last": 2,
        "results": [{"item": 1, "sum": 11}, {"item": 2, "sum": 22}],
    }


def test_multi_instance_sub_process_has_a_scope_each() -> None:
    rounds = multi("=items", "item", outputCollection="out", outputElement="=kept")
    inner = el("subProcess", "u", rounds, start("us"), user("a"), user("b"), chain("us a b"))
    play = Play(bundle(process("p", start(), inner, user("c"), chain("s u c")))).start({"items": [1, 2]})
    play.complete("a", {"kept": "one"}).complete("a", {"kept": "two"})
    assert [w.variables["kept"] for w in play.waiting] == ["one", "two"]
    play.complete("b").complete("b")
    assert play.variables == {"items": [1, 2], "out": ["one", "two"]}


def test_nested_multi_instance() -> None:
    inner_rounds = multi("=row", "cell", outputCollection="cells", outputElement="=cell * factor")
    outer_rounds = multi("=rows", "row", outputCollection="all", outputElement="=cells")
    task = script("a", "=1", "ignored").replace("</bpmn:scriptTask>", inner_rounds + "</bpmn:scriptTask>")
    inner = el("subProcess", "u", outer_rounds, start("us"), task, chain("us a"))
    play = Play(bundle(process("p", start(), inner, user("c"), chain("s u c"))))
    play.start({"rows": [[1, 2], [3]], "factor": 2})
    assert play.waits == "c"
    assert play.variables["all"] == [[2, 4], [6]]


def test_standard_loop_counts() -> None:
    task = user("a", loop("=loopCounter < 3"))
    play = Play(bundle(process("p", start(), task, user("b"), chain("s a b")))).start()
    for expected in (1, 2, 3):
        assert play.item("a").variables["loopCounter"] == expected
        play.complete("a")
    assert play.waits == "b"


def test_a_message_brings_variables_through_the_mapping() -> None:
    catch = el("intermediateCatchEvent", "m", event("message", "M"), ext=io(outputs={"got": "=body.text"}))
    play = Play(bundle(process("p", start(), catch, user("a"), chain("s m a")), message("M", "mail")))
    play.start({"key": 12}).deliver("m", {"body": {"text": "hello"}})
    assert play.variables == {"key": 12, "got": "hello"}


def test_dates_and_durations_become_text() -> None:
    task = script(
        "c",
        '={d: date("2026-01-31"), l: duration("P2D"), t: date and time("2026-01-31T10:00:00+08:00")}',
        "v",
    )
    play = Play(bundle(process("p", start(), task, user("a"), chain("s c a")))).start()
    assert play.variables["v"]["d"] == "2026-01-31"
    assert play.variables["v"]["l"] == "P2D"
    assert datetime.fromisoformat(play.variables["v"]["t"]) == datetime(2026, 1, 31, 2, tzinfo=UTC)


def test_python_values_become_json() -> None:
    play = play_one({"d": date(2026, 1, 31), "m": Decimal("12.30"), "t": (1, 2)})
    assert play.variables == {"d": "2026-01-31", "m": "12.30", "t": [1, 2]}


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, object(), {1: "key"}, b"bytes", "a\0", "\ud800", {"\0": 1}, ENDLESS]
)
def test_what_json_cannot_carry_is_refused_and_nothing_is_lost(value: Any) -> None:
    play = play_one()
    with pytest.raises(RuntimeProblem):
        play.complete("a", {"v": value})
    assert play.run is not None
    assert play.waits == "a"


def test_set_variables_writes_where_the_name_is() -> None:
    inner = el("subProcess", "u", start("us"), user("a"), chain("us a"), ext=io({"local": "=1"}))
    play = Play(bundle(process("p", start(), inner, chain("s u")))).start({"x": 1})
    play.set({"local": 2, "x": 2, "new": 2}, at="a")
    assert play.variables == {"x": 2, "new": 2}
    assert play.item("a").variables["local"] == 2
    assert play.set({"x": 3}).variables["x"] == 3


def test_python_from_a_diagram_is_never_run() -> None:
    """What the library would evaluate as Python is FEEL here, or text."""
    task = user("a", ext=io({"x": "__import__('os').getcwd()", "y": '=string length("abc")'}))
    play = Play(bundle(process("p", start(), task, chain("s a")))).start()
    assert play.item("a").variables == {"x": "__import__('os').getcwd()", "y": 3}
    engine = play.run._case.top.script_engine  # type: ignore[union-attr]  # looking inside on purpose
    for call in (lambda: engine.evaluate(None, "1+1"), lambda: engine.execute(None, "x=1")):
        with pytest.raises(Exception, match="FEEL"):
            call()
