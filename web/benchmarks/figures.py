"""Figures: measured values with their median, range and target."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Figure:
    """Values of one kind; `most` and `least` are the target of their median."""

    name: str
    values: tuple[float, ...]
    unit: str
    most: float | None = None
    least: float | None = None
    note: str = ""
    """Said in place of the values that could not be measured, or beside them."""

    @property
    def median(self) -> float | None:
        return median(self.values) if self.values else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without target or values."""
        if self.median is None or (self.most is None and self.least is None):
            return None
        return (self.most is None or self.median <= self.most) and (self.least is None or self.median >= self.least)

    def row(self) -> dict[str, Any]:
        """Return the figure as JSON."""
        return {
            "name": self.name,
            "median": self.median,
            "low": min(self.values, default=None),
            "high": max(self.values, default=None),
            "values": len(self.values),
            "unit": self.unit,
            "target": self.target,
            "met": self.met,
            "note": self.note,
        }

    @property
    def target(self) -> str:
        return f"≤ {self.most:g}" if self.most is not None else f"≥ {self.least:g}" if self.least is not None else ""

    def cells(self) -> tuple[str, ...]:
        """Return the figure as a line of a table."""
        if self.median is None:
            return self.name, "—", "", "", self.target, self.note
        low, high = min(self.values), max(self.values)
        spread = f"{shown(low)}–{shown(high)}" if len(self.values) > 1 else ""
        mark = {True: "✓", False: "✗", None: ""}[self.met]
        return self.name, shown(self.median), spread, self.unit, f"{self.target} {mark}".strip(), self.note


def shown(value: float) -> str:
    """Return a number with as many digits as mean something."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def missing(name: str, why: str) -> Figure:
    """Return the row of something that cannot be measured here."""
    return Figure(name, (), "", note=why)


def ms(name: str, seconds: Sequence[float], **target: Any) -> Figure:
    return Figure(name, tuple(value * 1000 for value in seconds), "ms", **target)


def ratio(name: str, above: Figure, below: Figure, **target: Any) -> Figure:
    """Return how many times the median of `below` goes into that of `above`."""
    if above.median is None or not below.median:
        return missing(name, "没有可比的数")
    return Figure(name, (above.median / below.median,), "倍", **target)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def timed(action: Callable[[], Any]) -> float:
    """Return the seconds it took."""
    begun = perf_counter()
    action()
    return perf_counter() - begun


class Cost(NamedTuple):
    """What something took."""

    seconds: float
    processor: float
    """Seconds of the processor, for all threads of this process: without waiting for a disk or for other programs."""


def cost(action: Callable[[], Any]) -> Cost:
    begun, used = perf_counter(), process_time()
    action()
    return Cost(perf_counter() - begun, process_time() - used)


def loads() -> Figure:
    """Return how many programs want a processor now, a minute's and five minutes' mean: what else the machine does."""
    return Figure(f"机器负载（{os.cpu_count()} 核）：现在与五分钟平均", os.getloadavg()[:2], "")
