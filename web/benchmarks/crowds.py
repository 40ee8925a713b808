"""A million open cases: does a list, and a worker with nothing to do, notice?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine import measuring
from web.benchmarks.figures import Figure, missing, ms, ratio, timed
from web.benchmarks.place import Place

PROCESS = "benchmark_crowd"
_WHY = "SQLite 上不测：用 --database 给出 PostgreSQL"


def figures(place: Place, page: Callable[[], object] | None, *, quick: bool) -> Iterator[Figure]:
    """Measure lists and idle ticks at two sizes. `page` fetches the work list's page over HTTP; None: not asked."""
    sizes = (200, 1_000) if quick else (10_000, 1_000_000)
    if not place.on_postgresql:
        yield missing(f"待办列表，{sizes[0]:,} 与 {sizes[1]:,} 个待办任务", _WHY)
        yield missing(f"工作进程空转，{sizes[0]:,} 与 {sizes[1]:,} 个办理中的案件", _WHY)
        return
    reader = place.house.identity.find(place.person("reader", place.crowd_groups))
    assert reader is not None  # noqa: S101 - registered in the line above
    case = place.house.casework.start_case(PROCESS, {}, by=place.person("crowd"))
    before = 0
    lists, pages, ticks = [], [], []
    for size in sizes:
        measuring.copy_case(place.database, case.key, copies=range(before, size), groups=place.crowd_groups)
        before = size
        asked = [timed(lambda: place.house.worklist.my_items(reader, limit=30)) for _ in range(60)][10:]
        lists.append(ms(f"待办列表（查询），{size:,} 个待办任务", asked, most=50))
        yield lists[-1]
        if page is not None:
            served = [timed(page) for _ in range(40)][10:]
            pages.append(ms(f"待办列表（整页，经 HTTP），{size:,} 个待办任务", served, most=50))
            yield pages[-1]
        idle = [timed(lambda: place.house.worker.claim(20)) for _ in range(60)][10:]
        ticks.append(ms(f"工作进程空转一次，{size:,} 个办理中的案件", idle))
        yield ticks[-1]
    yield ratio(f"待办列表（查询）：{sizes[1]:,} / {sizes[0]:,}", lists[1], lists[0], most=2)
    if pages:
        yield ratio(f"待办列表（整页）：{sizes[1]:,} / {sizes[0]:,}", pages[1], pages[0], most=2)
    yield ratio(f"工作进程空转：{sizes[1]:,} / {sizes[0]:,}", ticks[1], ticks[0], most=1.25)
