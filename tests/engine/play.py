"""Plays a diagram: commands by element id, the state saved and restored between every two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from engine.decisions import DecisionModel
from engine.dialect import Process, read
from engine.feel import Feel
from engine.runtime import Happening, Run, Runtime, Thrown, Waiting
from tests.engine import drawing

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)  # Monday, 9:00 in China

_MARKS = {
    "user_task": "",
    "job": "job:",
    "timer": "timer:",
    "message": "msg:",
    "signal": "sig:",
    "incident": "!",
}


class PlainWeek:
    """A calendar with nothing but weekends."""

    def is_working_day(self, day: date) -> bool:
        return day.weekday() < 5

    def version(self) -> str:
        return "plain"


@cache
def feel() -> Feel:
    """The interpreter of all tests; patient, since other tests may keep the machine busy."""
    return Feel(ROOT / "bundles/feel.js", PlainWeek(), time_limit=timedelta(seconds=10))


@dataclass(frozen=True)
class Files:
    """A bundle made of diagrams and decision tables."""

    hash: str
    diagrams: Mapping[str, Process]
    decisions: DecisionModel


def bundle(*parts: str, decisions: Mapping[str, bytes] | None = None) -> Files:
    """The bundle of one drawn file; fails if anything is wrong with it."""
    return bundle_of({"drawn.bpmn": drawing.diagram(*parts)}, decisions)


def bundle_of(files: Mapping[str, bytes], decisions: Mapping[str, bytes] | None = None) -> Files:
    processes: dict[str, Process] = {}
    for file, content in files.items():
        diagram = read(file, content)
        assert diagram.runnable, [str(problem) for problem in diagram.problems]
        processes |= diagram.processes
    return Files(str(hash(tuple(files.values()))), processes, DecisionModel.parse(decisions or {}))


class Play:
    """One case under test."""

    def __init__(self, files: Files, *, keep_history: bool = False, **options: Any) -> None:
        self.files = files
        self.now = NOW
        self.runtime = Runtime(feel(), keep_history=keep_history, **options)
        self.state = b""
        self.happened: list[Happening] = []
        self.thrown: list[Thrown] = []
        self.run: Run | None = None

    def start(self, variables: Mapping[str, Any] | None = None, process_id: str = "p", **options: Any) -> Play:
        return self._keep(self.runtime.start(self.files, process_id, variables or {}, now=self.now, **options))

    def complete(self, element: str, variables: Mapping[str, Any] | None = None) -> Play:
        run = self._restored()
        run.complete(self.item(element).id, variables or {})
        return self._keep(run)

    def fire(self, element: str, after: timedelta | None = None) -> Play:
        due = self.item(element).due
        assert due is not None
        self.now = self.now + after if after is not None else max(self.now, due.at)
        run = self._restored()
        run.fire(self.item(element).id)
        return self._keep(run)

    def deliver(self, element: str, variables: Mapping[str, Any] | None = None) -> Play:
        run = self._restored()
        run.deliver(self.item(element).id, variables or {})
        return self._keep(run)

    def error(self, element: str, code: str, variables: Mapping[str, Any] | None = None) -> Play:
        run = self._restored()
        run.throw_error(self.item(element).id, code, "", variables)
        return self._keep(run)

    def retry(self, element: str) -> Play:
        run = self._restored()
        run.retry(self.item(element, "incident").id)
        return self._keep(run)

    def set(self, variables: Mapping[str, Any], at: str | None = None) -> Play:
        run = self._restored()
        run.set_variables(self.item(at).id if at else None, variables)
        return self._keep(run)

    def cancel(self) -> Play:
        run = self._restored()
        run.cancel()
        return self._keep(run)

    def _restored(self) -> Run:
        run = self.runtime.restore(self.files, self.state, now=self.now)
        self.run = run
        return run

    def _keep(self, run: Run) -> Play:
        self.state = run.save()
        self.happened += run.happened
        self.thrown += run.thrown
        before = run.waiting, run.variables, run.finished
        self._restored()
        assert self.run is not None
        assert (self.run.waiting, self.run.variables, self.run.finished) == before
        return self

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        assert self.run is not None
        return self.run.waiting

    @property
    def waits(self) -> str:
        """What the case waits for: ids with marks, sorted, `done` when it has ended."""
        assert self.run is not None
        if self.run.finished:
            assert not self.waiting
            return "done"
        return " ".join(sorted(_MARKS[item.kind] + item.element_id for item in self.waiting))

    @property
    def variables(self) -> dict[str, Any]:
        assert self.run is not None
        return self.run.variables

    def item(self, element: str, kind: str | None = None) -> Waiting:
        """The first waiting item of an element; `element#2` is the second."""
        element_id, _, number = element.partition("#")
        found = [w for w in self.waiting if w.element_id == element_id and kind in (None, w.kind)]
        assert found, f"nothing waits at {element}: {self.waits}"
        return found[int(number or 1) - 1]

    def events(self, *names: str) -> list[str]:
        """The journal's facts with these names as `event element`."""
        return [f"{h.event} {h.element_id}" for h in self.happened if not names or h.event in names]

    def facts(self, event: str, element: str = "") -> list[Mapping[str, Any]]:
        return [h.facts for h in self.happened if h.event == event and element in ("", h.element_id)]
