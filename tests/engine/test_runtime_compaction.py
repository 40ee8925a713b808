"""The compacted state behaves as the uncompacted one, in random diagrams under random commands; and it stays
small."""

from __future__ import annotations

import itertools
import statistics
import time
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.runtime import Run, Runtime, Waiting
from tests.engine.drawing import (
    boundary,
    chain,
    el,
    end,
    escalation,
    event,
    flow,
    job,
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
from tests.engine.play import NOW, Files, bundle, feel

FLAGS = ("f0", "f1", "f2")
Block = tuple[Any, ...]


def blocks() -> st.SearchStrategy[Block]:
    """Well-formed pieces of a diagram, each with one way in and one way out."""
    leaf = st.sampled_from(
        [
            ("user",),
            ("job",),
            ("script",),
            ("pass",),
            ("catch",),
            ("multi",),
            ("loop",),
            ("escalate",),
            ("signal",),
        ]
    )

    def wider(inner: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
        some = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.one_of(
            st.tuples(st.just("seq"), some),
            st.tuples(st.just("xor"), some),
            st.tuples(st.just("and"), some),
            st.tuples(st.just("or"), some),
            st.tuples(st.just("again"), st.tuples(inner)),
            st.tuples(st.just("sub"), st.tuples(inner)),
            st.tuples(st.just("multi-sub"), st.tuples(inner)),
            st.tuples(st.just("events"), st.tuples(inner, inner)),
            st.tuples(st.just("guarded"), st.tuples(inner, inner)),
            st.tuples(st.just("reminded"), st.tuples(inner, inner)),
            st.tuples(st.just("listening"), st.tuples(inner, inner)),
            st.tuples(st.just("call"), st.tuples(inner)),
        )

    return st.recursive(leaf, wider, max_leaves=8)


class Drawing:
    """Draws a block as XML."""

    def __init__(self) -> None:
        self.numbers = itertools.count()
        self.called: list[str] = []

    def file(self, block: Block) -> Files:
        inside, first, last = self.draw(block)
        main = process("p", start(), inside, end(), chain(f"s {first}"), chain(f"{last} e"))
        return bundle(main, *self.called, message("M", "m", "=key"), signal("S", "s"), escalation("X", "x"))

    def draw(self, block: Block) -> tuple[str, str, str]:
        """Return the XML and the ids of the first and the last element."""
        kind, *inner = block
        name = f"{kind.replace('-', '_')}{next(self.numbers)}"
        parts = [self.draw(child) for child in (inner[0] if inner else ())]
        drawn = getattr(self, f"_{kind.replace('-', '_')}")(name, *([parts] if parts else []))
        return drawn if isinstance(drawn, tuple) else (drawn, name, name)

    def _user(self, name: str) -> str:
        return user(name)

    def _job(self, name: str) -> str:
        return job(name)

    def _script(self, name: str) -> str:
        return script(name, "=n + 1", "n")

    def _pass(self, name: str) -> str:
        return el("manualTask", name)

    def _catch(self, name: str) -> str:
        return el("intermediateCatchEvent", name, event("message", "M"))

    def _multi(self, name: str) -> str:
        return user(name, multi("=items", "item", outputCollection="out", outputElement="=item"))

    def _loop(self, name: str) -> str:
        standard = '<bpmn:standardLoopCharacteristics loopMaximum="2"/>'
        return el("receiveTask", name, standard, messageRef="M")

    def _escalate(self, name: str) -> str:
        return el("intermediateThrowEvent", name, event("escalation", "X"))

    def _signal(self, name: str) -> str:
        return el("intermediateThrowEvent", name, event("signal", "S"))

    def _seq(self, name: str, parts: list[tuple[str, str, str]]) -> tuple[str, str, str]:
        flows = [flow(one[2], two[1]) for one, two in itertools.pairwise(parts)]
        return "".join([*(part[0] for part in parts), *flows]), parts[0][1], parts[-1][2]

    def _branches(
        self, name: str, gateway: str, parts: list[tuple[str, str, str]], *, conditions: bool
    ) -> tuple[str, str, str]:
        split, join = f"{name}_split", f"{name}_join"
        default = f"{split}__{parts[-1][1]}"
        options = {"default": default} if conditions else {}
        drawn = [el(gateway, split, **options), el(gateway, join)]
        for index, (xml, first, last) in enumerate(parts):
            needs = conditions and index < len(parts) - 1
            drawn += [xml, flow(split, first, f"={FLAGS[index]}" if needs else ""), flow(last, join)]
        return "".join(drawn), split, join

    def _xor(self, name: str, parts: list[tuple[str, str, str]]) -> tuple[str, str, str]:
        return self._branches(name, "exclusiveGateway", parts, conditions=True)

    def _and(self, name: str, parts: list[tuple[str, str, str]]) -> tuple[str, str, str]:
        return self._branches(name, "parallelGateway", parts, conditions=False)

    def _or(self, name: str, parts: list[tuple[str, str, str]]) -> tuple[str, str, str]:
        return self._branches(name, "inclusiveGateway", parts, conditions=True)

    def _again(self, name: str, parts: list[tuple[str, str, str]]) -> tuple[str, str, str]:
        merge, split = f"{name}_merge", f"{name}_split"
        xml, first, last = parts[0]
        out = f"{name}_out"
        drawn = [
            el("exclusiveGateway", merge),
            el("exclusiveGateway", split, default=f"{split}__{out}"),
            el("task", out),
            user(f"{name}_ask"),
            xml,
            chain(f"{merge} {name}_ask {first}"),
            flow(last, split),
            flow(split, merge, "=f2"),
            flow(split, out),
        ]
        return "".join(drawn), merge, out

    def _inside(self, name: str, part: tuple[str, str, str]) -> str:
        xml, first, last = part
        return start(f"{name}_s") + xml + end(f"{name}_e") + chain(f"{name}_s {first}") + chain(f"{last} {name}_e")

    def _sub(self, name: str, parts: list[tuple[str, str, str]]) -> str:
        return el("subProcess", name, self._inside(name, parts[0]))

    def _multi_sub(self, name: str, parts: list[tuple[str, str, str]]) -> str:
        return el("subProcess", name, multi("=items", "item", sequential=True), self._inside(name, parts[0]))

    def _call(self, name: str, parts: list[tuple[str, str, str]]) -> str:
        self.called.append(process(f"{name}_p", self._inside(name, parts[0])))
        return el("callActivity", name, ext=z("calledElement", processId=f"{name}_p"))

    def _events(self, name: str, parts: list[tuple[str, str, str]]) -> tuple[str, str, str]:
        gate, join = f"{name}_gate", f"{name}_join"
        drawn = [el("eventBasedGateway", gate), el("exclusiveGateway", join)]
        for index, (xml, first, last) in enumerate(parts):
            catch = f"{name}_catch{index}"
            definition = timer("PT1H") if index else event("signal", "S")
            drawn += [
                el("intermediateCatchEvent", catch, definition),
                xml,
                chain(f"{gate} {catch} {first}"),
                flow(last, join),
            ]
        return "".join(drawn), gate, join

    def _guard(self, name: str, parts: list[tuple[str, str, str]], definition: str, *, ends: bool) -> str:
        """A sub-process with a boundary event and what comes after it, up to the element `<name>_after`."""
        inside, (xml, first, last) = parts
        return (
            el("subProcess", name, self._inside(name, inside))
            + boundary(f"{name}_b", name, definition, interrupting=ends)
            + xml
            + chain(f"{name}_b {first}")
            + chain(f"{last} {name}_after")
        )

    def _guarded(self, name: str, parts: list[tuple[str, str, str]]) -> tuple[str, str, str]:
        drawn = self._guard(name, parts, timer("P1D"), ends=True)
        merge = el("exclusiveGateway", f"{name}_after") + chain(f"{name} {name}_after")
        return drawn + merge, name, f"{name}_after"

    def _reminded(self, name: str, parts: list[tuple[str, str, str]]) -> tuple[str, str, str]:
        drawn = self._guard(name, parts, timer("R2/PT1H", "timeCycle"), ends=False)
        return drawn + end(f"{name}_after"), name, name

    def _listening(self, name: str, parts: list[tuple[str, str, str]]) -> str:
        xml, first, last = parts[1]
        listener = el(
            "subProcess",
            f"{name}_v",
            el("startEvent", f"{name}_vs", event("escalation", "X"), isInterrupting="false"),
            xml,
            end(f"{name}_ve"),
            chain(f"{name}_vs {first}"),
            chain(f"{last} {name}_ve"),
            triggeredByEvent="true",
        )
        return el("subProcess", name, self._inside(name, parts[0]), listener)


def act(run: Run, item: Waiting, flags: dict[str, bool]) -> None:
    match item.kind:
        case "user_task" | "job":
            run.complete(item.id, flags)
        case "timer":
            run.fire(item.id)
        case "message" | "signal":
            run.deliver(item.id, flags)
        case "incident":
            run.retry(item.id)


def seen(run: Run) -> tuple[Any, ...]:
    return run.waiting, [item.variables for item in run.waiting], run.variables, run.finished


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(block=blocks(), data=st.data())
def test_compaction_changes_nothing(block: Block, data: st.DataObject) -> None:
    files = Drawing().file(block)
    compacting = Runtime(feel(), step_budget=1000)
    keeping = Runtime(feel(), step_budget=1000, keep_history=True)
    initial = {**dict.fromkeys(FLAGS, False), "items": [1, 2], "key": "k", "n": 0}
    lean = compacting.start(files, "p", initial, now=NOW)
    full = keeping.start(files, "p", initial, now=NOW)
    straight = compacting.start(files, "p", initial, now=NOW)
    for _ in range(25):
        assert seen(lean) == seen(full) == seen(straight)
        assert not [item for item in lean.waiting if item.kind == "incident"]
        if lean.finished:
            break
        assert lean.waiting, "a sound diagram always waits for something"
        item = data.draw(st.sampled_from(lean.waiting))
        flags = {name: data.draw(st.booleans()) for name in FLAGS}
        lean = compacting.restore(files, lean.save(), now=NOW)
        full = keeping.restore(files, full.save(), now=NOW)
        before = len(straight.happened)
        for run in (lean, full, straight):
            act(run, item, flags)
        assert lean.happened == full.happened == straight.happened[before:]
    comes_to_its_end(lean)


def comes_to_its_end(run: Run) -> None:
    """Whatever happened so far: doing what waits, without ever going round again, ends the case."""
    for _ in range(200):
        if run.finished:
            return
        first = min(run.waiting, key=lambda item: (item.kind == "timer", int(item.id)))
        act(run, first, dict.fromkeys(FLAGS, False))
    raise AssertionError(f"still waiting: {run.waiting}")


def looping(*inside: str) -> Files:
    """A user task `a` in a loop, and what else stands in it."""
    return bundle(
        process(
            "p",
            start(),
            el("exclusiveGateway", "m"),
            user("a"),
            *inside,
            el("exclusiveGateway", "x", default="x__m"),
            end(),
            flow("x", "m"),
            flow("x", "e", "=stop"),
        )
    )


@dataclass
class Looped:
    """A case that went round many times: the states before each step, the largest of them, the run at its end."""

    runtime: Runtime
    files: Files
    states: list[bytes]
    run: Run

    def seconds(self, number: int) -> float:
        """Seconds of one step (restore, complete, save) from the state before it."""
        began = time.process_time()
        run = self.runtime.restore(self.files, self.states[number], now=NOW)
        item = next(item for item in run.waiting if item.kind == "user_task")
        run.complete(item.id, {"stop": False})
        run.save()
        return time.process_time() - began

    def last_against_fifth(self) -> float:
        """How much longer the last step takes than the fifth (or sixth: of the same kind), measured in turns."""
        last_number = len(self.states) - 1
        pairs = [(self.seconds(4 + last_number % 2), self.seconds(last_number)) for _ in range(60)]
        fifth, last = (statistics.quantiles(times, n=4)[0] for times in zip(*pairs, strict=True))
        return last / fifth


def looped(files: Files, rounds: int, variables: dict[str, Any]) -> Looped:
    runtime = Runtime(feel())
    run = runtime.start(files, "p", {**variables, "stop": False}, now=NOW)
    states, done = [], 0
    while not run.finished:
        states.append(run.save())
        run = runtime.restore(files, states[-1], now=NOW)
        item = next(item for item in run.waiting if item.kind == "user_task")
        done += item.element_id == "a"
        run.complete(item.id, {"stop": done >= rounds})
    return Looped(runtime, files, states, run)


def test_a_thousand_user_tasks_in_one_case() -> None:
    """The library stops at 500 without a word, after slowing down from round to round."""
    case = looped(looping(chain("s m a x")), 1000, {"case": {"text": "x" * 2000}})
    assert case.run.finished
    assert len(case.states) == 1000
    assert max(len(state) for state in case.states) < 1000
    assert case.last_against_fifth() <= 1.5


@pytest.mark.parametrize("gateway", ["parallelGateway", "inclusiveGateway"], ids=["parallel", "inclusive"])
def test_a_join_in_a_long_loop_costs_no_more_late_than_early(gateway: str) -> None:
    """In the library a join inside a loop costs seconds from some 400 tasks on."""
    condition = "=true" if gateway == "inclusiveGateway" else ""
    inside = (
        el(gateway, "f")
        + user("b")
        + el(gateway, "j")
        + chain("s m f")
        + flow("f", "a", condition)
        + flow("f", "b", condition)
        + chain("a j x")
        + chain("b j")
    )
    case = looped(looping(inside), 250, {})
    assert case.run.finished
    assert len(case.states) == 500
    assert max(len(state) for state in case.states) < 1000
    assert case.last_against_fifth() <= 1.5


def test_passing_elements_leave_nothing_behind() -> None:
    files = bundle(
        process(
            "p",
            start(),
            el("exclusiveGateway", "m"),
            script("c", "=n + 1", "n"),
            el("exclusiveGateway", "x", default="x__m"),
            user("a"),
            chain("s m c x"),
            flow("x", "m"),
            flow("x", "a", "=n >= 700"),
        )
    )
    run = Runtime(feel()).start(files, "p", {"n": 0}, now=NOW)
    assert run.variables == {"n": 700}
    assert len(run._case.top.tasks) == 2  # the root and the user task


@pytest.mark.parametrize("length", [600, 3000])
def test_a_long_plain_sequence(length: int) -> None:
    """The library's parser recurses along the flows and dies at some 490 elements."""
    ids = [f"t{number}" for number in range(length)]
    parts = [el("task", element_id) for element_id in ids]
    files = bundle(process("p", start(), *parts, user("a"), chain(f"s {' '.join(ids)} a")))
    run = Runtime(feel()).start(files, "p", {}, now=NOW)
    assert [item.element_id for item in run.waiting] == ["a"]
