"""Does one hostile thing after another in a process of its own, and measures what each costs.

Started by `Guarded`; reads requests from its standard input, a JSON object a line, and answers in the same way.
"""

from __future__ import annotations

import base64
import json
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[3]
SOUND = ROOT / "tests" / "engine" / "broken" / "_sound"

MOST_CPU_SECONDS = 20.0
MOST_SECONDS = 90.0
"""On a machine that is busy with other things; what counts is the processor's time."""
MOST_MEGABYTES = 400
"""Beyond what the process has when it begins."""
FATAL_MEGABYTES = 1_200
"""The machine is needed for other things."""


@dataclass(frozen=True)
class Cost:
    """What came of it, and how much it took."""

    answer: Any
    """For a check the findings, [file, element, code, message] each; for an upload what it is taken for."""
    refusal: str
    """The sentence of an error of ours, "" if there was none."""
    cpu_seconds: float
    megabytes: float


class Guarded:
    """The other process. Raise AssertionError for whatever breaks a limit or fails otherwise than with a sentence."""

    def __enter__(self) -> Self:
        self._process = self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.security.hostile.guard"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def check(self, files: Mapping[str, bytes]) -> Cost:
        """Check a small sound bundle with these files laid over it."""
        return self._ask({"task": "check", "files": {path: _packed(content) for path, content in files.items()}})

    def inspect(self, name: str, content: bytes) -> Cost:
        """Judge an upload."""
        return self._ask({"task": "inspect", "name": name, "content": _packed(content)})

    def thumbnail(self, content: bytes) -> Cost:
        """Make the small picture of a page."""
        return self._ask({"task": "thumbnail", "content": _packed(content)})

    def _ask(self, request: Mapping[str, Any]) -> Cost:
        if self._process.poll() is not None:
            self._end()
            self._process = self._start()
        reply = self._reply(json.dumps(request) + "\n")
        assert "failure" not in reply, reply["failure"]
        cost = Cost(reply["answer"], reply["refusal"], reply["cpu_seconds"], reply["megabytes"])
        assert cost.cpu_seconds < MOST_CPU_SECONDS, cost
        assert cost.megabytes < MOST_MEGABYTES, cost
        return cost

    def _reply(self, line: str) -> dict[str, Any]:
        """Send the request and wait; a process that takes all the memory or all the time is ended first."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(line)
        stdin.flush()
        late = time.monotonic() + MOST_SECONDS
        while not select.select([stdout], [], [], 0.1)[0]:
            used = _megabytes("VmRSS", self._process.pid)
            if used > FATAL_MEGABYTES or time.monotonic() > late:
                self._process.kill()
                raise AssertionError(f"no answer after {MOST_SECONDS} seconds or {FATAL_MEGABYTES} MB: {used:.0f} MB")
        answer = stdout.readline()
        assert answer, f"the process has died: {self._process.wait()}"
        found: dict[str, Any] = json.loads(answer)
        return found


def _packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _megabytes(what: str, process: int | str = "self") -> float:
    """Return VmRSS, what a process uses now, or VmHWM, the most it has used since the peak was reset."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(encoding="utf-8"))
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    """Serve until the standard input ends."""
    # Imported here: the parent needs none of it.
    from engine import files as uploads  # noqa: PLC0415
    from engine.calendars import ChinaCalendar  # noqa: PLC0415
    from engine.errors import EngineError  # noqa: PLC0415
    from engine.feel import Feel  # noqa: PLC0415
    from tests.engine.test_check import VERBS  # noqa: PLC0415
    from web.checking import checker  # noqa: PLC0415
    from web.pages.attachments import _small  # noqa: PLC0415

    sound = {path.relative_to(SOUND).as_posix(): path.read_bytes() for path in SOUND.rglob("*") if path.is_file()}
    with Feel(ROOT / "bundles" / "feel.js", ChinaCalendar()) as feel:
        check = checker(feel, {verb.type: verb.__new__(verb) for verb in VERBS})
        check(sound)  # what is loaded once is nobody's cost
        for line in sys.stdin:
            request = json.loads(line)
            content = base64.b64decode(request.get("content", ""))
            files = {path: base64.b64decode(packed) for path, packed in request.get("files", {}).items()}
            del line
            signal.alarm(int(MOST_SECONDS) + 5)  # whoever asked may be gone; it must not go on for ever
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
            before, cpu = _megabytes("VmHWM"), time.process_time()
            reply: dict[str, Any] = {"answer": None, "refusal": ""}
            try:
                if request["task"] == "check":
                    found = check({**sound, **files})
                    reply["answer"] = [[one.file, one.element_id, one.code, one.message] for one in found]
                elif request["task"] == "inspect":
                    reply["answer"] = uploads.inspect(request["name"], content).content_type
                else:
                    reply["answer"] = len(_small(content))
            except EngineError as error:
                reply["refusal"] = error.message
            except Exception as error:  # noqa: BLE001 - the test is to see whatever it was
                reply["failure"] = f"{type(error).__name__}: {error}"
            reply |= {"cpu_seconds": time.process_time() - cpu, "megabytes": _megabytes("VmHWM") - before}
            signal.alarm(0)
            print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
