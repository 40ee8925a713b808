"""Documents: how many two-page PDFs a second, how long one takes, how large it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from documents.render import PdfRenderer, template_files
from web.benchmarks.figures import Figure, missing, percentile

_ISSUED_AT = datetime(2026, 1, 5, tzinfo=UTC)
_PAGES = 2


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
    """Print every sample once, then those of two pages again and again, with one and with two processes."""
    found = list(samples(root))
    for workers in (1, 2):
        with PdfRenderer(workers=workers) as printer, ThreadPoolExecutor(workers) as threads:

            def printed(sample: Sample, printer: PdfRenderer = printer) -> tuple[float, int, int]:
                begun = perf_counter()
                made = printer.render(sample.files, sample.facts, issued_at=_ISSUED_AT, draft=False)
                return perf_counter() - begun, len(made.pdf), made.pages

            # Each process reads each template and its fonts once; that is not what is measured.
            first = [printed(sample) for sample in (found[:6] if quick else found) for _ in range(workers)]
            two_pages = [sample for sample, made in zip(found, first[::workers], strict=False) if made[2] == _PAGES]
            if not two_pages:
                yield missing("两页文书", f"样例中没有恰好 {_PAGES} 页的文书")
                return
            if workers == 1:
                sizes = tuple(made[1] / 1000 for made in first)
                yield Figure("文书大小：全部样例中最大的", (max(sizes),), "KB", most=150)
                yield Figure(f"文书大小：{_PAGES} 页的样例", tuple(m[1] / 1000 for m in first if m[2] == _PAGES), "KB")
            rates, seconds = [], []
            for _ in range(1 if quick else 5):
                begun = perf_counter()
                made = list(threads.map(printed, two_pages * (1 if quick else max(1, 24 // len(two_pages)))))
                rates.append(len(made) / (perf_counter() - begun))
                seconds += [taken for taken, _, _ in made]
        target = 7.0 if workers == 2 else None
        yield Figure(f"{_PAGES} 页文书，{workers} 个打印进程", tuple(rates), "份/秒", least=target)
        worst = percentile(seconds, 0.95)
        yield Figure(f"一份 {_PAGES} 页文书 p95，{workers} 个打印进程", (worst * 1000,), "ms", most=1000)
