"""Documents: how many two-page PDFs a second, how long one takes, how large it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from documents.render import PdfRenderer, template_files
from web.benchmarks.figures import Figure, missing, ms, percentile

_ISSUED_AT = datetime(2026, 1, 5, tzinfo=UTC)
_PAGES = 2
_KINDS = 5


@dataclass(frozen=True)
class Sample:
    """A template with its sample facts."""

    name: str
    files: dict[str, bytes]
    facts: Any


def samples(root: Path) -> Iterator[Sample]:
    """Yield every template that has sample facts."""
    folder = root / "documents" / "templates"
    for path in sorted(folder.iterdir()):
        if (path / "sample.json").is_file():
            files = template_files(folder, path.name)
            yield Sample(path.name, files, json.loads(files["sample.json"]))


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Print every sample once, then some of two pages again and again, with one and with two processes."""
    found = list(samples(root))
    with PdfRenderer() as printer:
        made = {sample.name: _printed(printer, sample) for sample in (found[:6] if quick else found)}
    two_pages = [sample for sample in found if sample.name in made and made[sample.name][2] == _PAGES][:_KINDS]
    if not two_pages:
        yield missing("两页文书", f"样例中没有恰好 {_PAGES} 页的文书")
        return
    sizes = tuple(size / 1000 for _, size, pages in made.values() if pages == _PAGES)
    yield Figure(f"{_PAGES} 页文书的大小", sizes, "KB")
    yield Figure(f"{_PAGES} 页文书中最大的", (max(sizes),), "KB", most=150)
    for workers in (1, 2):
        yield from _speed(two_pages, workers, quick=quick)


def _speed(documents: list[Sample], workers: int, *, quick: bool) -> Iterator[Figure]:
    with PdfRenderer(workers=workers) as printer, ThreadPoolExecutor(workers) as threads:
        print_one = partial(_printed, printer)
        # Each process reads each template and its fonts once; that is not what is measured.
        list(threads.map(print_one, documents * workers))
        rates, seconds = [], []
        for _ in range(1 if quick else 7):
            begun = perf_counter()
            made = list(threads.map(print_one, documents * (1 if quick else 4)))
            rates.append(len(made) / (perf_counter() - begun))
            seconds += [taken for taken, _, _ in made]
    target = 7.0 if workers == 2 else None
    yield Figure(f"{_PAGES} 页文书，{workers} 个打印进程", tuple(rates), "份/秒", least=target)
    most = 1000.0 if workers == 2 else None
    yield ms(f"一份 {_PAGES} 页文书 p95，{workers} 个打印进程", [percentile(seconds, 0.95)], most=most)


def _printed(printer: PdfRenderer, sample: Sample) -> tuple[float, int, int]:
    """Return the seconds it took, the bytes and the pages."""
    begun = perf_counter()
    made = printer.render(sample.files, sample.facts, issued_at=_ISSUED_AT, draft=False)
    return perf_counter() - begun, len(made.pdf), made.pages
