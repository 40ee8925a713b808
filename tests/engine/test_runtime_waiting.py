"""What a waiting item and the journal's facts say."""

# ruff: noqa: E501 - a drawing or a table reads best as a line

from __future__ import annotations

from engine.runtime import Thrown
from tests.engine.drawing import (
    boundary,
    chain,
    el,
    end,
    error,
    escalation,
    event,
    flow,
    io,
    job,
    lanes,
    message,
    multi,
    process,
    signal,
    start,
    timer,
    user,
    z,
)
from tests.engine.play import Play, bundle


def test_a_user_task_says_all_about_itself() -> None:
    task = user(
        "a",
        ext=z("formDefinition", formId='="retail." + kind')
        + z(
            "assignmentDefinition",
            assignee="=who",
            candidateGroups='=["客服部", "采购部"]',
            candidateUsers="wang，li, zhao",
        )
        + z("priorityDefinition", priority="=70 + 5")
        + z("taskHeaders", z("header", key="hint", value="看仔细")),
        name="核实",
    )
    play = Play(bundle(process("p", lanes(接待部门="a"), start(), task, chain("s a")))).start(
        {"kind": "x", "who": "wang"}
    )
    item = play.item("a")
    assert (item.form_id, item.assignee, item.priority) == ("retail.x", "wang", 75)
    assert item.candidate_groups == ("客服部", "采购部")
    assert item.candidate_users == ("wang", "li", "zhao")
    assert (item.element_name, item.element_type, item.lane) == ("核实", "userTask", "接待部门")
    assert item.headers == {"hint": "看仔细"}
    assert item.due is None


def test_candidate_groups_default_to_the_lane() -> None:
    play = Play(bundle(process("p", lanes(客服部="a"), start(), user("a"), chain("s a")))).start()
    assert play.item("a").candidate_groups == ("客服部",)


def test_a_called_process_without_lanes_is_in_the_callers_lane() -> None:
    call = el("callActivity", "c", ext=z("calledElement", processId="q"))
    play = Play(
        bundle(
            process("p", lanes(防损部="c"), start(), call, chain("s c")),
            process("q", start("qs"), el("subProcess", "u", start("us"), user("a"), chain("us a")), chain("qs u")),
        )
    ).start()
    item = play.item("a")
    assert (item.lane, item.candidate_groups, item.path, item.process_id) == (
        "防损部",
        ("防损部",),
        ("c", "u"),
        "q",
    )


def test_a_job_says_all_about_itself() -> None:
    task = el(
        "serviceTask",
        "j",
        ext=z("taskDefinition", type="=verb", retries="5")
        + z("taskHeaders", z("header", key="template", value="receipt"))
        + io({"amount": "=x"}),
    )
    play = Play(bundle(process("p", start(), task, chain("s j")))).start({"verb": "render_document", "x": "12.00"})
    item = play.item("j")
    assert (item.type, item.retries, item.headers) == ("render_document", 5, {"template": "receipt"})
    assert item.inputs == {"amount": "12.00"}


def test_what_waits_names_what_it_guards() -> None:
    inner = el("subProcess", "u", start("us"), user("a"), chain("us a"))
    listener = el(
        "subProcess",
        "v",
        el("startEvent", "vs", event("signal", "S"), isInterrupting="false"),
        triggeredByEvent="true",
    )
    nested = inner.replace("</bpmn:subProcess>", listener + "</bpmn:subProcess>")
    play = Play(
        bundle(
            process("p", start(), nested, boundary("t", "u", timer("P1D")), end(), chain("s u"), chain("t e")),
            signal("S", "alarm"),
        )
    ).start()
    assert play.waits == "a sig:v timer:t"
    assert play.item("t").parent_id == play.item("v").parent_id
    assert play.item("t").path == ()
    assert play.item("v").path == ("u",)
    assert (play.item("t").interrupting, play.item("v").interrupting) == (True, False)
    assert play.item("a").parent_id is None


def test_ids_are_stable_and_never_used_again() -> None:
    task = user("a") + boundary("t", "a", timer("R/PT1H", "timeCycle"), interrupting=False)
    play = Play(bundle(process("p", start(), task, user("b"), user("c"), chain("s a c"), chain("t b")))).start()
    seen = {item.id for item in play.waiting}
    kept = play.item("a").id, play.item("t").id
    play.fire("t").fire("t")
    assert (play.item("a").id, play.item("t").id) == kept
    new = {item.id for item in play.waiting} - seen
    assert len(new) == 2
    play.complete("a")
    assert play.item("c").id not in seen | new


def test_messages_and_signals_thrown() -> None:
    publish = z("publishMessage", correlationKey="=number", messageId="=id", timeToLive="PT1H")
    play = Play(
        bundle(
            process(
                "p",
                start(),
                el(
                    "intermediateThrowEvent",
                    "t",
                    event("message", "M"),
                    ext=publish + io({"text": "=greeting"}),
                ),
                el("sendTask", "d", ext=z("publishMessage", correlationKey="k"), messageRef="M"),
                end("e", event("signal", "S"), ext=io({"level": "=3"})),
                chain("s t d e"),
            ),
            message("M", "=name"),
            signal("S", "alarm"),
        )
    ).start({"number": 7, "id": "x1", "greeting": "您好", "name": "reply"})
    assert play.waits == "done"
    assert play.thrown == [
        Thrown("message", "reply", "7", {"text": "您好"}, "t", "x1", "PT1H"),
        Thrown("message", "reply", "k", {}, "d"),
        Thrown("signal", "alarm", "", {"level": 3}, "e"),
    ]
    assert play.events("message:thrown", "signal:thrown") == [
        "message:thrown t",
        "message:thrown d",
        "signal:thrown e",
    ]


def test_correlation_keys_are_text() -> None:
    catch = el("intermediateCatchEvent", "m", event("message", "M"))
    for value, key in ((7, "7"), (7.0, "7"), ("abc", "abc")):
        play = Play(bundle(process("p", start(), catch, chain("s m")), message("M", "mail"))).start({"key": value})
        assert (play.item("m").message_name, play.item("m").correlation_key) == ("mail", key)
    for value in (None, "", True, {"a": 1}):
        play = Play(bundle(process("p", start(), catch, chain("s m")), message("M", "mail"))).start({"key": value})
        assert play.waits == "!m"


def test_a_signal_waits_by_its_name_and_brings_variables() -> None:
    catch = el("intermediateCatchEvent", "g", event("signal", "S"))
    play = Play(bundle(process("p", start(), catch, user("a"), chain("s g a")), signal("S", "=n"))).start(
        {"n": "alarm"}
    )
    assert play.item("g").signal_name == "alarm"
    assert play.deliver("g", {"level": 2}).variables == {"n": "alarm", "level": 2}


def test_an_error_brings_variables_to_what_catches_it() -> None:
    play = Play(
        bundle(
            process(
                "p",
                start(),
                job("j"),
                boundary("x", "j", event("error", "E"), ext=io(outputs={"why": "=reason"})),
                user("a"),
                chain("s j"),
                chain("x a"),
            ),
            error("E", "broken"),
        )
    ).start()
    assert play.error("j", "broken", {"reason": "no paper"}).variables == {"why": "no paper"}
    assert play.facts("error:thrown") == [{"code": "broken", "message": ""}]


def test_the_journal_tells_the_way() -> None:
    play = Play(
        bundle(
            process(
                "p",
                start(),
                user("a"),
                el("exclusiveGateway", "g", default="g__c"),
                user("b"),
                user("c"),
                chain("s a g"),
                flow("g", "b", "=amount > bounds.most and count([bounds]) > 0"),
                flow("g", "c"),
            )
        )
    ).start({"bounds": {"most": 500, "text": "x" * 500}})
    item = play.item("a").id
    play.complete("a", {"amount": 700})
    assert play.events() == [
        "case:started ",
        "element:completed s",
        "element:entered a",
        "variables:set a",
        "element:completed a",
        "flow:taken g",
        "element:completed g",
        "element:entered b",
    ]
    assert play.facts("element:completed", "a") == [{"item": item}]
    assert play.facts("variables:set") == [{"scope": "", "values": {"amount": 700}}]
    (taken,) = play.facts("flow:taken")
    assert taken["flows"] == ["g__b"]
    assert (taken["condition"], taken["result"]) == ("=amount > bounds.most and count([bounds]) > 0", True)
    assert (taken["values"]["amount"], taken["values"]["bounds.most"]) == (700, 500)
    assert len(taken["values"]["bounds"]) < 150


def test_the_default_flow_is_explained() -> None:
    play = Play(
        bundle(
            process(
                "p",
                start(),
                el("exclusiveGateway", "g", default="g__b"),
                user("a"),
                user("b"),
                chain("s g"),
                flow("g", "a", "=x > 1"),
                flow("g", "b"),
            )
        )
    ).start({"x": 1})
    assert play.facts("flow:taken") == [{"flows": ["g__b"], "condition": "=x > 1", "values": {"x": 1}, "result": False}]


def test_the_journal_tells_what_was_cancelled() -> None:
    inner = el("subProcess", "u", start("us"), user("a"), user("b", multi("=[1, 2]")), chain("us a"), chain("us b"))
    play = Play(
        bundle(process("p", start(), inner, boundary("t", "u", timer("P1D")), user("c"), chain("s u"), chain("t c")))
    ).start()
    play.complete("b").fire("t")
    assert sorted(play.events("element:cancelled")) == [
        "element:cancelled a",
        "element:cancelled b",
        "element:cancelled b",
        "element:cancelled u",
    ]
    assert play.events("timer:fired") == ["timer:fired t"]


def test_an_escalation_nobody_catches_is_noted() -> None:
    throw = el("intermediateThrowEvent", "t", event("escalation", "X"))
    play = Play(bundle(process("p", start(), throw, user("a"), chain("s t a")), escalation("X", "late"))).start()
    assert play.facts("escalation:thrown") == [{"code": "late", "caught": False}]


DECISION = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="http://test">
  <decision id="grade" name="分级"><decisionTable id="t" hitPolicy="UNIQUE">
    <input id="i1" label="金额"><inputExpression id="ie1" typeRef="number"><text>amount</text></inputExpression></input>
    <output id="o1" name="grade" typeRef="string"/>
    <rule id="r1"><inputEntry id="a1"><text>&gt; 500</text></inputEntry><outputEntry id="b1"><text>"major"</text></outputEntry></rule>
    <rule id="r2"><inputEntry id="a2"><text>&lt;= 500</text></inputEntry><outputEntry id="b2"><text>"minor"</text></outputEntry></rule>
  </decisionTable></decision></definitions>"""


def test_a_decision_is_taken_and_journalled() -> None:
    task = el("businessRuleTask", "d", ext=z("calledDecision", decisionId="grade", resultVariable="result"))
    files = bundle(process("p", start(), task, user("a"), chain("s d a")), decisions={"grade.dmn": DECISION.encode()})
    play = Play(files).start({"amount": 700})
    assert play.variables == {"amount": 700, "result": "major"}
    (facts,) = play.facts("decision:evaluated", "d")
    assert "r1" in str(facts)
