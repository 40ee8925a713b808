"""`hejie bench`: what the house costs, beside the bare library in the same run.

Machines are noisy: every figure is a median with its range, and what counts most are the ratios.
"""

from __future__ import annotations

from collections.abc import Iterator

from web.benchmarks import printing, steps, timers, web_load
from web.benchmarks.figures import Figure, loads
from web.benchmarks.place import open_place
from web.settings import Settings

__all__ = ["Figure", "run"]


def run(settings: Settings, database: str | None, *, quick: bool = False) -> Iterator[Figure]:
    """Measure on a database of its own beside the one at `database` (PostgreSQL), or on SQLite. Takes some minutes.

    `quick`: everything once and small, to see that it works; the values mean nothing.
    """
    yield loads()
    with open_place(settings, database) as place:
        yield from steps.figures(place, quick=quick)
        yield steps.starts(place, quick=quick)
        yield timers.firing(place, quick=quick)
        yield from web_load.figures(place, quick=quick)
    yield from printing.figures(settings.root, quick=quick)
    yield loads()
