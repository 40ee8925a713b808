"""What goes wrong stops its own branch, says why, and can be tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.runtime import UnknownItem, UnknownProcess, UnreadableState, WrongKind
from tests.engine.drawing import (
    boundary,
    chain,
    el,
    end,
    error,
    event,
    flow,
    io,
    job,
    message,
    multi,
    process,
    script,
    start,
    timer,
    until,
    user,
    z,
)
from tests.engine.play import NOW, Play, bundle

BOTH = pytest.mark.parametrize("keep_history", [False, True], ids=["compacted", "uncompacted"])


def gateway(keep_history: bool = False) -> Play:
    return Play(
        bundle(
            process(
                "p",
                start(),
                el("parallelGateway", "f"),
                el("exclusiveGateway", "g"),
                user("a"),
                user("b"),
                user("w"),
                chain("s f g"),
                chain("f w"),
                flow("g", "a", "=amount > 500", "over"),
                flow("g", "b", "=amount <= 500", "under"),
            )
        ),
        keep_history=keep_history,
    )


@BOTH
def test_a_condition_that_is_not_boolean_is_an_incident_of_its_branch(keep_history: bool) -> None:
    play = gateway(keep_history).start({"other": 1})
    assert play.waits == "!g w"
    cause = play.item("g").cause
    assert "over" in cause
    assert "=amount > 500" in cause
    assert "amount=空" in cause
    play.complete("w")
    play.set({"amount": 700}).retry("g")
    assert play.waits == "a"
    assert play.events("incident:raised", "incident:resolved") == ["incident:raised g", "incident:resolved g"]


def test_no_true_branch_is_an_incident() -> None:
    play = gateway().start({"amount": None})
    assert play.waits == "!g w"
    other = Play(
        bundle(
            process(
                "p",
                start(),
                el("exclusiveGateway", "g"),
                user("a"),
                user("b"),
                chain("s g"),
                flow("g", "a", "=x = 1"),
                flow("g", "b", "=x = 2"),
            )
        )
    ).start({"x": 3})
    assert other.waits == "!g"
    assert "没有一个条件成立" in other.item("g").cause
    assert "x=3" in other.item("g").cause


def test_a_retry_that_fails_again_is_a_new_incident() -> None:
    play = gateway().start()
    first = play.item("g").id
    play.retry("g")
    assert play.item("g").id != first
    with pytest.raises(UnknownItem):
        play._restored().retry(first)


BROKEN = {
    "input mapping": (user("a", ext=io({"x": "=nosuch(1)"})), "输入映射"),
    "job type": (job("a", kind="=missing"), "作业类型"),
    "retries": (
        job("a", kind='="k"').replace('type="=&quot;k&quot;"', 'type="k" retries="many"'),
        "重试次数",
    ),
    "due date": (user("a", ext=z("taskSchedule", dueDate="next week")), "办理期限"),
    "priority": (user("a", ext=z("priorityDefinition", priority="=101")), "优先级"),
    "groups": (user("a", ext=z("assignmentDefinition", candidateGroups="=12")), "候选组"),
    "collection": (user("a", multi("=nothing")), "输入集合"),
    "called process": (el("callActivity", "a", ext=z("calledElement", processId="lost")), "没有流程“lost”"),
    "decision": (
        el("businessRuleTask", "a", ext=z("calledDecision", decisionId="lost", resultVariable="r")),
        "没有决策“lost”",
    ),
    "script": (script("a", "=if", "r"), "脚本"),
    "date timer": (
        el(
            "intermediateCatchEvent",
            "a",
            timer("=when", "timeDate"),
        ),
        "定时",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_failing_expression_names_its_field_and_can_be_retried(name: str) -> None:
    element, words = BROKEN[name]
    play = Play(bundle(process("p", start(), element, user("w"), chain("s a"), chain("s w")))).start()
    assert play.waits == "!a w"
    assert words in play.item("a").cause
    play.complete("w")
    assert play.waits == "!a"
    assert play.retry("a").waits == "!a"


def test_a_boundary_timer_that_cannot_be_computed_stops_its_activity() -> None:
    task = user("a") + boundary("t", "a", timer("=wait"))
    play = Play(bundle(process("p", start(), task, user("b"), chain("s a"), chain("t b")))).start()
    assert play.waits == "!a"
    assert play.set({"wait": "PT1H"}).retry("a").waits == "a timer:t"


def test_a_failed_entry_leaves_nothing_behind() -> None:
    task = user("a", ext=io({"kept": "=1"})) + boundary("t", "a", timer("P1D")) + boundary("u", "a", timer("=w"))
    play = Play(bundle(process("p", start(), task, user("b"), chain("s a"), chain("t b"), chain("u b"))))
    play.start()
    assert play.item("a").variables == {}
    play.set({"w": "P2D"}).retry("a")
    assert play.waits == "a timer:t timer:u"


@BOTH
def test_results_survive_an_output_mapping_that_fails(keep_history: bool) -> None:
    task = job("j", ext=io(outputs={"out": "=said + factor(1)"}))
    play = Play(bundle(process("p", start(), task, user("b"), chain("s j b"))), keep_history=keep_history)
    play.start().complete("j", {"said": 5})
    assert play.waits == "!j"
    play.retry("j")
    assert play.waits == "!j"


def test_output_mapping_is_repeated_with_the_kept_results() -> None:
    task = job("j", ext=io(outputs={"out": "=number(said) + limit.amount"}))
    conditional = flow("j", "b", "=out > 10")
    play = Play(bundle(process("p", start(), task, user("b"), chain("s j"), conditional))).start()
    play.complete("j", {"said": "5"})
    assert play.waits == "!j"  # the mapping gave null, so the condition is not boolean
    play.set({"out": 15}).retry("j")
    assert play.waits == "b"


def test_a_failing_completion_condition_stops_the_loop() -> None:
    task = user("a", multi("=items", "item", until("=enough")))
    play = Play(bundle(process("p", start(), task, user("b"), chain("s a b")))).start({"items": [1, 2, 3]})
    play.complete("a")
    assert play.waits == "!a a a"
    assert "完成条件" in play.item("a", "incident").cause
    play.set({"enough": False}).retry("a")
    assert play.waits == "a a"
    play.set({"enough": True}).complete("a")
    assert play.waits == "b"


def test_an_incident_in_one_round_leaves_the_others() -> None:
    groups = z("assignmentDefinition", candidateGroups="=item.group")
    task = user("a", multi("=items", "item"), ext=groups)
    play = Play(bundle(process("p", start(), task, user("b"), chain("s a b"))))
    play.start({"items": [{"group": "客服部"}, {"group": 12}]})
    assert play.waits == "!a a"
    assert play.complete("a#1" if play.waiting[0].kind == "user_task" else "a#2").waits == "!a"
    play.set({"item": {"group": ["采购部"]}}, at="a").retry("a")
    assert play.item("a").candidate_groups == ("采购部",)
    assert play.complete("a").waits == "b"


def test_an_event_sub_process_that_cannot_listen() -> None:
    listener = el(
        "subProcess",
        "v",
        el("startEvent", "vs", event("message", "M"), isInterrupting="false"),
        user("c"),
        chain("vs c"),
        triggeredByEvent="true",
    )
    play = Play(bundle(process("p", start(), user("a"), chain("s a"), listener), message("M", "m", "=deep.key")))
    play.start()
    assert play.waits == "!v a"
    play.set({"deep": {"key": "k"}}).retry("v")
    assert play.waits == "a msg:v"


def test_an_error_nobody_catches_waits_for_a_mended_diagram() -> None:
    play = Play(
        bundle(process("p", start(), end("e", event("error", "E")), chain("s e")), error("E", "broken"))
    ).start()
    assert play.item("e").cause == "错误“broken”没有被捕获。"


def endless(*tasks: str) -> str:
    return process(
        "p",
        start(),
        el("exclusiveGateway", "m"),
        *tasks,
        el("exclusiveGateway", "x", default="x__m"),
        end(),
        user("w"),
        chain("s m t x"),
        chain("s w"),
        flow("x", "m"),
        flow("x", "e", "=stop = true"),
    )


@BOTH
def test_an_endless_loop_is_an_incident(keep_history: bool) -> None:
    play = Play(bundle(endless(el("task", "t"))), step_budget=300, keep_history=keep_history).start({"stop": False})
    assert len(play.waiting) == 2
    incident = next(item for item in play.waiting if item.kind == "incident")
    assert "300" in incident.cause
    assert play.complete("w").waits == f"!{incident.element_id}"
    assert play.set({"stop": True}).retry(incident.element_id).waits == "done"


def test_the_time_budget_holds_too() -> None:
    play = Play(bundle(endless(el("task", "t"))), time_budget=timedelta(0)).start({"stop": False})
    assert any(item.kind == "incident" for item in play.waiting)


def test_a_process_that_calls_itself_stops() -> None:
    call = el("callActivity", "c", ext=z("calledElement", processId="p"))
    play = Play(bundle(process("p", start(), call, end(), chain("s c e")))).start()
    assert play.waits == "!c"
    assert "调用自己" in play.item("c").cause
    assert len(play.item("c").path) == 60


def test_a_join_that_nothing_can_reach_any_more_is_seen() -> None:
    play = Play(
        bundle(
            process(
                "p",
                start(),
                el("exclusiveGateway", "g", default="g__b"),
                user("a"),
                user("b"),
                el("parallelGateway", "j"),
                end(),
                chain("s g"),
                flow("g", "a", "=false"),
                flow("g", "b"),
                chain("a j e"),
                chain("b j"),
            )
        )
    ).start()
    play.complete("b")
    assert play.waits == "!j"
    assert "a__j" in play.item("j").cause
    assert not play.item("j").retryable


def test_commands_on_what_is_not_there() -> None:
    play = Play(bundle(process("p", start(), user("a"), chain("s a")))).start()
    run = play._restored()
    with pytest.raises(UnknownItem):
        run.complete("999", {})
    for command in (run.fire, run.retry):
        with pytest.raises(WrongKind):
            command(play.item("a").id)
    with pytest.raises(WrongKind):
        run.deliver(play.item("a").id, {})
    with pytest.raises(UnknownProcess):
        play.runtime.start(play.files, "nothing", {}, now=NOW)
    with pytest.raises(UnknownProcess):
        play.runtime.start(play.files, "p", {}, now=NOW, start_event="a")


@pytest.mark.parametrize("state", [b"", b"nonsense", b"x\x9c\xcb\xccM,*IN\x05\x00\x0b\x92\x02\xe3"])
def test_a_damaged_state_is_refused(state: bytes) -> None:
    play = Play(bundle(process("p", start(), user("a"), chain("s a")))).start()
    with pytest.raises(UnreadableState):
        play.runtime.restore(play.files, state, now=NOW)


def test_a_state_is_not_restored_with_another_bundle() -> None:
    play = Play(bundle(process("p", start(), user("a"), chain("s a")))).start()
    other = bundle(process("p", start(), user("a"), user("b"), chain("s a b")))
    with pytest.raises(UnreadableState):
        play.runtime.restore(other, play.state, now=NOW)


def test_cancelling_a_case() -> None:
    play = Play(
        bundle(
            process(
                "p",
                start(),
                user("a"),
                boundary("t", "a", timer("P1D")),
                chain("s a"),
                chain("s b"),
                user("b"),
            )
        )
    )
    play.start()
    play.cancel()
    assert play.waits == "done"
    assert play.run is not None
    assert play.run.cancelled
    assert play.events("element:cancelled", "case:cancelled") == [
        "element:cancelled a",
        "element:cancelled b",
        "case:cancelled ",
    ]
