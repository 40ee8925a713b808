"""What is wrong with a diagram is found when it is read, each by its name, at its element."""

# ruff: noqa: E501 - a row of the table reads best as a line

from __future__ import annotations

import pytest

from engine.dialect import Diagram, Expression, IoMapping, read
from tests.engine.drawing import (
    boundary,
    chain,
    diagram,
    el,
    end,
    error,
    escalation,
    event,
    flow,
    io,
    job,
    lanes,
    link,
    loop,
    message,
    multi,
    process,
    script,
    signal,
    start,
    timer,
    user,
    z,
)


def drawn(*parts: str) -> Diagram:
    return read("p.bpmn", diagram(*parts))


def around(element: str, *roots: str) -> tuple[str, ...]:
    """A process s -> x -> e with the element x in it."""
    return (process("p", start(), element, end(), chain("s x e")), *roots)


SPLIT = el("exclusiveGateway", "x")
TWO_ENDS = end("e2") + flow("x", "e2")

WRONG: dict[str, tuple[tuple[str, ...], str, str]] = {
    # elements outside the dialect
    "complex gateway": (around(el("complexGateway", "x")), "x", "unsupported-element"),
    "transaction": (around(el("transaction", "x", start("xs"))), "x", "unsupported-element"),
    "ad hoc sub-process": (around(el("adHocSubProcess", "x", start("xs"))), "x", "unsupported-element"),
    "unknown element": (around(el("teaTime", "x")), "x", "unsupported-element"),
    "choreography": ((process("p", start(), end(), chain("s e")), el("choreography", "c")), "c", "unsupported-element"),
    "compensation activity": (around(el("task", "x", isForCompensation="true")), "x", "unsupported-compensation"),
    "compensation throw": (around(el("intermediateThrowEvent", "x", event("compensate"))), "x", "unsupported-event"),
    "compensation end": ((process("p", start(), end("x", event("compensate")), chain("s x")),), "x", "unsupported-event"),
    "compensation boundary": (
        (process("p", start(), user("a"), boundary("x", "a", event("compensate")), chain("s a")),),
        "x",
        "unsupported-event",
    ),
    "conditional catch": (around(el("intermediateCatchEvent", "x", event("conditional"))), "x", "unsupported-event"),
    "conditional start": ((process("p", start("x", event("conditional")), end(), chain("x e")),), "x", "unsupported-event"),
    "cancel end": ((process("p", start(), end("x", event("cancel")), chain("s x")),), "x", "unsupported-event"),
    "multiple event": (
        around(el("intermediateCatchEvent", "x", timer("PT1H"), event("signal", "S")), signal("S", "s")),
        "x",
        "multiple-events",
    ),
    "referenced event definition": (
        around(el("intermediateThrowEvent", "x", "<bpmn:eventDefinitionRef>q</bpmn:eventDefinitionRef>")),
        "x",
        "unsupported-event",
    ),
    "data store": (
        around(
            el("dataStoreReference", "d")
            + el("task", "x", el("dataInputAssociation", "di", "<bpmn:sourceRef>d</bpmn:sourceRef>"))
        ),
        "x",
        "unsupported-data-store",
    ),
    "start quantity": (around(el("task", "x", startQuantity="2")), "x", "unsupported-attribute"),
    "potential owner": (around(user("x", el("potentialOwner", "po"))), "x", "unsupported-part"),
    "execution listener": (around(user("x", ext=z("executionListeners"))), "x", "unsupported-extension"),
    "task listener": (around(user("x", ext=z("taskListeners"))), "x", "unsupported-extension"),
    "process listener": (
        (process("p", start(), end(), chain("s e"), ext=z("executionListeners")),),
        "p",
        "unsupported-extension",
    ),
    "unknown extension": (around(user("x", ext=z("teaTime"))), "x", "unsupported-extension"),
    "misplaced extension": (around(el("manualTask", "x", ext=z("taskDefinition", type="y"))), "x", "misplaced-extension"),
    "version tag binding": (
        around(el("callActivity", "x", ext=z("calledElement", processId="q", bindingType="versionTag"))),
        "x",
        "unsupported-binding",
    ),
    "Camunda 7 form data": (
        around(
            user("x", ext='<c:formData xmlns:c="http://camunda.org/schema/1.0/bpmn"/>'),
        ),
        "x",
        "foreign-extension",
    ),
    "Camunda 7 attribute": (
        around('<bpmn:userTask xmlns:c="http://camunda.org/schema/1.0/bpmn" id="x" c:assignee="demo"/>'),
        "x",
        "foreign-extension",
    ),
    "SpiffWorkflow script": (
        around(user("x", ext='<s:preScript xmlns:s="http://spiffworkflow.org/bpmn/schema/1.0/core"/>')),
        "x",
        "foreign-extension",
    ),
    "embedded form": (
        around(user("x", ext=z("formDefinition", formKey="camunda-forms:bpmn:f"))),
        "x",
        "unsupported-form",
    ),
    "Python script": (around(el("scriptTask", "x", "<bpmn:script>print(1)</bpmn:script>", ext=z("script", expression="=1", resultVariable="r"))), "x", "unsupported-script"),
    "receive task that instantiates": (
        around(el("receiveTask", "x", messageRef="M", instantiate="true"), message("M", "m")),
        "x",
        "unsupported-instantiate",
    ),
    "parallel event gateway": (
        around(el("eventBasedGateway", "x", eventGatewayType="Parallel")),
        "x",
        "unsupported-gateway",
    ),
    "condition in another language": (
        (
            process(
                "p",
                start(),
                end(),
                '<bpmn:sequenceFlow id="f" sourceRef="s" targetRef="e"><bpmn:conditionExpression language="python">'
                "=x</bpmn:conditionExpression></bpmn:sequenceFlow>",
            ),
        ),
        "f",
        "unsupported-language",
    ),
    # ids and references
    "duplicate id": ((process("p", start(), user("s"), chain("s s")),), "s", "duplicate-id"),
    "no id": ((process("p", start(), "<bpmn:userTask/>", end(), chain("s e")),), "", "id-missing"),
    "flow to nowhere": ((process("p", start(), chain("s lost")),), "s__lost", "unknown-reference"),
    "flow across a sub-process": (
        (process("p", start(), el("subProcess", "u", start("us"), user("a"), chain("us a")), chain("s u"), flow("s", "a")),),
        "s__a",
        "flow-crosses-scope",
    ),
    "default flow of another": (around(el("exclusiveGateway", "x", default="s__x")), "x", "unknown-reference"),
    "boundary without host": ((process("p", start(), end(), chain("s e"), boundary("x", "lost", timer("PT1H"))),), "x", "unknown-reference"),
    "boundary on a gateway": (
        (process("p", start(), SPLIT, end(), chain("s x e"), boundary("b", "x", timer("PT1H"))),),
        "b",
        "boundary-host",
    ),
    "unknown message": (around(el("intermediateCatchEvent", "x", event("message", "M"))), "x", "unknown-reference"),
    "message event without message": (around(el("intermediateCatchEvent", "x", event("message"))), "x", "message-missing"),
    "unnamed message": (around(el("intermediateCatchEvent", "x", event("message", "M")), message("M", "")), "x", "message-unnamed"),
    "unknown signal": (around(el("intermediateCatchEvent", "x", event("signal", "S"))), "x", "unknown-reference"),
    "unnamed signal": (around(el("intermediateCatchEvent", "x", event("signal", "S")), signal("S", "")), "x", "signal-unnamed"),
    "unknown error": ((process("p", start(), end("x", event("error", "E")), chain("s x")),), "x", "unknown-reference"),
    "error without reference": ((process("p", start(), end("x", event("error")), chain("s x")),), "x", "error-missing"),
    "error without code": (
        (process("p", start(), end("x", event("error", "E")), chain("s x")), error("E", "")),
        "x",
        "error-code-missing",
    ),
    "escalation without code": (
        around(el("intermediateThrowEvent", "x", event("escalation", "X")), escalation("X", "")),
        "x",
        "escalation-code-missing",
    ),
    "lane with an unknown element": (
        (process("p", lanes(**{"客服部": "s lost"}), start(), end(), chain("s e")),),
        "lane_0",
        "unknown-reference",
    ),
    "unnamed lane": ((process("p", lanes(**{"": "s"}), start(), end(), chain("s e")),), "lane_0", "lane-unnamed"),
    "element in two lanes": (
        (process("p", lanes(a="s", b="s"), start(), end(), chain("s e")),),
        "s",
        "lane-ambiguous",
    ),
    # connections
    "no start event": ((process("p", user("x"), end(), chain("x e")),), "p", "no-start-event"),
    "two none start events": ((process("p", start("s"), start("t"), end(), chain("s e"), chain("t e")),), "p", "several-start-events"),
    "sub-process without start": ((process("p", start(), el("subProcess", "x", user("a")), chain("s x")),), "x", "no-start-event"),
    "sub-process with two starts": (
        (process("p", start(), el("subProcess", "x", start("a"), start("b")), chain("s x")),),
        "x",
        "several-start-events",
    ),
    "sub-process with a timer start": (
        (process("p", start(), el("subProcess", "u", start("x", timer("PT1H"))), chain("s u")),),
        "x",
        "unsupported-start",
    ),
    "event sub-process with a none start": (
        (process("p", start(), end(), chain("s e"), el("subProcess", "u", start("x"), triggeredByEvent="true")),),
        "x",
        "unsupported-start",
    ),
    "process with an error start": (
        (process("p", start("x", event("error")), end(), chain("x e")),),
        "x",
        "unsupported-start",
    ),
    "unconnected task": ((process("p", start(), end(), chain("s e"), user("x")),), "x", "unconnected"),
    "unreachable circle": (
        (process("p", start(), end(), chain("s e"), user("x"), user("y"), chain("x y x")),),
        "x",
        "unreachable",
    ),
    "flow into a start event": ((process("p", start("x"), user("a"), chain("x a x")),), "x", "event-incoming"),
    "flow out of an end event": ((process("p", start(), end("x"), user("a"), chain("s x a")),), "x", "end-outgoing"),
    "flow into an event sub-process": (
        (
            process(
                "p",
                start(),
                el("subProcess", "x", start("xs", event("error")), triggeredByEvent="true"),
                chain("s x"),
            ),
        ),
        "x",
        "event-sub-process-flow",
    ),
    "event sub-process in a loop": (
        (
            process(
                "p",
                start(),
                el("subProcess", "x", multi("=i"), start("xs", event("error")), triggeredByEvent="true"),
            ),
        ),
        "x",
        "event-sub-process-loop",
    ),
    "link without target": (
        (process("p", start(), el("intermediateThrowEvent", "x", link("a")), chain("s x")),),
        "x",
        "link-target-missing",
    ),
    "link without name": (
        (process("p", start(), el("intermediateThrowEvent", "x", link("")), chain("s x")),),
        "x",
        "link-unnamed",
    ),
    "two links of one name": (
        (
            process(
                "p",
                start(),
                el("intermediateThrowEvent", "t", link("a")),
                el("intermediateCatchEvent", "x", link("a")),
                el("intermediateCatchEvent", "y", link("a")),
                chain("s t"),
            ),
        ),
        "x",
        "link-ambiguous",
    ),
    "link target with a way in": (
        (
            process(
                "p",
                start(),
                el("intermediateThrowEvent", "t", link("a")),
                el("intermediateCatchEvent", "x", link("a")),
                chain("s t"),
                chain("s x"),
            ),
        ),
        "x",
        "link-incoming",
    ),
    "link source with a way out": (
        (
            process(
                "p",
                start(),
                el("intermediateThrowEvent", "x", link("a")),
                el("intermediateCatchEvent", "c", link("a")),
                end(),
                chain("s x e"),
            ),
        ),
        "x",
        "link-outgoing",
    ),
    # events in places
    "none catch": (around(el("intermediateCatchEvent", "x")), "x", "unsupported-catch"),
    "error catch": (around(el("intermediateCatchEvent", "x", event("error"))), "x", "unsupported-catch"),
    "timer throw": (around(el("intermediateThrowEvent", "x", timer("PT1H"))), "x", "unsupported-throw"),
    "terminate throw": (around(el("intermediateThrowEvent", "x", event("terminate"))), "x", "unsupported-throw"),
    "timer end": ((process("p", start(), end("x", timer("PT1H")), chain("s x")),), "x", "unsupported-end"),
    "none boundary": ((process("p", start(), user("a"), boundary("x", "a"), chain("s a")),), "x", "unsupported-boundary"),
    "error boundary that does not interrupt": (
        (process("p", start(), user("a"), boundary("x", "a", event("error"), interrupting=False), chain("s a")),),
        "x",
        "error-not-interrupting",
    ),
    "two boundaries for one code": (
        (
            process(
                "p",
                start(),
                user("x"),
                boundary("b", "x", event("error", "E")),
                boundary("c", "x", event("error", "E")),
                chain("s x"),
            ),
            error("E", "1"),
        ),
        "x",
        "boundary-ambiguous",
    ),
    "message without correlation": (
        around(el("intermediateCatchEvent", "x", event("message", "M")), message("M", "m", "")),
        "x",
        "correlation-missing",
    ),
    "message thrown without correlation": (
        around(el("intermediateThrowEvent", "x", event("message", "M")), message("M", "m")),
        "x",
        "correlation-missing",
    ),
    "dynamic name at the process start": (
        (process("p", start("x", event("message", "M")), end(), chain("x e")), message("M", "=name")),
        "x",
        "message-name-dynamic",
    ),
    "timer without time": (around(el("intermediateCatchEvent", "x", "<bpmn:timerEventDefinition/>")), "x", "timer-missing"),
    "timer with nonsense": (around(el("intermediateCatchEvent", "x", timer("soon"))), "x", "timer-invalid"),
    "cron": (
        (process("p", start("x", timer("0 0 9 * * MON", "timeCycle")), end(), chain("x e")),),
        "x",
        "timer-invalid",
    ),
    "duration at the process start": (
        (process("p", start("x", timer("PT1H")), end(), chain("x e")),),
        "x",
        "timer-kind",
    ),
    "cycle in between": (around(el("intermediateCatchEvent", "x", timer("R/PT1H", "timeCycle"))), "x", "timer-kind"),
    "interrupting cycle": (
        (process("p", start(), user("a"), boundary("x", "a", timer("R/PT1H", "timeCycle")), chain("s a")),),
        "x",
        "timer-kind",
    ),
    # gateways and conditions
    "gateway without condition": ((process("p", start(), SPLIT, end(), chain("s x e"), TWO_ENDS),), "x__e", "condition-missing"),
    "empty condition": (
        (process("p", start(), SPLIT, end(), chain("s x"), flow("x", "e", "= "), TWO_ENDS),),
        "x__e",
        "condition-missing",
    ),
    "condition that is no FEEL": (
        (process("p", start(), SPLIT, end(), chain("s x"), flow("x", "e", "true"), TWO_ENDS),),
        "x__e",
        "condition-not-feel",
    ),
    "condition at a parallel gateway": (
        (process("p", start(), el("parallelGateway", "x"), end(), chain("s x"), flow("x", "e", "=a")),),
        "x__e",
        "condition-not-allowed",
    ),
    "default at a parallel gateway": (
        (process("p", start(), el("parallelGateway", "x", default="x__e"), end(), chain("s x e")),),
        "x",
        "default-not-allowed",
    ),
    "event gateway with one way": (
        (
            process(
                "p",
                start(),
                el("eventBasedGateway", "x"),
                el("intermediateCatchEvent", "t", timer("PT1H")),
                chain("s x t"),
            ),
        ),
        "x",
        "event-gateway",
    ),
    "event gateway before a task": (
        (
            process(
                "p",
                start(),
                el("eventBasedGateway", "g"),
                el("intermediateCatchEvent", "t", timer("PT1H")),
                user("x"),
                chain("s g t"),
                chain("g x"),
            ),
        ),
        "x",
        "event-gateway-target",
    ),
    # tasks
    "service task without job": (around(el("serviceTask", "x")), "x", "job-type-missing"),
    "send task without anything": (around(el("sendTask", "x")), "x", "message-missing"),
    "script task without script": (around(el("scriptTask", "x")), "x", "implementation-missing"),
    "script without result": (around(el("scriptTask", "x", ext=z("script", expression="=1"))), "x", "result-variable-missing"),
    "script that is no FEEL": (
        around(el("scriptTask", "x", ext=z("script", expression="1", resultVariable="r"))),
        "x",
        "script-not-feel",
    ),
    "script and job": (
        around(job("x", tag="scriptTask", ext=z("script", expression="=1", resultVariable="r"))),
        "x",
        "double-definition",
    ),
    "rule task without decision": (around(el("businessRuleTask", "x")), "x", "implementation-missing"),
    "decision without result": (around(el("businessRuleTask", "x", ext=z("calledDecision", decisionId="d"))), "x", "result-variable-missing"),
    "call activity without process": (around(el("callActivity", "x", calledElement="q")), "x", "called-process-missing"),
    "mapping without target": (around(user("x", ext=io({"": "=1"}))), "x", "mapping-target"),
    "mapping to no name": (around(user("x", ext=io({"1 + 1": "=1"}))), "x", "mapping-target"),
    "mapping on a gateway": (
        (process("p", start(), el("exclusiveGateway", "x", ext=io({"a": "=1"})), end(), chain("s x e")),),
        "x",
        "misplaced-extension",
    ),
    "input of a start event": (
        (process("p", start("x", ext=io({"a": "=1"})), end(), chain("x e")),),
        "x",
        "mapping-direction",
    ),
    "mapping from nothing": (around(user("x", ext=io({"a": "="}))), "x", "mapping-source"),
    "loop cardinality": (
        around(user("x", multi("=i").replace("><bpmn:ext", "><bpmn:loopCardinality>3</bpmn:loopCardinality><bpmn:ext"))),
        "x",
        "unsupported-loop",
    ),
    "multi-instance without collection": (around(user("x", multi(""))), "x", "loop-collection-missing"),
    "multi-instance with a text collection": (around(user("x", multi("items"))), "x", "loop-not-feel"),
    "output without element": (around(user("x", multi("=i", outputCollection="o"))), "x", "loop-output"),
    "endless loop": (around(user("x", loop())), "x", "loop-endless"),
    "loop maximum": (around(user("x", loop("=a", loopMaximum="many"))), "x", "loop-maximum"),
    "loop condition": (around(user("x", loop("a"))), "x", "condition-not-feel"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong(name: str) -> None:
    parts, element, code = WRONG[name]
    found = drawn(*parts)
    assert (element, code) in [(problem.element_id, problem.code) for problem in found.problems], found.problems
    assert not found.runnable
    problem = next(problem for problem in found.problems if problem.code == code)
    assert problem.file == "p.bpmn"
    assert problem.message.endswith(("。", "）"))


WARNED = {
    "no executable process": ((process("p", start(), executable=False),), "", "no-executable-process"),
    "branch without an end": ((process("p", start(), user("x"), chain("s x")),), "x", "no-outgoing"),
    "condition on the default flow": (
        (
            process(
                "p",
                start(),
                el("exclusiveGateway", "x", default="x__e"),
                end(),
                chain("s x"),
                flow("x", "e", "=a"),
            ),
        ),
        "x__e",
        "condition-on-default",
    ),
}


@pytest.mark.parametrize("name", WARNED)
def test_warned(name: str) -> None:
    parts, element, code = WARNED[name]
    found = drawn(*parts)
    assert [(problem.element_id, problem.code) for problem in found.problems] == [(element, code)]
    assert found.runnable


def test_sub_processes_too_deep() -> None:
    inside = user("a")
    for level in range(25):
        inside = el("subProcess", f"u{level}", start(f"s{level}"), inside)
    assert "nested-too-deep" in [problem.code for problem in drawn(process("p", start(), inside)).problems]


HOSTILE = {
    "nothing": (b"", "not-xml"),
    "no XML": (b"\x89PNG\r\n", "not-xml"),
    "half a file": (diagram(process("p", start()))[:-40], "not-xml"),
    "HTML": (b"<html/>", "not-bpmn"),
    "BPMN of another namespace": (b'<definitions xmlns="urn:x"/>', "not-bpmn"),
    "entity": (b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>', "doctype"),
    "laughter": (
        b'<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><d>&b;</d>',
        "doctype",
    ),
    "depth": (b"<a>" * 5000 + b"</a>" * 5000, "not-xml"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    content, code = HOSTILE[name]
    found = read("x.bpmn", content)
    assert [problem.code for problem in found.problems] == [code]
    assert found.processes == {}


def test_what_is_only_drawn_is_ignored() -> None:
    found = drawn(
        el(
            "collaboration",
            "c",
            el("participant", "pa", processRef="p"),
            el("messageFlow", "mf", sourceRef="s", targetRef="q"),
        ),
        process(
            "p",
            el("dataObject", "do"),
            el("dataObjectReference", "dor", dataObjectRef="do"),
            el("dataStoreReference", "ds"),
            start(),
            user("a", el("dataInputAssociation", "dia", "<bpmn:sourceRef>dor</bpmn:sourceRef>")),
            el("textAnnotation", "ta", "<bpmn:text>for each</bpmn:text>"),
            el("association", "as", sourceRef="a", targetRef="ta"),
            el("group", "gr"),
            end(),
            chain("s a e"),
            "<!-- a comment --><?pi here?>",
        ),
        process("other", el("complexGateway", "q"), executable=False),
        el("category", "cat"),
    )
    assert found.problems == ()
    assert list(found.processes) == ["p"]


def test_what_a_user_task_says() -> None:
    task = user(
        "a",
        "<bpmn:documentation>写明伤情</bpmn:documentation>",
        ext=z("formDefinition", formId="retail.a")
        + z("assignmentDefinition", assignee="=who", candidateGroups="客服部, 采购部", candidateUsers="=users")
        + z("taskSchedule", dueDate="=workingDays(now(), 3)", followUpDate="2026-01-01")
        + z("priorityDefinition", priority="80")
        + z("taskHeaders", z("header", key="hint", value="看仔细"))
        + z("properties", z("property", name="kind", value="x"))
        + io({"x": "=y", "z": "text"}, {"out": "=x + 1"}),
        name="登记\n投诉",
    )
    element = drawn(process("p", start(), task, end(), chain("s a e"))).processes["p"].elements["a"]
    assert (element.name, element.type, element.documentation) == ("登记 投诉", "userTask", "写明伤情")
    assert (element.form_id, element.assignee, element.priority) == ("retail.a", "=who", "80")
    assert (element.headers, element.properties) == ({"hint": "看仔细"}, {"kind": "x"})
    assert element.inputs == (IoMapping("=y", "x"), IoMapping("text", "z"))
    assert element.outputs == (IoMapping("=x + 1", "out"),)
    assert element.expressions == (
        Expression("input x", "y"),
        Expression("assignee", "who"),
        Expression("candidateUsers", "users"),
        Expression("dueDate", "workingDays(now(), 3)"),
        Expression("output out", "x + 1"),
    )


def test_what_a_process_says() -> None:
    properties = z("properties", z("property", name="case_title", value="=name"))
    found = drawn(
        process(
            "p",
            lanes(**{"客服部": "s a u"}),
            start("s", event("message", "M")),
            user("a"),
            el("subProcess", "u", start("us"), user("b"), chain("us b")),
            chain("s a u"),
            ext=properties + z("versionTag", value="v7"),
            name="大投诉",
        ),
        el("message", "M", name="complaint"),
    )
    found_process = found.processes["p"]
    assert (found_process.name, found_process.version_tag) == ("大投诉", "v7")
    assert found_process.properties == {"case_title": "=name"}
    assert found_process.lanes == ("客服部",)
    assert [(s.id, s.event.kind, s.event.name) for s in found_process.start_events] == [("s", "message", "complaint")]
    assert found_process.elements["b"].parent == "u"
    assert found_process.elements["b"].lane == "客服部"
    assert [element.id for element in found_process.children("u")] == ["us", "b"]
    assert [f.target for f in found_process.elements["a"].outgoing] == ["u"]


def test_nested_lanes() -> None:
    nested = (
        '<bpmn:laneSet id="ls"><bpmn:lane id="l1" name="公司"><bpmn:flowNodeRef>s</bpmn:flowNodeRef>'
        "<bpmn:flowNodeRef>a</bpmn:flowNodeRef>"
        '<bpmn:childLaneSet id="cl"><bpmn:lane id="l2" name="客服部"><bpmn:flowNodeRef>a</bpmn:flowNodeRef></bpmn:lane>'
        "</bpmn:childLaneSet></bpmn:lane></bpmn:laneSet>"
    )
    found = drawn(process("p", nested, start(), user("a"), end(), chain("s a e")))
    assert found.problems == ()
    assert found.processes["p"].elements["a"].lane == "客服部"
    assert found.processes["p"].elements["s"].lane == "公司"


def test_another_prefix_is_the_same() -> None:
    text = diagram(process("p", start(), job("j"), end(), chain("s j e"))).decode()
    text = (
        text.replace("bpmn:", "")
        .replace("xmlns:bpmn", "xmlns")
        .replace("zeebe:", "z:")
        .replace("xmlns:zeebe", "xmlns:z")
    )
    found = read("p.bpmn", text.encode())
    assert found.problems == ()
    assert found.processes["p"].elements["j"].job_type == "work"


def test_conditions_are_expressions() -> None:
    found = drawn(
        process(
            "p",
            start(),
            el("exclusiveGateway", "g", default="g__b"),
            user("a"),
            script("b", "=1", "r"),
            chain("s g"),
            flow("g", "a", "= amount > 500"),
            flow("g", "b"),
        )
    )
    gateway = found.processes["p"].elements["g"]
    assert gateway.expressions == (Expression("condition g__a", "amount > 500"),)
    assert [(f.id, f.is_default) for f in gateway.outgoing] == [("g__a", False), ("g__b", True)]
