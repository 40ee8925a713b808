"""`PdfRenderer`: documents printed in processes of their own, under limits of time and memory."""

from __future__ import annotations

import base64
import contextlib
import os
import queue
import tempfile
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from documents import worker
from documents.errors import from_json
from documents.facts import as_json
from documents.fonts import Fonts, standard_fonts
from documents.pdf import Press, Rendered
from documents.process import LimitedProcess

ROOT = Path(__file__).resolve().parent.parent
TIME_LIMIT = timedelta(seconds=30)
MEMORY_LIMIT_BYTES = 1536 * 1024 * 1024
#: A process is replaced after so many documents, so that what the libraries keep cannot grow for ever.
DOCUMENTS_PER_PROCESS = 500


class PdfRenderer:
    """Prints documents; any number of threads may ask at once, `workers` of them are served at a time.

    Processes are started when first needed and stay. Use it as a context manager or call `close`.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        time_limit: timedelta = TIME_LIMIT,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
        fonts: Sequence[Path] | None = None,
        cache: Path | None = None,
    ) -> None:
        """Raise `FontsMissing` if one of `fonts` (by default those of this checkout) is not there."""
        self._settings = {
            "fonts": [str(path) for path in Fonts(fonts or standard_fonts(ROOT)).files],
            "cache": str(cache or cache_folder()),
            **worker.settings(time_limit, memory_limit_bytes),
        }
        self._time_limit = time_limit
        self._idle: queue.LifoQueue[LimitedProcess | None] = queue.LifoQueue()
        self._workers = workers
        for _ in range(workers):
            self._idle.put(None)

    def render(
        self, template: Mapping[str, bytes], facts: Mapping[str, Any], *, issued_at: datetime, draft: bool
    ) -> Rendered:
        """Return the PDF of `facts` in `template` (file name -> content; shared files as `_shared/<name>`).

        The same arguments give the same bytes, in any process, with the same fonts and libraries. `facts` are
        plain JSON values with `document` and `org` among them; they are attached to the PDF as `facts.json`.
        Raise one of `documents.errors`; its text is a sentence for the reader.
        """
        return self._ask(template, facts, issued_at=issued_at, draft=draft, preview=False)

    def preview(self, template: Mapping[str, bytes], facts: Mapping[str, Any], *, issued_at: datetime) -> Rendered:
        """Return a PDF marked 预览, missing facts in red. Raise as `render`, but never `MissingFact`."""
        return self._ask(template, facts, issued_at=issued_at, draft=True, preview=True)

    def _ask(
        self,
        template: Mapping[str, bytes],
        facts: Mapping[str, Any],
        *,
        issued_at: datetime,
        draft: bool,
        preview: bool,
    ) -> Rendered:
        if issued_at.tzinfo is None:
            raise ValueError("issued_at must be aware")
        request = {
            "files": {name: base64.b64encode(content).decode() for name, content in template.items()},
            "facts": as_json(facts),
            "issued_at": issued_at.isoformat(),
            "draft": draft,
            "preview": preview,
        }
        answer = self._answer(request)
        if "error" in answer:
            raise from_json(answer)
        return Rendered(base64.b64decode(answer["pdf"]), int(answer["pages"]))

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Have one process answer; whatever goes wrong costs it its place, never the next document's."""
        process = self._idle.get()
        try:
            if process is None or process.ended() or process.served >= DOCUMENTS_PER_PROCESS:
                _stop(process)
                process = None
                process = LimitedProcess("documents.print_worker", self._settings)
            answer = process.ask(request, self._time_limit)
        except BaseException:
            _stop(process)
            process = None
            raise
        finally:
            self._idle.put(process)
        return answer

    def close(self) -> None:
        """End the processes, waiting for documents being printed. Asking again starts new ones."""
        held = [self._idle.get() for _ in range(self._workers)]
        for process in held:
            _stop(process)
            self._idle.put(None)

    def __enter__(self) -> PdfRenderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _stop(process: LimitedProcess | None) -> None:
    if process is not None:
        process.stop()


class PlainRenderer:
    """The same documents printed in this process, without limits: for tests, not for strangers' templates."""

    def __init__(self, *, fonts: Sequence[Path] | None = None, cache: Path | None = None) -> None:
        self._press = Press(Fonts(fonts or standard_fonts(ROOT)), cache or cache_folder())
        self._lock = threading.Lock()

    def render(
        self, template: Mapping[str, bytes], facts: Mapping[str, Any], *, issued_at: datetime, draft: bool
    ) -> Rendered:
        """As `PdfRenderer.render`."""
        with self._lock:
            return self._press.render(template, facts, issued_at=issued_at, draft=draft)

    def preview(self, template: Mapping[str, bytes], facts: Mapping[str, Any], *, issued_at: datetime) -> Rendered:
        """As `PdfRenderer.preview`."""
        with self._lock:
            return self._press.preview(template, facts, issued_at=issued_at)


def cache_folder() -> Path:
    """Return the user's folder for fontconfig's cache, a temporary one if the home cannot be written to."""
    # RuntimeError: a user without a home.
    with contextlib.suppress(OSError, RuntimeError):
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hejie" / "fonts"
        base.mkdir(parents=True, exist_ok=True)
        if os.access(base, os.W_OK):
            return base
    return Path(tempfile.mkdtemp(prefix="hejie-fonts-"))


def template_files(templates: Path, name: str) -> dict[str, bytes]:
    """Return the files of `templates`/<name>/ and the shared ones, as a deployment hands them over."""
    return {
        prefix + path.name: path.read_bytes()
        for prefix, folder in (("", templates / name), ("_shared/", templates / "_shared"))
        for path in sorted(folder.iterdir())
        if path.is_file()
    }


__all__ = ["PdfRenderer", "PlainRenderer", "Rendered", "cache_folder", "template_files"]
