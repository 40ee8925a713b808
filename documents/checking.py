"""`check`: what is wrong with a template, found out in a process of its own under limits of time and memory.

Reading a template is running it: Jinja computes constants while it compiles, and the sample is filled in. A template
that never ends or takes all the memory must cost whoever checks it no more than a finding.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from documents import worker
from documents.errors import DocumentError
from documents.findings import Finding
from documents.process import LimitedProcess
from documents.template import PAGE

TIME_LIMIT = timedelta(seconds=10)
MEMORY_LIMIT_BYTES = 768 * 1024 * 1024
CHECKS_PER_PROCESS = 2_000


def stopped(cause: str) -> Finding:
    """Return the finding that the check did not come to an end."""
    message = f"检查模板时没有得出结果：{cause.rstrip('。')}。请简化模板：循环、重复和嵌套要有限度。"
    return Finding(PAGE, "", "check-stopped", message)


class Checker:
    """Asks one process, which is started when first needed and again when it has ended. Thread-safe."""

    def __init__(self, *, time_limit: timedelta = TIME_LIMIT, memory_limit_bytes: int = MEMORY_LIMIT_BYTES) -> None:
        self._settings = worker.settings(time_limit, memory_limit_bytes)
        self._time_limit = time_limit
        self._lock = threading.Lock()
        self._process: LimitedProcess | None = None

    def check(self, template: Mapping[str, bytes]) -> list[Finding]:
        """Return what `documents.findings.check` returns, or one finding that it did not come to an end."""
        request = {"files": {name: base64.b64encode(content).decode() for name, content in template.items()}}
        with self._lock:
            try:
                return [Finding(*one) for one in self._ask(request)["found"]]
            except DocumentError as error:
                self.close()
                return [stopped(error.message)]

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._process is None or self._process.ended() or self._process.served >= CHECKS_PER_PROCESS:
            self.close()
            self._process = LimitedProcess("documents.check_worker", self._settings)
        return self._process.ask(request, self._time_limit)

    def close(self) -> None:
        """End the process; asking again starts a new one."""
        if self._process is not None:
            self._process.stop()
        self._process = None


_CHECKER = Checker()


def check(template: Mapping[str, bytes]) -> list[Finding]:
    """Return everything wrong with a template (file name -> content, shared files as `_shared/<name>`).

    Nothing is printed; a template that passes can still fail on facts its sample does not show.
    """
    return _CHECKER.check(template)
