"""Timers that are due."""

from __future__ import annotations

from web.benchmarks.figures import Figure, timed
from web.benchmarks.place import Place

PROCESS = "benchmark_timer"


def firing(place: Place, *, quick: bool) -> Figure:
    """Measure how many timers one thread of a worker fires a second, each in a case of its own."""
    by = place.person("timekeeper")
    rates = []
    for _ in range(1 if quick else 6):
        many = 5 if quick else 60
        for _ in range(many):
            place.house.casework.start_case(PROCESS, {}, by=by)
        fired: list[int] = []
        seconds = timed(lambda fired=fired: fired.append(place.house.worker.run_once()))  # type: ignore[misc]
        rates.append(fired[0] / seconds)
    return Figure("定时器到时（一个线程，每个在自己的案件里）", tuple(rates), "个/秒")
