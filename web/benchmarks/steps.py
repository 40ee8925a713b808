"""One step of a case: the bare library's, the runtime's, and the whole one that is committed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from engine.deployments import Bundle
from engine.runtime import Runtime
from engine.runtime.bare import BareCase
from web.benchmarks.figures import Cost, Figure, cost, ms, ratio, timed
from web.benchmarks.place import PROCEDURES, Place

PROCESS = "benchmark"
DATA = {"text": "案" * 700, "again": True}  # about 2 KB
AGAIN = {"again": True}
DEEPEST = 480
"""The bare library loses its task at a depth of 1,000, which this loop reaches before its 500th round."""
_LOOP = (PROCEDURES / "workflows" / "benchmark.bpmn").read_bytes()

Step = Callable[[], Any]


def figures(place: Place, *, quick: bool) -> Iterator[Figure]:
    """Measure the three kinds in turn, so that a noise of the machine meets all of them alike."""
    by = place.person("stepper")
    rounds, depths = (4, (10,)) if quick else (60, (10, 100, DEEPEST))
    medians: dict[int, Figure] = {}
    flush = _flush(place)
    for depth in depths:
        bare, runtime = _bare(depth), _runtime(place, depth)
        taken: dict[str, list[Cost]] = {"bare": [], "runtime": [], "durable": [], "flush": []}
        durable = _durable(place, depth, by)
        for _ in range(rounds if depth < 100 else max(rounds // 3, 4)):
            taken["bare"].append(cost(bare))
            taken["flush"].append(cost(flush))
            for _ in range(1 if depth < 100 else 3):
                taken["runtime"].append(cost(runtime))
                taken["durable"].append(cost(next(durable)))
        wall = {kind: [one.seconds for one in costs] for kind, costs in taken.items()}
        yield (reference := ms(f"裸库：恢复、完成、保存，第 {depth} 个任务", wall["bare"]))
        yield (step := ms(f"运行时：恢复、完成、保存，第 {depth} 个任务", wall["runtime"]))
        yield (saved := ms(f"完成任务并提交，第 {depth} 个任务", wall["durable"]))
        if depth == depths[0]:
            yield ms("磁盘：追加 80 KB 并落盘，与上面轮流", wall["flush"])
        medians[depth] = saved
        most = 3.0 if depth == 10 else 1.0 if depth == DEEPEST else None
        yield ratio(f"第 {depth} 个任务：运行时 / 裸库", step, reference)
        yield ratio(f"第 {depth} 个任务：提交 / 裸库", saved, reference, most=most)
        used = {kind: ms("", [one.processor for one in costs]) for kind, costs in taken.items()}
        yield ratio(f"第 {depth} 个任务：提交 / 裸库，只算处理器时间", used["durable"], used["bare"])
    if DEEPEST in medians:
        yield ratio(f"第 {DEEPEST} 个任务 / 第 10 个任务", medians[DEEPEST], medians[10], most=1.25)


def starts(place: Place, *, quick: bool) -> Figure:
    """Measure starting a case of the loop."""
    by = place.person("starter")
    start = partial(place.house.casework.start_case, PROCESS, DATA, by=by)
    start()
    return ms("发起案件（取号、运行到第一个任务、提交）", [timed(start) for _ in range(5 if quick else 100)])


def _flush(place: Place) -> Step:
    """Return what a commit asks of the disk, and nothing else."""
    path = place.settings.data_dir / "flushed"

    def flush() -> None:
        with path.open("ab") as file:
            file.write(b"x" * 80 * 1024)  # as many pages as SQLite logs for a step
            file.flush()
            os.fsync(file.fileno())

    return flush


def _bare(depth: int) -> Step:
    sys.setrecursionlimit(20_000)  # for the bare library's long case
    # The library evaluates Python: the condition without FEEL's mark.
    case = BareCase(_LOOP.replace(b"=again", b"again"), PROCESS, DATA)
    for _ in range(depth):
        case.step(AGAIN)
    state = case.state

    def step() -> None:
        case.state = state
        case.step(AGAIN)

    return step


def _runtime(place: Place, depth: int) -> Step:
    bundle = Bundle.of({"workflows/benchmark.bpmn": _LOOP})
    now = datetime(2026, 1, 5, tzinfo=UTC)
    runtime = Runtime(place.house.feel)
    run = runtime.start(bundle, PROCESS, DATA, now=now)
    for _ in range(depth):
        run.complete(run.waiting[0].id, AGAIN)
    state, item = run.save(), run.waiting[0].id

    def step() -> None:
        case = runtime.restore(bundle, state, now=now)
        case.complete(item, AGAIN)
        _ = case.waiting[0].id
        case.save()

    return step


def _durable(place: Place, depth: int, by: str) -> Iterator[Step]:
    """Yield what completes tasks number `depth` and around it, of a new case when one is past that."""
    casework = place.house.casework
    around = 8 if depth < 100 else 30
    while True:
        keys = casework.start_case(PROCESS, DATA, by=by).next_item_keys

        def step() -> None:
            nonlocal keys
            keys = casework.complete_task(keys[0], AGAIN, by=by).next_item_keys

        for _ in range(max(depth - around, 0)):
            step()
        for _ in range(min(depth, around) + around):
            yield step
