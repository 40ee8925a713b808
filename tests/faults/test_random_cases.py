"""Random small diagrams, random people and a worker that dies, against a plain model of what must hold.

The model knows blocks, not BPMN: it says which elements of a case are open, who holds them, and what has happened how
often. `HEJIE_RANDOM_EXAMPLES` tries as many runs, each time others; without it a few that are always the same.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from engine import journal
from engine.casework import errors
from engine.operations import Job, Operation, OperationFailed
from engine.worker import LEASE, Worker
from tests.engine.conftest import House
from tests.engine.drawing import z
from tests.engine.procedures import (
    boundary,
    el,
    end,
    event,
    file,
    flow,
    job,
    message,
    process,
    start,
    timer,
    user,
)

EXAMPLES = os.environ.get("HEJIE_RANDOM_EXAMPLES")
HOUR = timedelta(hours=1)
KEPT = timedelta(minutes=90)
"""How long a message waits for its receiver: no multiple of what the clock moves by."""
PEOPLE = st.sampled_from(["alice", "bob"])
COUNTED = ("task:completed", "timer:fired", "job:completed", "message:correlated")
_RUNS = itertools.count()

Shape = Any
"""A leaf's kind, or (kind of block, shapes in it)."""
SHAPES: st.SearchStrategy[Shape] = st.recursive(
    st.sampled_from(["task", "guarded", "timer", "message", "job"]),
    lambda inside: st.one_of(
        st.tuples(st.sampled_from(["row", "fork", "choice"]), st.lists(inside, min_size=2, max_size=3)),
        st.tuples(st.just("sub"), st.lists(inside, min_size=1, max_size=1)),
    ),
    max_leaves=6,
)


@dataclass(eq=False)
class Block:
    """A piece of a procedure with one way in and one way out."""

    kind: str
    id: str
    inside: list[Block] = field(default_factory=list)
    around: Block | None = None

    @classmethod
    def of(cls, shape: Shape, numbers: itertools.count[int], around: Block | None = None) -> Block:
        kind, inside = (shape, []) if isinstance(shape, str) else shape
        block = cls(kind, f"{kind}{next(numbers)}", around=around)
        block.inside = [cls.of(one, numbers, block) for one in inside]
        return block

    def draw(self, process_id: str) -> tuple[str, str, str]:
        """Return the element where it begins, the one where it ends, and the XML of both and all between."""
        if not self.inside:
            return self._draw_leaf(process_id)
        me = self.id
        drawn = [one.draw(process_id) for one in self.inside]
        parts = "".join(part for _, _, part in drawn)
        if self.kind == "row":
            joints = "".join(flow(one[1], following[0]) for one, following in itertools.pairwise(drawn))
            return drawn[0][0], drawn[-1][1], parts + joints
        if self.kind == "sub":
            [(first, last, _)] = drawn
            begin, over = f"{me}_s", f"{me}_e"
            inside = start(begin) + parts + end(over) + flow(begin, first) + flow(last, over)
            return me, me, el("subProcess", me, inside)
        tag = "parallelGateway" if self.kind == "fork" else "exclusiveGateway"
        split, join = f"{me}_split", f"{me}_join"
        default = {"default": f"{split}__{drawn[0][0]}"} if self.kind == "choice" else {}
        parts += el(tag, split, **default) + el(tag, join)
        for number, (first, last, _) in enumerate(drawn):
            condition = f"=pick = {number}" if self.kind == "choice" and number else ""
            parts += flow(split, first, condition) + flow(last, join)
        return split, join, parts

    def _draw_leaf(self, process_id: str) -> tuple[str, str, str]:
        me = self.id
        if self.kind == "guarded":
            late, on = f"{me}_late", f"{me}_on"
            drawn = _task(me) + boundary(late, me, timer("PT1H")) + el("exclusiveGateway", on)
            return me, on, drawn + flow(me, on) + flow(late, on)
        return (
            me,
            me,
            {
                "task": _task(me),
                "timer": el("intermediateCatchEvent", me, timer("PT1H")),
                "message": el("intermediateCatchEvent", me, event("message", f"{process_id}-{me}")),
                "job": job(me, kind="fragile"),
            }[self.kind],
        )

    def messages(self) -> list[str]:
        own = [self.id] if self.kind == "message" else []
        return own + [name for one in self.inside for name in one.messages()]


def _task(element_id: str) -> str:
    return user(element_id, ext=z("assignmentDefinition", candidateGroups="第一接待人"))


@dataclass
class Open:
    """A leaf that waits, in the model."""

    block: Block
    since: datetime
    assignee: str | None = None
    broken: bool = False


@dataclass
class Case:
    """A case in the model."""

    key: int
    process_id: str
    token: str
    pick: int
    open: dict[str, Open] = field(default_factory=dict)
    closed: dict[str, str | None] = field(default_factory=dict)
    """Tasks that are over -> who completed them; None: taken away."""
    left: dict[Block, int] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    finished: bool = False

    def enter(self, block: Block, now: datetime) -> None:
        if not block.inside:
            self.open[block.id] = Open(block, now)
        elif block.kind == "fork":
            self.left[block] = len(block.inside)
            for one in block.inside:
                self.enter(one, now)
        elif block.kind == "choice":
            self.enter(block.inside[self.pick if self.pick < len(block.inside) else 0], now)
        else:
            self.enter(block.inside[0], now)

    def leave(self, block: Block, now: datetime) -> None:
        around = block.around
        if around is None:
            self.finished = True
        elif around.kind == "row" and block is not around.inside[-1]:
            self.enter(around.inside[around.inside.index(block) + 1], now)
        elif around.kind == "fork" and self.left[around] > 1:
            self.left[around] -= 1
        else:
            self.leave(around, now)

    def close(self, leaf: Open, what: str, now: datetime) -> None:
        self.done[what] += 1
        del self.open[leaf.block.id]
        self.leave(leaf.block, now)

    def waits(self) -> list[str]:
        names = []
        for name, leaf in self.open.items():
            kind = leaf.block.kind
            names.append(f"{'user_task' if kind in ('task', 'guarded') else kind}:{name}")
            if kind == "guarded":
                names.append(f"timer:{name}_late")
        return sorted(names)

    def tasks(self) -> dict[str, Open]:
        return {name: leaf for name, leaf in self.open.items() if leaf.block.kind in ("task", "guarded")}


class Fragile(Operation):
    """A verb of a worker that can be broken."""

    type = "fragile"

    def __init__(self) -> None:
        self.broken = False

    def perform(self, job: Job) -> dict[str, Any]:
        if self.broken:
            raise OperationFailed("坏了。", permanent=True)
        return {}


class Cases(RuleBasedStateMachine):
    """What people, other systems and the worker do, each to the house and to the model."""

    def __init__(self, house: House, verb: Fragile) -> None:
        super().__init__()
        self.house, self.verb = house, verb
        self.process_id = f"p{next(_RUNS)}"
        self.keys: dict[tuple[int, str], int] = {}
        self.latest: Block | None = None
        self.cases: list[Case] = []
        self.buffered: list[tuple[str, str, datetime]] = []
        verb.broken = False

    # --- files and cases

    @initialize(shape=st.tuples(st.just("row"), st.lists(SHAPES, min_size=2, max_size=4)), pick=st.integers(0, 2))
    def open(self, shape: Shape, pick: int) -> None:
        self.deploy(shape)
        self.begin(pick)

    @rule(shape=SHAPES)
    def deploy(self, shape: Shape) -> None:
        block = Block.of(shape, itertools.count())
        first, last, drawn = block.draw(self.process_id)
        named = [
            message(f"{self.process_id}-{name}", f"{self.process_id}-{name}", "=token") for name in block.messages()
        ]
        ends = start() + end() + flow("s", first) + flow(last, "e")
        self.house.deploy(file(*named, process(self.process_id, ends, drawn), name=self.process_id))
        self.latest = block

    @precondition(lambda self: len(self.running()) < 4)
    @rule(pick=st.integers(0, 2))
    def begin(self, pick: int) -> None:
        token = f"{self.process_id}-{len(self.cases)}"
        variables = {"token": token, "pick": pick}
        ref = self.house.casework.start_case(self.process_id, variables, by="alice")
        case = Case(ref.key, self.process_id, token, pick)
        assert self.latest is not None
        case.enter(self.latest, self.house.clock.now())
        self.cases.append(case)
        self.look_at(case)

    # --- people

    @precondition(lambda self: self.offered())
    @rule(data=st.data(), by=PEOPLE)
    def claim(self, data: st.DataObject, by: str) -> None:
        case, leaf = self.one_of(data, self.offered())
        mine = leaf.assignee in (None, by)
        self.expect(None if mine else errors.TaskClaimedBySomeoneElse, self.house.casework.claim, case, leaf, by=by)
        leaf.assignee = by if mine else leaf.assignee
        self.look_at(case)

    @precondition(lambda self: self.offered())
    @rule(data=st.data(), by=PEOPLE)
    def release(self, data: st.DataObject, by: str) -> None:
        case, leaf = self.one_of(data, self.offered())
        mine = leaf.assignee in (None, by)
        self.expect(None if mine else errors.NotAllowed, self.house.casework.release, case, leaf, by=by)
        leaf.assignee = None if mine else leaf.assignee
        self.look_at(case)

    @precondition(lambda self: self.offered())
    @rule(data=st.data(), to=PEOPLE)
    def assign(self, data: st.DataObject, to: str) -> None:
        case, leaf = self.one_of(data, self.offered())
        self.expect(None, self.house.casework.assign, case, leaf, to, by="root")
        leaf.assignee = to
        self.look_at(case)

    @precondition(lambda self: self.offered())
    @rule(data=st.data(), by=st.one_of(st.none(), PEOPLE))
    def complete(self, data: st.DataObject, by: str | None) -> None:
        """By anybody, or by whoever holds it."""
        case, leaf = self.one_of(data, self.offered())
        by = by or leaf.assignee or "alice"
        mine = leaf.assignee in (None, by)
        wrong = None if mine else errors.TaskClaimedBySomeoneElse
        self.expect(wrong, self.house.casework.complete_task, case, leaf, {}, by=by)
        if mine:
            case.closed[leaf.block.id] = by
            case.close(leaf, f"task:completed {leaf.block.id}", self.house.clock.now())
        self.look_at(case)

    @precondition(lambda self: any(case.closed for case in self.cases))
    @rule(data=st.data(), by=PEOPLE)
    def complete_again(self, data: st.DataObject, by: str) -> None:
        case, name = self.one_of(data, [(case, name) for case in self.cases for name in sorted(case.closed)])
        with pytest.raises((errors.TaskAlreadyCompleted, errors.TaskCanceled)) as told:
            self.house.casework.complete_task(self.keys[case.key, name], {}, by=by)
        assert getattr(told.value, "by", None) == case.closed[name]

    # --- other systems, time, the worker

    @precondition(lambda self: self.awaited())
    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        """A message for a case; it may come before its receiver waits, or twice."""
        case, name = self.one_of(data, self.awaited())
        self.house.casework.publish_message(f"{self.process_id}-{name}", case.token, ttl=KEPT)
        self.buffered.append((name, case.token, self.house.clock.now() + KEPT))

    @rule(broken=st.booleans())
    def verb_breaks(self, broken: bool) -> None:
        self.verb.broken = broken

    @precondition(lambda self: self.broken())
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        case, leaf = self.one_of(data, self.broken())
        self.expect(errors.NotAllowed, self.house.casework.retry_incident, case, leaf, by="alice")
        self.expect(None, self.house.casework.retry_incident, case, leaf, by="root")
        leaf.broken = False

    @rule()
    def work(self) -> None:
        self.house.worker.run_once()
        now = self.house.clock.now()
        while any(self.goes_on(case, leaf, now) for case in self.cases for leaf in list(case.open.values())):
            pass
        for case in self.cases:
            self.look_at(case)

    @rule(minutes=st.sampled_from([20, 60, 120]))
    def time_goes_by(self, minutes: int) -> None:
        self.work()
        self.house.clock.advance(timedelta(minutes=minutes))
        self.work()

    @rule(rows=st.integers(1, 5))
    def a_worker_dies(self, rows: int) -> None:
        """It claims, and is gone; whatever it had is done when its lease is over."""
        Worker(self.house.casework, self.house.database, clock=self.house.clock).claim(rows)
        self.house.clock.advance(LEASE)
        self.work()

    # --- the model

    def goes_on(self, case: Case, leaf: Open, now: datetime) -> bool:
        """Do with a leaf what a worker does, and say whether it did anything."""
        name, kind = leaf.block.id, leaf.block.kind
        if kind == "job" and not leaf.broken:
            if self.verb.broken:
                leaf.broken = True
            else:
                case.close(leaf, f"job:completed {name}", now)
            return True
        if kind in ("timer", "guarded") and leaf.since + HOUR <= now:
            if kind == "guarded":
                case.closed[name] = None
            case.close(leaf, f"timer:fired {name}" + ("_late" if kind == "guarded" else ""), now)
            return True
        if kind == "message":
            came = [note for note in self.buffered if note[:2] == (name, case.token) and note[2] > now]
            if came:
                self.buffered.remove(came[0])
                case.close(leaf, f"message:correlated {name}", now)
                return True
        return False

    def running(self) -> list[Case]:
        return [case for case in self.cases if not case.finished]

    def offered(self) -> list[tuple[Case, Open]]:
        return [(case, leaf) for case in self.running() for leaf in case.tasks().values()]

    def broken(self) -> list[tuple[Case, Open]]:
        return [(case, leaf) for case in self.running() for leaf in case.open.values() if leaf.broken]

    def awaited(self) -> list[tuple[Case, str]]:
        names = self.latest.messages() if self.latest else []
        return [(case, name) for case in self.running() for name in names]

    @staticmethod
    def one_of(data: st.DataObject, choices: list[Any]) -> Any:
        return choices[data.draw(st.integers(0, len(choices) - 1))]

    def expect(
        self, wrong: type[Exception] | None, act: Callable[..., Any], case: Case, leaf: Open, *args: Any, by: str
    ) -> None:
        key = self.keys[case.key, leaf.block.id]
        if wrong is None:
            act(key, *args, by=by)
        else:
            with pytest.raises(wrong):
                act(key, *args, by=by)

    def look_at(self, case: Case) -> None:
        """Compare what waits and who holds it."""
        view = self.house.worklist.case(case.key, self.house.person("root"))
        found = [item for item in view.items if item.state == "CREATED"]
        assert sorted(f"{item.kind}:{item.element_id}" for item in found) == case.waits()
        assert (view.case.state == "COMPLETED") == case.finished
        held = {item.element_id: item.assignee for item in found if item.kind == "user_task"}
        assert held == {name: leaf.assignee for name, leaf in case.tasks().items()}
        assert {incident.element_id for incident in view.incidents} == {
            name for name, leaf in case.open.items() if leaf.broken
        }
        self.keys |= {(case.key, item.element_id): item.key for item in found}

    def teardown(self) -> None:
        for case in self.cases:
            happened = Counter(entry for entry in self.house.events(case.key) if entry.startswith(COUNTED))
            assert happened == case.done
            assert journal.verify(self.house.database, case.key).intact
            if not case.finished:
                self.house.casework.cancel_case(case.key, "试验结束", by="root")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # what is tried here no database decides
def test_random_cases(make_house: Callable[..., House]) -> None:
    verb = Fragile()
    house = make_house(verb)
    run_state_machine_as_test(
        lambda: Cases(house, verb),  # type: ignore[arg-type]  # it only calls it
        settings=settings(
            max_examples=int(EXAMPLES or 15),
            stateful_step_count=40,
            derandomize=EXAMPLES is None,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
