"""The server stops gracefully: what was asked before is answered."""

from __future__ import annotations

import http.client
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from web.server import Server, in_background, tell_supervisor


class SlowApp:
    """Answers when told to, with many bytes."""

    def __init__(self, size: int = 3) -> None:
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.size = size

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.begun.release()
        assert self.go_on.wait(20)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(self.size))])
        return [b"x" * self.size]


def ask(port: int, answers: list[bytes]) -> threading.Thread:
    def run() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/")
        answers.append(connection.getresponse().read())
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_requests_in_hand_are_answered_and_new_ones_refused() -> None:
    app = SlowApp(size=5_000_000)  # more than the sockets hold: it must be sent on after the thread is done with it
    server = Server(app, host="127.0.0.1", port=0, threads=4)
    port = server.port
    answers: list[bytes] = []
    with in_background(server):
        # More than there are threads: two wait in the queue.
        askers = [ask(port, answers) for _ in range(6)]
        for _ in range(4):
            assert app.begun.acquire(timeout=20)
        idle = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        idle.connect()
        time.sleep(0.3)
        server.stop()
        time.sleep(0.5)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), timeout=5)
        assert idle.sock.recv(1) == b""  # closed
        idle.close()
        app.go_on.set()
    for asker in askers:
        asker.join(20)
    assert [len(answer) for answer in answers] == [5_000_000] * 6


def test_patience_has_an_end() -> None:
    app = SlowApp()
    server = Server(app, host="127.0.0.1", port=0, threads=1, patience=timedelta(seconds=0.5))
    with in_background(server), socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert app.begun.acquire(timeout=20)
        begun = time.monotonic()
        server.stop()
        assert client.recv(1) == b""
        assert 0.4 < time.monotonic() - begun < 10
    app.go_on.set()


def test_without_requests_it_stops_at_once() -> None:
    server = Server(SlowApp(), host="127.0.0.1", port=0, threads=1)
    begun = time.monotonic()
    with in_background(server):
        pass
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("abstract", [False, True])
def test_the_supervisor_is_told(abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"hejie-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(f"\0{name}" if abstract else str(tmp_path / name))
        supervisor.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}" if abstract else str(tmp_path / name))
        tell_supervisor("READY=1")
        assert supervisor.recv(100) == b"READY=1"
    tell_supervisor("STOPPING=1")  # nobody listens any more
    monkeypatch.delenv("NOTIFY_SOCKET")
    tell_supervisor("READY=1")


def test_a_taken_port_is_an_error() -> None:
    server = Server(SlowApp(), host="127.0.0.1", port=0, threads=1)
    with in_background(server), pytest.raises(OSError, match="in use"):
        Server(SlowApp(), host="127.0.0.1", port=server.port, threads=1)
