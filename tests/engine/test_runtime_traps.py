"""What SpiffWorkflow 3.2.0 does by itself that a case must never suffer: each made to work, or refused by
name.

Traps with a whole file of tests of their own are not repeated here: timers (test_runtime_timers), scopes of
variables (test_runtime_variables), incidents (test_runtime_incidents), compaction (test_runtime_compaction).
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import etree
from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine

from engine.decisions import DecisionModel
from engine.dialect import read
from engine.runtime import Runtime
from tests.engine.drawing import (
    boundary,
    chain,
    diagram,
    el,
    end,
    error,
    event,
    flow,
    io,
    lanes,
    message,
    multi,
    process,
    script,
    start,
    timer,
    user,
    z,
)
from tests.engine.play import NOW, Files, Play, bundle, bundle_of, feel


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_files_are_read_in_the_encoding_they_declare(encoding: str) -> None:
    """The library opens files as text in the machine's encoding."""
    text = diagram(process("p", start(), user("a", name="登记投诉"), end(), chain("s a e"))).decode()
    found = read("p.bpmn", text.replace("UTF-8", encoding).encode(encoding))
    assert found.problems == ()
    assert found.processes["p"].elements["a"].name == "登记投诉"


def test_a_duration_as_a_modeler_writes_it() -> None:
    """The library evaluates the text of a timer as Python, so that P3D is an unknown name."""
    play = Play(
        bundle(process("p", start(), el("intermediateCatchEvent", "t", timer("P3D")), user("a"), chain("s t a")))
    ).start()
    assert play.fire("t").waits == "a"


def test_an_error_of_a_called_process_that_nobody_catches_does_not_pass_silently() -> None:
    """In the library the caller goes on as if nothing had been."""
    call = el("callActivity", "c", ext=z("calledElement", processId="q"))
    play = Play(
        bundle(
            process("p", start(), call, user("a"), chain("s c a")),
            process("q", start("qs"), end("qe", event("error", "E")), chain("qs qe")),
            error("E", "broken"),
        )
    ).start()
    assert play.waits == "!qe"


def test_a_failing_script_is_an_incident_and_not_a_dead_task() -> None:
    """In the library the exception reaches the caller and the task stays in a state nobody looks at."""
    play = Play(bundle(process("p", start(), script("c", "=nosuch(1)", "r"), user("w"), chain("s c"), chain("s w"))))
    assert play.start().waits == "!c w"


def test_a_restored_case_has_no_python_engine() -> None:
    """The library gives a loaded workflow its unrestricted engine."""
    play = Play(bundle(process("p", start(), user("a"), chain("s a")))).start()
    assert play.run is not None
    assert type(play.run._case.top.script_engine) is not PythonScriptEngine


def test_two_hundred_files_keep_their_lanes() -> None:
    files = {
        f"p{number}.bpmn": diagram(
            process(f"p{number}", lanes(**{f"部门{number}": "a"}), start(), user("a"), end(), chain("s a e"))
        )
        for number in range(200)
    }
    play = Play(bundle_of(files))
    for number in (0, 57, 199):
        assert play.start({}, f"p{number}").item("a").lane == f"部门{number}"


def test_threads_share_the_specs() -> None:
    """Specs are built once and shared; each case is its own."""
    rounds = multi("=items", "item", outputCollection="out", outputElement="=answer")
    inner = el("subProcess", "u", rounds, start("us"), user("a"), chain("us a"))
    files = bundle(process("p", start(), inner, boundary("t", "u", timer("P1D")), end(), chain("s u e"), chain("t e")))
    runtime = Runtime(feel())

    def one(number: int) -> list[int]:
        run = runtime.start(files, "p", {"items": [1, 2, 3]}, now=NOW)
        for answer in range(3):
            run = runtime.restore(files, run.save(), now=NOW)
            item = next(item for item in run.waiting if item.kind == "user_task")
            run.complete(item.id, {"answer": number * 10 + answer})
        assert run.finished
        out: list[int] = run.variables["out"]
        return out

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(one, range(40)))
    assert results == [[number * 10 + answer for answer in range(3)] for number in range(40)]


def test_a_case_is_finished_only_when_nothing_lives() -> None:
    """The library looks 1,000 tasks deep and then calls a case complete although a task is ready."""
    files = bundle(
        process(
            "p",
            start(),
            el("exclusiveGateway", "m"),
            user("a"),
            el("exclusiveGateway", "x", default="x__m"),
            end(),
            chain("s m a x"),
            flow("x", "m"),
            flow("x", "e", "=stop"),
        )
    )
    run = Runtime(feel(), keep_history=True).start(files, "p", {"stop": False}, now=NOW)
    for _ in range(400):
        assert not run.finished
        run.complete(run.waiting[0].id, {})
    assert len(run._case.top.tasks) > 1000
    run = Runtime(feel(), keep_history=True).restore(files, run.save(), now=NOW)
    assert [item.element_id for item in run.waiting] == ["a"]
    run.complete(run.waiting[0].id, {"stop": True})
    assert run.finished


def test_a_form_that_drops_an_entry_of_a_list() -> None:
    """The library merges [c, a] into [a, b, c] as [a, b]."""
    play = Play(bundle(process("p", start(), user("a"), user("b"), chain("s a b")))).start({"list": ["a", "b", "c"]})
    assert play.complete("a", {"list": ["c", "a"]}).variables["list"] == ["c", "a"]


@pytest.mark.parametrize("ids", ["Start End", "End Start", "Root p.EndJoin"])
def test_no_id_is_taken(ids: str) -> None:
    """The library's own nodes are called Start, End and <process>.EndJoin."""
    first, last = ids.split()
    play = Play(bundle(process("p", start(first), user("a"), end(last), chain(f"{first} a {last}")))).start()
    assert play.complete("a").waits == "done"


RICH = diagram(
    process(
        "p",
        lanes(a="t u", b="g"),
        start(),
        user("t", multi("=items", "item"), ext=z("formDefinition", formId="f") + io({"x": "=1"}, {"y": "=x"})),
        boundary("b", "t", timer("R3/PT1H", "timeCycle"), interrupting=False),
        el(
            "subProcess",
            "u",
            start("us"),
            el("scriptTask", "c", ext=z("script", expression="=1", resultVariable="r")),
            chain("us c"),
        ),
        el("eventBasedGateway", "g"),
        el("intermediateCatchEvent", "m", event("message", "M")),
        el("intermediateCatchEvent", "w", timer("PT1H")),
        el("exclusiveGateway", "x", default="x__e"),
        el("callActivity", "k", ext=z("calledElement", processId="p")),
        el("businessRuleTask", "d", ext=z("calledDecision", decisionId="d", resultVariable="r")),
        end(),
        end("z", event("error", "E")),
        chain("s t u g m x"),
        chain("g w k d e"),
        flow("x", "e"),
        flow("x", "z", "=x > 1"),
    ),
    message("M", "m"),
    error("E", "1"),
)


def damaged(dice: random.Random) -> bytes:
    """The rich diagram with a few attributes and elements lost or given the values of others."""
    root = etree.fromstring(RICH)
    for _ in range(dice.randint(1, 3)):
        node = dice.choice([found for found in root.iter() if found is not root])
        names = list(node.attrib)
        parent = node.getparent()
        if names and dice.random() < 0.7:
            name = dice.choice(names)
            if dice.random() < 0.4:
                del node.attrib[name]
            else:
                others = [value for other in root.iter() for value in other.attrib.values()]
                node.set(name, dice.choice([*others, "", "true", "= ", "=x"]))
        elif parent is not None:
            parent.remove(node)
    return etree.tostring(root)


def test_reading_never_raises_and_what_it_accepts_runs() -> None:
    """The library's parser raises TypeError, KeyError and the like for what it does not expect."""
    assert read("p.bpmn", RICH).runnable
    dice = random.Random(7)  # noqa: S311 - not a secret
    accepted = 0
    for number in range(400):
        found = read("p.bpmn", damaged(dice))
        if not found.runnable:
            continue
        accepted += 1
        for process_id, read_process in found.processes.items():
            files = Files(f"damaged {number}", found.processes, DecisionModel.parse({}))
            start_event = read_process.start_events[0].id
            run = Runtime(feel(), step_budget=200).start(
                files, process_id, {"items": [1, 2], "key": "k"}, now=NOW, start_event=start_event
            )
            for item in run.waiting:
                assert item.variables is not None
            for item in [item for item in run.waiting if item.kind == "user_task"]:
                run.complete(item.id, {"x": 2})
            assert Runtime(feel()).restore(files, run.save(), now=NOW).waiting == run.waiting
    assert accepted > 40


def test_bytes_of_any_kind_are_answered() -> None:
    dice = random.Random(11)  # noqa: S311 - not a secret
    for _ in range(200):
        content = bytearray(RICH)
        for _ in range(dice.randint(1, 6)):
            content[dice.randrange(len(content))] = dice.randrange(256)
        assert isinstance(read("p.bpmn", bytes(content)).problems, tuple)
