"""A process of our own that answers one request at a time; what takes too long or too much costs it its life."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from documents.errors import RendererStopped, TimeLimitReached
from documents.worker import read_frame, write_frame

ROOT = Path(__file__).resolve().parent.parent
START_LIMIT_SECONDS = 60


class LimitedProcess:
    """Runs `module` of this room; the module limits itself (see `documents.worker.serve`)."""

    def __init__(self, module: str, settings: Mapping[str, Any]) -> None:
        """Start it and wait until it is ready. Raise `RendererStopped`, or what stopped it."""
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
        environment |= {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0"}
        self.served = 0
        """How many requests it was given."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(  # noqa: S603 - our own module with our own settings
            [sys.executable, "-P", "-m", module, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
        )
        self._input, self._output = _pipes(self._process)
        self._finalizer = weakref.finalize(self, _end, self._process, self._errors)
        try:
            self._receive(START_LIMIT_SECONDS)
        except BaseException:
            self.stop()
            raise

    def ended(self) -> bool:
        """Say whether it is no longer there."""
        return self._process.poll() is not None

    def ask(self, request: dict[str, Any], limit: timedelta) -> dict[str, Any]:
        """Return the answer. Raise `TimeLimitReached` or `RendererStopped`: it is useless afterwards."""
        self.served += 1
        try:
            write_frame(self._input, request)
        except OSError as error:
            raise RendererStopped(cause=self._last_words()) from error
        return self._receive(limit.total_seconds())

    def _receive(self, seconds: float) -> dict[str, Any]:
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        if not poll.poll(seconds * 1000):
            raise TimeLimitReached(seconds=f"{seconds:g}")
        # The reply is written at once, when the work is done: from here on it only has to be carried over.
        answer = read_frame(self._output)
        if answer is None:
            raise RendererStopped(cause=self._last_words())
        return answer

    def _last_words(self) -> str:
        """Return the last line the process wrote before it ended, or its signal."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else f"退出码 {self._process.returncode}"

    def stop(self) -> None:
        """End it now."""
        self._finalizer()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise RendererStopped(cause="没有管道")
    return process.stdin, process.stdout


def _end(process: subprocess.Popen[bytes], errors: Any) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, errors):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
