"""`hejie bench`: what a step and a document cost, beside the bare library in the same run.

Machines are noisy: every figure is a median with its range, and what counts are the ratios.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from documents.render import PlainRenderer, template_files
from engine.calendars import ChinaCalendar
from engine.deployments import Bundle
from engine.feel import Feel
from engine.identity import SYSTEM
from engine.runtime import Runtime
from engine.runtime.bare import BareCase
from web.settings import Settings
from web.wiring import House, open_house

LOOP_LENGTH = 1000
COUNTS = (10, 100, 480)
"""The bare library loses its task at a depth of 1,000, which this loop reaches before its 500th round."""
AROUND = 8
"""Steps before and after the one asked for, whose median is given."""
PDF_ROUNDS = 5

_LOOP = Path(__file__).with_name("benchmark.bpmn")
_DATA = {"text": "案" * 700, "again": True}  # about 2 KB


@dataclass(frozen=True)
class Figure:
    """Timings of one kind, in milliseconds."""

    name: str
    values_ms: Sequence[float]

    @property
    def median(self) -> float:
        return median(self.values_ms)

    def row(self) -> dict[str, str]:
        low, high = min(self.values_ms), max(self.values_ms)
        return {"name": self.name, "median": f"{self.median:.2f}", "range": f"{low:.2f}–{high:.2f}", "unit": "ms"}


def run(settings: Settings, database: str | None) -> list[dict[str, str]]:
    """Measure, and return a row a figure: name, median, range, unit. Takes a few minutes."""
    sys.setrecursionlimit(20_000)  # for the bare library's long case
    bare = _bare_steps()
    ours = _runtime_steps(settings)
    durable = _durable_steps(settings, database)
    rows = []
    for count in COUNTS:
        rows += [
            (reference := _at("裸库：恢复、完成、保存", bare, count)).row(),
            (step := _at("运行时：恢复、完成、保存", ours, count)).row(),
            (saved := _at("完成任务（提交到数据库）", durable, count)).row(),
            _ratio(f"第 {count} 步：运行时 / 裸库", step, reference),
            _ratio(f"第 {count} 步：提交到数据库 / 裸库", saved, reference),
        ]
    fifth, last = _at("完成任务", durable, 5, around=2), _at("完成任务", durable, LOOP_LENGTH - 3, around=2)
    rows += [fifth.row(), last.row(), _ratio(f"一案 {LOOP_LENGTH} 个任务：末步 / 第 5 步", last, fifth)]
    return rows + _documents(settings)


def _at(name: str, steps: Sequence[float], count: int, around: int = AROUND) -> Figure:
    return Figure(f"{name}，第 {count} 步", [value * 1000 for value in steps[max(0, count - around) : count + around]])


def _ratio(name: str, above: Figure, below: Figure) -> dict[str, str]:
    return {"name": name, "median": f"{above.median / below.median:.2f}", "range": "", "unit": "倍"}


def _timed(action: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def _bare_steps() -> list[float]:
    case = BareCase(_LOOP.read_bytes().replace(b"=again", b"again"), "benchmark", _DATA)
    return [_timed(lambda: case.step({"again": True})) for _ in range(COUNTS[-1] + AROUND)]


def _runtime_steps(settings: Settings) -> list[float]:
    bundle = Bundle.of({"workflows/benchmark.bpmn": _LOOP.read_bytes()})
    now = datetime(2026, 1, 5, tzinfo=UTC)
    with Feel(settings.root / "bundles" / "feel.js", ChinaCalendar()) as feel:
        runtime = Runtime(feel)
        started = runtime.start(bundle, "benchmark", _DATA, now=now)
        state, item = started.save(), started.waiting[0].id
        times = []
        for _ in range(COUNTS[-1] + AROUND):
            begun = time.perf_counter()
            case = runtime.restore(bundle, state, now=now)
            case.complete(item, {"again": True})
            item, state = case.waiting[0].id, case.save()
            times.append(time.perf_counter() - begun)
    return times


def _durable_steps(settings: Settings, database: str | None) -> list[float]:
    with TemporaryDirectory(prefix="hejie-bench-") as folder:
        own = replace(
            settings,
            data_dir=Path(folder),
            database_url=database or f"sqlite:///{folder}/bench.sqlite3",
            files_url="",
        )
        with open_house(own) as house:
            return _loop(house)


def _loop(house: House) -> list[float]:
    files = {"workflows/benchmark.bpmn": _LOOP.read_bytes()}
    house.casework.deploy(files, by=SYSTEM, check=lambda _: [])
    name = f"bench-{time.time_ns()}"
    house.identity.add(name, "基准", None, ["基准"], by=SYSTEM)
    case = house.casework.start_case("benchmark", _DATA, by=name)
    times = []
    (item,) = case.next_item_keys
    for _ in range(LOOP_LENGTH):
        begun = time.perf_counter()
        outcome = house.casework.complete_task(item, {"again": True}, by=name)
        times.append(time.perf_counter() - begun)
        (item,) = outcome.next_item_keys
    return times


def _documents(settings: Settings) -> list[dict[str, str]]:
    folder = settings.root / "documents" / "templates"
    issued_at = datetime(2026, 1, 5, tzinfo=UTC)
    printer = PlainRenderer()
    rows = []
    for template in sorted(path for path in folder.iterdir() if (path / "sample.json").is_file()):
        files = template_files(folder, template.name)
        facts = json.loads(files["sample.json"])
        printed = printer.render(files, facts, issued_at=issued_at, draft=False)  # the first one loads the fonts
        times = [
            _timed(lambda: printer.render(files, facts, issued_at=issued_at, draft=False)) * 1000  # noqa: B023
            for _ in range(PDF_ROUNDS)
        ]
        size = len(printed.pdf) // 1024
        rows.append(Figure(f"PDF {template.name}（{printed.pages} 页，{size} KB）", times).row())
    return rows
