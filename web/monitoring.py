"""What those who run the house may know of one process: whether it is ready, and its figures.

No figure names a person, a case or a document; labels come from closed lists (routes, verbs, outcomes).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from engine import backlog
from engine.backlog import Backlog
from engine.database import Database
from engine.feel import Feel
from engine.files import FileStore
from engine.ports import Clock

_log = logging.getLogger(__name__)

COUNT_EVERY = timedelta(seconds=30)
"""The backlog is counted at most so often: counting costs the database more the more is open."""
PATIENCE = timedelta(seconds=3)
"""How long a part of the house may take to show that it is there."""

_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

Check = Callable[[], str | None]
"""Looks after one part of the house. Returns what is wrong as a Chinese sentence, None if nothing; may raise."""


class Figures:
    """The counters of one process. Thread-safe; a registry of its own, so that two houses do not mix."""

    def __init__(self, count: Callable[[], Backlog]) -> None:
        self.registry = registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        registry.register(_BacklogCollector(count))
        self.requests = Counter(
            "hejie_http_requests", "Answered requests.", ("route", "method", "status"), registry=registry
        )
        self.request_seconds = Histogram(
            "hejie_http_request_seconds",
            "From the request to its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.sign_ins = Counter("hejie_sign_ins", "Tries to sign in.", ("outcome",), registry=registry)
        self.cases_started = Counter("hejie_cases_started", "Cases started by hand or by a timer.", registry=registry)
        self.tasks_completed = Counter("hejie_tasks_completed", "User tasks completed.", registry=registry)
        self.jobs = Counter(
            "hejie_jobs_performed",
            "Jobs performed by a worker: completed, or ended by a BPMN error.",
            ("type", "outcome"),
            registry=registry,
        )
        self.failures = Counter(
            "hejie_work_failures",
            "Jobs, timers and messages that failed: tried again later, or given up.",
            ("then",),
            registry=registry,
        )
        self.timers_fired = Counter("hejie_timers_fired", "Timers fired.", registry=registry)
        self.messages_carried = Counter("hejie_messages_carried", "Messages and signals carried.", registry=registry)
        self.document_seconds = Histogram(
            "hejie_document_render_seconds",
            "Documents rendered, and what one took.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.statements = Counter("hejie_database_statements", "Statements sent to the database.", registry=registry)
        self.commits = Counter("hejie_database_commits", "Transactions committed.", registry=registry)
        self.document_failures = Counter(
            "hejie_document_failures", "Documents that could not be rendered.", registry=registry
        )
        self.worker_looked = Gauge(
            "hejie_worker_last_look_timestamp_seconds",
            "When the worker last looked for due jobs, and for the rest.",
            ["lane"],
            registry=registry,
        )
        for outcome in ("signed_in", "refused", "throttled"):
            self.sign_ins.labels(outcome)
        for then in ("retry", "given_up"):
            self.failures.labels(then)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request. `route` is the pattern of its address, never the address."""
        # Anybody may send any word as a method; each would be a series of its own.
        self.requests.labels(route, method if method in _METHODS else "other", str(status)).inc()
        self.request_seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)


class _BacklogCollector(Collector):
    """Figures of the whole database. Every process gives the same ones: take the maximum, not the sum."""

    def __init__(self, count: Callable[[], Backlog]) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._counted: tuple[float, Backlog] | None = None

    def describe(self) -> Iterator[Metric]:
        return iter(())  # nothing is asked of the database before somebody reads the figures

    def collect(self) -> Iterator[Metric]:
        try:
            counted = self._fresh()
        except Exception:  # noqa: BLE001 - the process's own figures are wanted most when the database is away
            yield _gauge("hejie_backlog_counted", "1: the figures of the database are here; 0: it did not answer.", 0)
            return
        yield _gauge("hejie_backlog_counted", "1: the figures of the database are here; 0: it did not answer.", 1)
        yield _family("hejie_open_items", "Open work items.", "kind", counted.open_items)
        yield _gauge("hejie_overdue_tasks", "User tasks past their deadline.", counted.overdue_tasks)
        yield _family("hejie_due_rows", "Rows due that no worker has taken.", "queue", counted.due)
        yield _gauge(
            "hejie_oldest_due_seconds", "Since when the oldest of them is due.", counted.oldest_due.total_seconds()
        )
        yield _gauge("hejie_open_incidents", "Unresolved incidents.", counted.incidents)

    def _fresh(self) -> Backlog:
        with self._lock:
            now = time.monotonic()
            if self._counted is None or now - self._counted[0] >= COUNT_EVERY.total_seconds():
                self._counted = (now, self._count())
            return self._counted[1]


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _family(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


class Readiness:
    """Whether this process can do its work now. Asking is cheap and takes at most `patience` for all parts."""

    def __init__(
        self, checks: Mapping[str, Check], *, patience: timedelta = PATIENCE, keep: timedelta = timedelta(seconds=1)
    ) -> None:
        self._parts = {name: _Part(name, check) for name, check in checks.items()}
        self._patience = patience.total_seconds()
        self._keep = keep.total_seconds()
        self._lock = threading.Lock()
        self._known: tuple[float, dict[str, str]] | None = None
        self._stopping = threading.Event()

    def stopping(self) -> None:
        """From now on say that the process is about to stop, so that nobody sends it new work."""
        self._stopping.set()

    def problems(self) -> dict[str, str]:
        """Return part -> what is wrong with it, as a Chinese sentence; {} when ready."""
        if self._stopping.is_set():
            return {"process": "正在停止。"}
        with self._lock:
            now = time.monotonic()
            if self._known is None or now - self._known[0] >= self._keep:
                for part in self._parts.values():
                    part.begin()
                until = now + self._patience
                found = {name: part.finding(until - time.monotonic()) for name, part in self._parts.items()}
                self._known = (time.monotonic(), {name: text for name, text in found.items() if text})
            return dict(self._known[1])


class _Part:
    """One check in a thread of its own: one that hangs neither holds up the answer nor is started twice."""

    def __init__(self, name: str, check: Check) -> None:
        self._name = name
        self._check = check
        self._thread: threading.Thread | None = None
        self._finding: str | None = None

    def begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="readiness", daemon=True)
            self._thread.start()

    def finding(self, patience: float) -> str | None:
        if self._thread is None:
            return None
        self._thread.join(max(patience, 0))
        if self._thread.is_alive():
            return "没有及时应答。"
        self._thread = None
        return self._finding

    def _run(self) -> None:
        try:
            self._finding = self._check()
        except Exception as error:  # noqa: BLE001 - whatever it is, this part does not work
            _log.warning("not ready: %s", self._name, exc_info=error)
            self._finding = "无法使用。"


class Monitoring:
    """Readiness and figures of one process, over its database, files and interpreter."""

    def __init__(self, database: Database, files: FileStore, feel: Feel, clock: Clock) -> None:
        def schema() -> str | None:
            return "数据库结构不是最新，请先运行 hejie migrate。" if database.is_behind() else None

        def interpreter() -> str | None:
            # What has to do with time is never answered from memory.
            return None if feel.evaluate("now() = now()", {}, now=clock.now()) is True else "表达式求值有误。"

        self.readiness = Readiness({"database": schema, "files": files.probe, "feel": interpreter})
        self.figures = Figures(lambda: backlog.count(database, clock))
        database.watch(statement=self.figures.statements.inc, commit=self.figures.commits.inc)
