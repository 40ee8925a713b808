"""The same over HTTP: a real `hejie serve` in a process of its own, asked as a browser asks."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from web.benchmarks.figures import percentile
from web.benchmarks.place import PASSWORD
from web.settings import Settings

_START_SECONDS = 120
_CONTINUE = ("-c", "from web.cli import main; main()")


@dataclass(frozen=True)
class Process:
    """A running `hejie`."""

    popen: subprocess.Popen[bytes]
    port: int

    def resident_mb(self) -> float:
        """Return the resident memory of the process and of those it started."""
        return sum(_resident_kb(pid) for pid in (self.popen.pid, *_children(self.popen.pid))) / 1024

    def own_mb(self) -> float:
        """Return the resident memory of the process alone."""
        return _resident_kb(self.popen.pid) / 1024

    def cpu_seconds(self) -> float:
        """Return the processor time used so far."""
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(settings: Settings, *arguments: str, core: int | None = None) -> Iterator[Process]:
    """Run `hejie <arguments>` on the database of `settings`, on one processor core if `core` names it."""
    port = _free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HEJIE_", "PORT"))},
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "HEJIE_ROOT": str(settings.root),
        "HEJIE_DATA_DIR": str(settings.data_dir),
        "HEJIE_DATABASE_URL": settings.database_url,
        "HEJIE_SECRET_KEY": "only-for-measuring-on-this-machine",
        "HEJIE_METRICS_PORT": str(port),
        "PORT": str(port),
    }
    popen = subprocess.Popen(  # noqa: S603 - our own command with our own settings
        [sys.executable, *_CONTINUE, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process = Process(popen, port)
        _until_ready(process)
        if core is not None:
            for task in os.listdir(f"/proc/{popen.pid}/task"):
                os.sched_setaffinity(int(task), {core})
        yield process
    finally:
        popen.send_signal(signal.SIGTERM)
        try:
            popen.wait(30)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()


@contextmanager
def own_cores() -> Iterator[int | None]:
    """Keep this process off one core while inside and give that one; None where there is only one."""
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        yield None
        return
    core = max(before)
    os.sched_setaffinity(0, before - {core})
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)


class Browser:
    """A signed-in person's browser: one connection kept open, its cookies, the token of its pages."""

    def __init__(self, port: int, username: str) -> None:
        self._wire = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.cookies: dict[str, str] = {}
        self.token = ""
        self.token = json.loads(self.get("/session"))["csrf_token"]
        self.post("/sign-in", {"username": username, "password": PASSWORD}, expected=303)
        self.token = json.loads(self.get("/session"))["csrf_token"]

    def get(self, path: str) -> str:
        return self._ask("GET", path, None, {}, 200)

    def post(self, path: str, fields: Mapping[str, str], *, expected: int = 200) -> str:
        body = urlencode({**fields, "csrf_token": self.token})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        return self._ask("POST", path, body, headers, expected)

    def complete(self, item_key: int, answers: Mapping[str, Any]) -> int:
        """Complete a task as the page's script does; return the key of the next one."""
        before = dict(self.cookies)
        answer = self.post(f"/tasks/{item_key}/complete", {"answers": json.dumps(answers)})
        self.cookies = before  # the notice in it is for the next page, which is asked for by itself
        return int(json.loads(answer)["location"].rpartition("/")[2])

    def close(self) -> None:
        self._wire.close()

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str], expected: int) -> str:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            self._wire.request(method, path, body, {**headers, "Cookie": cookie})
            answer = self._wire.getresponse()
        except http.client.RemoteDisconnected:  # kept open for longer than the server likes; the next request opens it
            self._wire.close()
            self._wire.request(method, path, body, {**headers, "Cookie": cookie})
            answer = self._wire.getresponse()
        text = answer.read().decode()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        if answer.status != expected:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
        return text


@dataclass(frozen=True)
class Load:
    """What a number of people at once got."""

    seconds: tuple[float, ...]
    """Of each request."""
    rates: tuple[float, ...]
    """Requests a second, round by round."""

    def share(self, share: float) -> float:
        return percentile(self.seconds, share)


def load(actions: list[Callable[[], Any]], *, rounds: int, each: int) -> Load:
    """Do each action `each` times a round, all actions at once, a thread each."""
    seconds: list[float] = []
    rates = []
    for _ in range(rounds):
        failures: list[BaseException] = []

        def work(action: Callable[[], Any], failures: list[BaseException] = failures) -> None:
            try:
                for _ in range(each):
                    begun = time.perf_counter()
                    action()
                    seconds.append(time.perf_counter() - begun)
            except Exception as error:  # noqa: BLE001 - raised again below, in the thread that waits
                failures.append(error)

        threads = [threading.Thread(target=work, args=(action,)) for action in actions]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        rates.append(len(actions) * each / (time.perf_counter() - begun))
    return Load(tuple(seconds), tuple(rates))


def traffic(process: Process) -> tuple[int, int]:
    """Return how many SQL statements and commits the process has made."""
    wire = http.client.HTTPConnection("127.0.0.1", process.port, timeout=60)
    try:
        wire.request("GET", "/metrics")
        text = wire.getresponse().read().decode()
    finally:
        wire.close()
    statements, commits = (
        float(found[1]) if (found := re.search(rf"^hejie_database_{name}_total (\S+)$", text, re.MULTILINE)) else 0.0
        for name in ("statements", "commits")
    )
    return int(statements), int(commits)


def _until_ready(process: Process) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if process.popen.poll() is not None:
            raise RuntimeError(f"hejie ended with {process.popen.returncode}")
        wire = http.client.HTTPConnection("127.0.0.1", process.port, timeout=20)
        with suppress(OSError):
            wire.request("GET", "/readyz")
            if wire.getresponse().status == 200:
                wire.close()
                return
        wire.close()
        time.sleep(0.1)
    raise RuntimeError("hejie did not become ready")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            yield int(child)
            yield from _children(int(child))


def _resident_kb(pid: int) -> int:
    return _status_kb(pid, "VmRSS")


def _status_kb(pid: int, name: str) -> int:
    with suppress(FileNotFoundError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
    return 0
