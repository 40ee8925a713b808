"""Each element in every position: the diagram, the commands, what the case waits for after each of them."""

from __future__ import annotations

from typing import Any

import pytest

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
    link,
    loop,
    message,
    multi,
    process,
    script,
    signal,
    start,
    timer,
    until,
    user,
    z,
)
from tests.engine.play import Play, bundle

Step = tuple[str, str]


def sub(element_id: str, *inside: str, ext: str = "", event_sub: bool = False) -> str:
    more = {"triggeredByEvent": "true"} if event_sub else {}
    return el("subProcess", element_id, *inside, ext=ext, **more)


MESSAGE = message("M", "m1")
SIGNAL = signal("S", "s1")
ERROR = error("E", "broken")
ESCALATION = escalation("X", "late")

CASES: dict[str, tuple[list[str], dict[str, Any], list[Step]]] = {
    "user task": (
        [process("p", start(), user("a"), end(), chain("s a e"))],
        {},
        [("", "a"), ("complete a", "done")],
    ),
    "manual and undefined tasks pass": (
        [process("p", start(), el("manualTask", "m"), el("task", "t"), end(), chain("s m t e"))],
        {},
        [("", "done")],
    ),
    "a branch may end without an end event": (
        [process("p", start(), user("a"), chain("s a"))],
        {},
        [("", "a"), ("complete a", "done")],
    ),
    "service and send tasks are jobs": (
        [process("p", start(), job("j"), job("k", tag="sendTask"), end(), chain("s j k e"))],
        {},
        [("", "job:j"), ("complete j", "job:k"), ("complete k", "done")],
    ),
    "script and rule tasks may be jobs": (
        [process("p", start(), job("j", tag="scriptTask"), job("k", tag="businessRuleTask"), chain("s j k"))],
        {},
        [("", "job:j"), ("complete j", "job:k"), ("complete k", "done")],
    ),
    "message throw and end events with a task definition are jobs": (
        [
            process(
                "p",
                start(),
                el("intermediateThrowEvent", "t", event("message"), ext=z("taskDefinition", type="x")),
                end("e", event("message"), ext=z("taskDefinition", type="y")),
                chain("s t e"),
            )
        ],
        {},
        [("", "job:t"), ("complete t", "job:e"), ("complete e", "done")],
    ),
    "receive task": (
        [process("p", start(), el("receiveTask", "r", messageRef="M"), end(), chain("s r e")), MESSAGE],
        {"key": "7"},
        [("", "msg:r"), ("deliver r", "done")],
    ),
    "script in FEEL": (
        [process("p", start(), script("c", "=1 + 2", "sum"), user("a"), chain("s c a"))],
        {},
        [("", "a")],
    ),
    "exclusive gateway": (
        [
            process(
                "p",
                start(),
                el("exclusiveGateway", "g", default="g__c"),
                user("a"),
                user("b"),
                user("c"),
                chain("s g"),
                flow("g", "a", "=x > 10"),
                flow("g", "b", "=x > 5"),
                flow("g", "c"),
            )
        ],
        {"x": 7},
        [("", "b"), ("complete b", "done")],
    ),
    "exclusive gateway, default": (
        [
            process(
                "p",
                start(),
                el("exclusiveGateway", "g", default="g__b"),
                user("a"),
                user("b"),
                chain("s g"),
                flow("g", "b"),
                flow("g", "a", "=x > 10"),
            )
        ],
        {"x": 7},
        [("", "b")],
    ),
    "exclusive gateway merges by passing every token": (
        [
            process(
                "p",
                start(),
                el("parallelGateway", "f"),
                el("exclusiveGateway", "g"),
                user("a"),
                chain("s f"),
                flow("f", "g", flow_id="one"),
                flow("f", "g", flow_id="two"),
                chain("g a"),
            )
        ],
        {},
        [("", "a a"), ("complete a", "a"), ("complete a", "done")],
    ),
    "parallel gateway splits and joins": (
        [
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
        ],
        {},
        [("", "a b"), ("complete b", "a"), ("complete a", "c"), ("complete c", "done")],
    ),
    "parallel gateway in a loop": (
        [
            process(
                "p",
                start(),
                el("exclusiveGateway", "m"),
                el("parallelGateway", "f"),
                user("a"),
                user("b"),
                el("parallelGateway", "j"),
                el("exclusiveGateway", "x", default="x__m"),
                end(),
                chain("s m f a j x"),
                chain("f b j"),
                flow("x", "m"),
                flow("x", "e", "=ready"),
            )
        ],
        {"ready": False},
        [
            ("", "a b"),
            ("complete a", "b"),
            ("complete b", "a b"),
            ("complete b", "a"),
            ("complete a ready=true", "done"),
        ],
    ),
    "a task with several exits splits": (
        [process("p", start(), user("a"), user("b"), user("c"), chain("s a b"), chain("a c"))],
        {},
        [("", "a"), ("complete a", "b c"), ("complete c", "b"), ("complete b", "done")],
    ),
    "conditional flows out of a task": (
        [
            process(
                "p",
                start(),
                user("a", default="a__d"),
                user("b"),
                user("c"),
                user("d"),
                chain("s a"),
                flow("a", "b", "=x > 1"),
                flow("a", "c", "=x > 2"),
                flow("a", "d"),
            )
        ],
        {"x": 3},
        [("", "a"), ("complete a", "b c")],
    ),
    "inclusive gateway, two of three": (
        [
            process(
                "p",
                start(),
                el("inclusiveGateway", "f", default="f__c"),
                user("a"),
                user("b"),
                user("c"),
                el("inclusiveGateway", "j"),
                user("d"),
                chain("s f"),
                flow("f", "a", "=x > 1"),
                flow("f", "b", "=x > 2"),
                flow("f", "c"),
                chain("a j d"),
                chain("b j"),
                chain("c j"),
            )
        ],
        {"x": 3},
        [("", "a b"), ("complete a", "b"), ("complete b", "d"), ("complete d", "done")],
    ),
    "inclusive gateway, default alone": (
        [
            process(
                "p",
                start(),
                el("inclusiveGateway", "f", default="f__c"),
                user("a"),
                user("c"),
                el("inclusiveGateway", "j"),
                user("d"),
                chain("s f"),
                flow("f", "a", "=x > 1"),
                flow("f", "c"),
                chain("a j d"),
                chain("c j"),
            )
        ],
        {"x": 0},
        [("", "c"), ("complete c", "d"), ("complete d", "done")],
    ),
    "inclusive join in a loop waits for the round trip": (
        [
            process(
                "p",
                start(),
                el("inclusiveGateway", "f"),
                user("a"),
                user("b"),
                el("exclusiveGateway", "x", default="x__j"),
                el("inclusiveGateway", "j"),
                end(),
                chain("s f"),
                flow("f", "a", "=true"),
                flow("f", "b", "=true"),
                chain("a j e"),
                chain("b x"),
                flow("x", "b", "=again"),
                flow("x", "j"),
            )
        ],
        {"again": True},
        [
            ("", "a b"),
            ("complete a", "b"),
            ("complete b", "b"),
            ("complete b again=false", "done"),
        ],
    ),
    "event gateway: message before timer": (
        [
            process(
                "p",
                start(),
                el("eventBasedGateway", "g"),
                el("intermediateCatchEvent", "m", event("message", "M")),
                el("intermediateCatchEvent", "t", timer("PT1H")),
                user("a"),
                user("b"),
                chain("s g m a"),
                chain("g t b"),
            ),
            MESSAGE,
        ],
        {"key": 1},
        [("", "msg:m timer:t"), ("deliver m", "a"), ("complete a", "done")],
    ),
    "event gateway: receive task and signal": (
        [
            process(
                "p",
                start(),
                el("eventBasedGateway", "g"),
                el("receiveTask", "m", messageRef="M"),
                el("intermediateCatchEvent", "t", event("signal", "S")),
                user("a"),
                user("b"),
                chain("s g m a"),
                chain("g t b"),
            ),
            MESSAGE,
            SIGNAL,
        ],
        {"key": 1},
        [("", "msg:m sig:t"), ("deliver m", "a")],
    ),
    "intermediate timer, message and signal": (
        [
            process(
                "p",
                start(),
                el("intermediateCatchEvent", "t", timer("PT1H")),
                el("intermediateCatchEvent", "m", event("message", "M")),
                el("intermediateCatchEvent", "g", event("signal", "S")),
                chain("s t m g"),
            ),
            MESSAGE,
            SIGNAL,
        ],
        {"key": "k"},
        [("", "timer:t"), ("fire t", "msg:m"), ("deliver m", "sig:g"), ("deliver g", "done")],
    ),
    "links jump": (
        [
            process(
                "p",
                start(),
                el("intermediateThrowEvent", "to", link("here")),
                el("intermediateCatchEvent", "from", link("here")),
                user("a"),
                chain("s to"),
                chain("from a"),
            )
        ],
        {},
        [("", "a"), ("complete a", "done")],
    ),
    "a signal reaches the same case": (
        [
            process(
                "p",
                start(),
                el("parallelGateway", "f"),
                el("intermediateCatchEvent", "c", event("signal", "S")),
                user("a"),
                el("intermediateThrowEvent", "t", event("signal", "S")),
                user("b"),
                chain("s f c b"),
                chain("f a t"),
            ),
            SIGNAL,
        ],
        {},
        [("", "a sig:c"), ("complete a", "b"), ("complete b", "done")],
    ),
    "terminate ends everything in its scope": (
        [
            process(
                "p",
                start(),
                el("parallelGateway", "f"),
                user("a"),
                user("b"),
                end("e", event("terminate")),
                chain("s f a e"),
                chain("f b"),
            )
        ],
        {},
        [("", "a b"), ("complete a", "done")],
    ),
    "terminate in a sub-process ends only that": (
        [
            process(
                "p",
                start(),
                sub(
                    "u",
                    start("us"),
                    user("a"),
                    user("b"),
                    end("ue", event("terminate")),
                    chain("us a ue"),
                    chain("us b"),
                ),
                user("c"),
                chain("s u c"),
            )
        ],
        {},
        [("", "a b"), ("complete a", "c"), ("complete c", "done")],
    ),
    "embedded sub-process": (
        [
            process(
                "p",
                start(),
                sub("u", start("us"), user("a"), end("ue"), chain("us a ue")),
                user("c"),
                chain("s u c"),
            )
        ],
        {},
        [("", "a"), ("complete a", "c"), ("complete c", "done")],
    ),
    "interrupting boundary timer": (
        [
            process(
                "p",
                start(),
                user("a"),
                boundary("t", "a", timer("P3D")),
                user("b"),
                user("c"),
                chain("s a b"),
                chain("t c"),
            )
        ],
        {},
        [("", "a timer:t"), ("fire t", "c"), ("complete c", "done")],
    ),
    "a boundary timer goes with its task": (
        [
            process(
                "p",
                start(),
                user("a"),
                boundary("t", "a", timer("P3D")),
                user("b"),
                user("c"),
                chain("s a b"),
                chain("t c"),
            )
        ],
        {},
        [("", "a timer:t"), ("complete a", "b")],
    ),
    "non-interrupting boundary cycle": (
        [
            process(
                "p",
                start(),
                user("a"),
                boundary("t", "a", timer("R2/PT8H", "timeCycle"), interrupting=False),
                user("c"),
                chain("s a"),
                chain("t c"),
            )
        ],
        {},
        [
            ("", "a timer:t"),
            ("fire t", "a c timer:t"),
            ("fire t", "a c c"),
            ("complete a", "c c"),
            ("complete c", "c"),
            ("complete c", "done"),
        ],
    ),
    "boundary message, interrupting and not": (
        [
            process(
                "p",
                start(),
                user("a"),
                boundary("m", "a", event("message", "M"), interrupting=False),
                boundary("n", "a", event("message", "N")),
                user("b"),
                user("c"),
                chain("s a"),
                chain("m b"),
                chain("n c"),
            ),
            MESSAGE,
            message("N", "m2"),
        ],
        {"key": "k"},
        [
            ("", "a msg:m msg:n"),
            ("deliver m", "a b msg:m msg:n"),
            ("deliver m", "a b b msg:m msg:n"),
            ("deliver n", "b b c"),
        ],
    ),
    "boundary signal": (
        [
            process(
                "p",
                start(),
                user("a"),
                boundary("g", "a", event("signal", "S")),
                user("b"),
                chain("s a"),
                chain("g b"),
            ),
            SIGNAL,
        ],
        {},
        [("", "a sig:g"), ("deliver g", "b")],
    ),
    "boundary error on a job, by code and for all": (
        [
            process(
                "p",
                start(),
                job("j"),
                boundary("x", "j", event("error", "E")),
                boundary("y", "j", event("error")),
                user("a"),
                user("b"),
                chain("s j"),
                chain("x a"),
                chain("y b"),
            ),
            ERROR,
        ],
        {},
        [("", "job:j"), ("error j broken", "a")],
    ),
    "boundary error for all codes": (
        [
            process(
                "p",
                start(),
                job("j"),
                boundary("x", "j", event("error", "E")),
                boundary("y", "j", event("error")),
                user("a"),
                user("b"),
                chain("s j"),
                chain("x a"),
                chain("y b"),
            ),
            ERROR,
        ],
        {},
        [("", "job:j"), ("error j other", "b")],
    ),
    "error end event leaves the sub-process": (
        [
            process(
                "p",
                start(),
                sub(
                    "u",
                    start("us"),
                    user("a"),
                    user("w"),
                    end("ue", event("error", "E")),
                    chain("us a ue"),
                    chain("us w"),
                ),
                boundary("x", "u", event("error", "E")),
                user("b"),
                chain("s u"),
                chain("x b"),
            ),
            ERROR,
        ],
        {},
        [("", "a w"), ("complete a", "b"), ("complete b", "done")],
    ),
    "an error passes through a call activity": (
        [
            process(
                "p",
                start(),
                el("callActivity", "c", ext=z("calledElement", processId="q")),
                boundary("x", "c", event("error", "E")),
                user("b"),
                chain("s c"),
                chain("x b"),
            ),
            process("q", start("qs"), end("qe", event("error", "E")), chain("qs qe")),
            ERROR,
        ],
        {},
        [("", "b")],
    ),
    "an error nobody catches is an incident": (
        [process("p", start(), user("w"), end("e", event("error", "E")), chain("s e"), chain("s w")), ERROR],
        {},
        [("", "!e w"), ("complete w", "!e"), ("retry e", "!e")],
    ),
    "a job's error nobody catches brings the job back on retry": (
        [process("p", start(), job("j"), chain("s j"))],
        {},
        [("", "job:j"), ("error j lost", "!j"), ("retry j", "job:j"), ("complete j", "done")],
    ),
    "escalation end event, caught without interrupting": (
        [
            process(
                "p",
                start(),
                sub(
                    "u",
                    start("us"),
                    user("a"),
                    user("w"),
                    end("ue", event("escalation", "X")),
                    chain("us a ue"),
                    chain("us w"),
                ),
                boundary("x", "u", event("escalation", "X"), interrupting=False),
                user("b"),
                user("c"),
                chain("s u c"),
                chain("x b"),
            ),
            ESCALATION,
        ],
        {},
        [("", "a w"), ("complete a", "b w"), ("complete w", "b c")],
    ),
    "escalation throw event, interrupting": (
        [
            process(
                "p",
                start(),
                sub(
                    "u",
                    start("us"),
                    el("intermediateThrowEvent", "ut", event("escalation", "X")),
                    user("a"),
                    chain("us ut a"),
                ),
                boundary("x", "u", event("escalation")),
                user("b"),
                chain("s u"),
                chain("x b"),
            ),
            ESCALATION,
        ],
        {},
        [("", "b")],
    ),
    "escalation nobody catches goes on": (
        [
            process(
                "p",
                start(),
                el("intermediateThrowEvent", "t", event("escalation", "X")),
                user("a"),
                chain("s t a"),
            ),
            ESCALATION,
        ],
        {},
        [("", "a")],
    ),
    "interrupting event sub-process interrupts": (
        [
            process(
                "p",
                start(),
                user("a"),
                user("b"),
                chain("s a"),
                chain("s b"),
                sub(
                    "v",
                    el("startEvent", "vs", event("message", "M"), isInterrupting="true"),
                    user("c"),
                    chain("vs c"),
                    event_sub=True,
                ),
            ),
            MESSAGE,
        ],
        {"key": "k"},
        [("", "a b msg:v"), ("deliver v", "c"), ("complete c", "done")],
    ),
    "non-interrupting event sub-process, twice": (
        [
            process(
                "p",
                start(),
                user("a"),
                chain("s a"),
                sub(
                    "v",
                    el("startEvent", "vs", event("message", "M"), isInterrupting="false"),
                    user("c"),
                    chain("vs c"),
                    event_sub=True,
                ),
            ),
            MESSAGE,
        ],
        {"key": "k"},
        [
            ("", "a msg:v"),
            ("deliver v", "a c msg:v"),
            ("deliver v", "a c c msg:v"),
            ("complete a", "c c msg:v"),
            ("complete c", "c msg:v"),
            ("complete c", "done"),
        ],
    ),
    "event sub-process with a timer cycle": (
        [
            process(
                "p",
                start(),
                user("a"),
                chain("s a"),
                sub(
                    "v",
                    el("startEvent", "vs", timer("R/PT1H", "timeCycle"), isInterrupting="false"),
                    user("c"),
                    chain("vs c"),
                    event_sub=True,
                ),
            )
        ],
        {},
        [("", "a timer:v"), ("fire v", "a c timer:v"), ("complete c", "a timer:v"), ("complete a", "done")],
    ),
    "event sub-process catches an error in its scope": (
        [
            process(
                "p",
                start(),
                sub(
                    "u",
                    start("us"),
                    job("j"),
                    user("w"),
                    chain("us j"),
                    chain("us w"),
                    sub(
                        "v",
                        el("startEvent", "vs", event("error", "E")),
                        user("c"),
                        end("ve", event("error", "E")),
                        chain("vs c ve"),
                        event_sub=True,
                    ),
                ),
                boundary("x", "u", event("error")),
                user("d"),
                chain("s u"),
                chain("x d"),
            ),
            ERROR,
        ],
        {},
        [("", "job:j w"), ("error j broken", "c"), ("complete c", "d")],
    ),
    "event sub-process catches an escalation without interrupting": (
        [
            process(
                "p",
                start(),
                el("intermediateThrowEvent", "t", event("escalation", "X")),
                user("a"),
                chain("s t a"),
                sub(
                    "v",
                    el("startEvent", "vs", event("escalation"), isInterrupting="false"),
                    user("c"),
                    chain("vs c"),
                    event_sub=True,
                ),
            ),
            ESCALATION,
        ],
        {},
        [("", "a c"), ("complete a", "c"), ("complete c", "done")],
    ),
    "call activity": (
        [
            process(
                "p",
                start(),
                el("callActivity", "c", ext=z("calledElement", processId='="q"')),
                user("b"),
                chain("s c b"),
            ),
            process("q", start("qs"), user("a"), end("qe"), chain("qs a qe")),
        ],
        {},
        [("", "a"), ("complete a", "b"), ("complete b", "done")],
    ),
    "boundary timer on a call activity ends what is inside": (
        [
            process(
                "p",
                start(),
                el("callActivity", "c", ext=z("calledElement", processId="q")),
                boundary("t", "c", timer("P1D")),
                user("b"),
                chain("s c"),
                chain("t b"),
            ),
            process("q", start("qs"), user("a"), user("d"), chain("qs a"), chain("qs d")),
        ],
        {},
        [("", "a d timer:t"), ("fire t", "b"), ("complete b", "done")],
    ),
    "parallel multi-instance task": (
        [process("p", start(), user("a", multi("=items", "item")), user("b"), chain("s a b"))],
        {"items": [1, 2, 3]},
        [("", "a a a"), ("complete a#2", "a a"), ("complete a", "a"), ("complete a", "b")],
    ),
    "sequential multi-instance task": (
        [process("p", start(), user("a", multi("=items", "item", sequential=True)), user("b"), chain("s a b"))],
        {"items": [1, 2]},
        [("", "a"), ("complete a", "a"), ("complete a", "b")],
    ),
    "multi-instance over nothing": (
        [process("p", start(), user("a", multi("=items", "item")), user("b"), chain("s a b"))],
        {"items": []},
        [("", "b")],
    ),
    "multi-instance completes early": (
        [
            process(
                "p",
                start(),
                user("a", multi("=items", "item", until("=numberOfCompletedInstances >= 2"))),
                user("b"),
                chain("s a b"),
            )
        ],
        {"items": [1, 2, 3, 4]},
        [("", "a a a a"), ("complete a", "a a a"), ("complete a", "b")],
    ),
    "multi-instance sub-process with a boundary event": (
        [
            process(
                "p",
                start(),
                el("subProcess", "u", multi("=items", "item"), start("us"), user("a"), chain("us a")),
                boundary("t", "u", timer("P1D")),
                user("b"),
                user("c"),
                chain("s u b"),
                chain("t c"),
            )
        ],
        {"items": [1, 2]},
        [("", "a a timer:t"), ("complete a", "a timer:t"), ("fire t", "c")],
    ),
    "multi-instance call activity": (
        [
            process(
                "p",
                start(),
                el("callActivity", "c", multi("=items", "item"), ext=z("calledElement", processId="q")),
                user("b"),
                chain("s c b"),
            ),
            process("q", start("qs"), user("a"), chain("qs a")),
        ],
        {"items": [1, 2]},
        [("", "a a"), ("complete a", "a"), ("complete a", "b")],
    ),
    "standard loop": (
        [process("p", start(), user("a", loop("=more")), user("b"), chain("s a b"))],
        {"more": False},
        [("", "a"), ("complete a more=true", "a"), ("complete a more=false", "b")],
    ),
    "standard loop, tested before": (
        [process("p", start(), user("a", loop("=more", testBefore="true")), user("b"), chain("s a b"))],
        {"more": False},
        [("", "b")],
    ),
    "standard loop, at most twice": (
        [process("p", start(), user("a", loop(loopMaximum="2")), user("b"), chain("s a b"))],
        {},
        [("", "a"), ("complete a", "a"), ("complete a", "b")],
    ),
    "ids Start and End are only ids": (
        [process("p", start("Start"), user("Root"), end("End"), chain("Start Root End"))],
        {},
        [("", "Root"), ("complete Root", "done")],
    ),
    "cancelling through nested scopes": (
        [
            process(
                "p",
                start(),
                sub(
                    "u",
                    start("us"),
                    sub("v", start("vs"), user("a", multi("=items")), chain("vs a")),
                    chain("us v"),
                ),
                boundary("m", "u", event("message", "M")),
                user("b"),
                chain("s u"),
                chain("m b"),
            ),
            MESSAGE,
        ],
        {"items": [1, 2], "key": "k"},
        [("", "a a msg:m"), ("deliver m", "b"), ("complete b", "done")],
    ),
    "an inclusive join no longer waits for a branch that was ended": (
        [
            process(
                "p",
                start(),
                el("inclusiveGateway", "f"),
                user("a"),
                user("b"),
                boundary("t", "b", timer("P1D")),
                el("inclusiveGateway", "j"),
                user("c"),
                user("d"),
                chain("s f"),
                flow("f", "a", "=true"),
                flow("f", "b", "=true"),
                chain("a j c"),
                chain("b j"),
                chain("t d"),
            )
        ],
        {},
        [("", "a b timer:t"), ("complete a", "b timer:t"), ("fire t", "c d")],
    ),
    "a parallel join takes one token of each flow": (
        [
            process(
                "p",
                start(),
                el("exclusiveGateway", "x"),
                user("a"),
                user("b"),
                el("parallelGateway", "j"),
                user("c"),
                chain("s x a j c"),
                chain("s b j"),
                flow("s", "x", flow_id="again"),
            )
        ],
        {},
        [
            ("", "a a b"),
            ("complete a", "a b"),
            ("complete a", "b"),
            ("complete b", "c"),
            ("complete c", "!j"),
        ],
    ),
    "an interrupting event sub-process ends a called process": (
        [
            process(
                "p",
                start(),
                el("callActivity", "k", ext=z("calledElement", processId="q")),
                chain("s k"),
                sub("v", start("vs", event("signal", "S")), user("c"), chain("vs c"), event_sub=True),
            ),
            process("q", start("qs"), user("a"), boundary("t", "a", timer("P1D")), chain("qs a")),
            SIGNAL,
        ],
        {},
        [("", "a sig:v timer:t"), ("deliver v", "c"), ("complete c", "done")],
    ),
    "an escalation leaves a called process without ending it": (
        [
            process(
                "p",
                start(),
                el("callActivity", "k", multi("=items"), ext=z("calledElement", processId="q")),
                boundary("x", "k", event("escalation", "X"), interrupting=False),
                user("b"),
                chain("s k"),
                chain("x b"),
            ),
            process(
                "q",
                start("qs"),
                el("intermediateThrowEvent", "t", event("escalation", "X")),
                user("a"),
                chain("qs t a"),
            ),
            ESCALATION,
        ],
        {"items": [1, 2]},
        [("", "a a b b"), ("complete a", "a b b")],
    ),
    "an error of one round ends the whole multi-instance": (
        [
            process(
                "p",
                start(),
                el("callActivity", "k", multi("=items"), ext=z("calledElement", processId="q")),
                boundary("x", "k", event("error", "E")),
                user("b"),
                chain("s k"),
                chain("x b"),
            ),
            process("q", start("qs"), job("j"), chain("qs j")),
            ERROR,
        ],
        {"items": [1, 2]},
        [("", "job:j job:j"), ("error j broken", "b")],
    ),
    "an event sub-process within an event sub-process": (
        [
            process(
                "p",
                start(),
                user("a"),
                chain("s a"),
                sub(
                    "v",
                    el("startEvent", "vs", event("signal", "S"), isInterrupting="false"),
                    user("c"),
                    chain("vs c"),
                    sub("w", start("ws", timer("PT1H")), user("d"), chain("ws d"), event_sub=True),
                    event_sub=True,
                ),
            ),
            SIGNAL,
        ],
        {},
        [("", "a sig:v"), ("deliver v", "a c sig:v timer:w"), ("fire w", "a d sig:v"), ("complete d", "a sig:v")],
    ),
    "a throw event wakes a non-interrupting event sub-process of the same case": (
        [
            process(
                "p",
                start(),
                el("intermediateThrowEvent", "t", event("signal", "S")),
                user("a"),
                chain("s t a"),
                sub(
                    "v",
                    el("startEvent", "vs", event("signal", "S"), isInterrupting="false"),
                    user("c"),
                    chain("vs c"),
                    event_sub=True,
                ),
            ),
            SIGNAL,
        ],
        {},
        [("", "a c sig:v")],
    ),
    "input and output mapping keep the flow": (
        [
            process(
                "p",
                start(),
                user("a", ext=io({"x": "=1"}, {"y": "=x + z"})),
                el("exclusiveGateway", "g"),
                user("b"),
                user("c"),
                chain("s a g"),
                flow("g", "b", "=y = 3"),
                flow("g", "c", "=y != 3"),
            )
        ],
        {},
        [("", "a"), ("complete a z=2", "b")],
    ),
}


@pytest.mark.parametrize("keep_history", [False, True], ids=["compacted", "uncompacted"])
@pytest.mark.parametrize("name", CASES)
def test_element(name: str, keep_history: bool) -> None:
    parts, variables, steps = CASES[name]
    play = Play(bundle(*parts), keep_history=keep_history)
    for command, expected in steps:
        perform(play, command, variables)
        assert play.waits == expected, (command, play.waiting)


def perform(play: Play, command: str, variables: dict[str, Any]) -> None:
    if not command:
        play.start(variables)
        return
    verb, *words = command.split()
    match verb:
        case "complete":
            play.complete(words[0], {word.split("=")[0]: _value(word.split("=")[1]) for word in words[1:]})
        case "fire":
            play.fire(words[0])
        case "deliver":
            play.deliver(words[0])
        case "error":
            play.error(words[0], words[1])
        case "retry":
            play.retry(words[0])


def _value(text: str) -> Any:
    return {"true": True, "false": False}.get(text, int(text) if text.isdecimal() else text)
