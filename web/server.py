"""waitress, stopped gracefully: what is being answered is answered, within a time, before the process ends."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ThreadedTaskDispatcher

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_log = logging.getLogger(__name__)

_BACKLOG = 1024
_TICK_SECONDS = 0.2
"""How soon a request to stop is noticed."""


class Server:
    """Answers on one address with a fixed number of threads.

    `run()` returns after `stop()`, which any thread and any signal handler may call: no new connection is taken, idle
    ones are closed, the requests in hand are answered for at most `patience`, each connection closed after its answer.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        host: str,
        port: int,
        threads: int,
        patience: timedelta = timedelta(seconds=25),
    ) -> None:
        """Listen at once. Raise OSError if the address is taken."""
        self._patience = patience.total_seconds()
        self._asked = False  # no lock and no event: a signal handler sets it
        self._map: dict[int, Any] = {}
        self._dispatcher = ThreadedTaskDispatcher()
        try:
            create_server(
                app, map=self._map, _dispatcher=self._dispatcher, host=host, port=port, threads=threads, ident="hejie"
            )
        except OSError:
            wasyncore.close_all(self._map)
            raise
        self._dispatcher.set_thread_count(threads)

    @property
    def port(self) -> int:
        """The port listened on, also when 0 was asked for."""
        listening = next(entry for entry in self._map.values() if getattr(entry, "accepting", False))
        return int(listening.socket.getsockname()[1])

    def stop(self) -> None:
        """Begin to stop. Returns at once."""
        self._asked = True

    def run(self) -> None:
        """Answer requests until `stop()`, then finish those in hand."""
        self._loop_until(lambda: self._asked)
        self._take_waiting()
        for entry in list(self._map.values()):
            if getattr(entry, "accepting", False):
                wasyncore.dispatcher.close(entry)  # not the server's own, which would cut the wire to its threads too
        until = time.monotonic() + self._patience
        self._loop_until(lambda: self._let_go() == 0 or time.monotonic() >= until)
        left = sum(1 for channel in self._channels() if _has_work(channel))
        if left:
            _log.warning("stopped with requests unanswered", extra={"count": left})
        self._dispatcher.shutdown(timeout=0 if left else 5)
        wasyncore.close_all(self._map)

    def _loop_until(self, done: Callable[[], bool]) -> None:
        while not done():
            wasyncore.loop(timeout=_TICK_SECONDS, map=self._map, count=1, use_poll=True)

    def _take_waiting(self) -> None:
        """Take the connections that the system has accepted for us already; closing would throw them away."""
        for _ in range(_BACKLOG):
            before = len(self._map)
            wasyncore.loop(timeout=0, map=self._map, count=1, use_poll=True)
            if len(self._map) == before:
                return

    def _let_go(self) -> int:
        """Close the connections that wait for nothing, and return how many are left."""
        channels = list(self._channels())
        for channel in channels:
            if not _has_work(channel):
                channel.will_close = True
        return len(channels)

    def _channels(self) -> Iterator[HTTPChannel]:
        return (entry for entry in list(self._map.values()) if isinstance(entry, HTTPChannel))


def _has_work(channel: HTTPChannel) -> bool:
    """Say whether a connection has a request that is not answered, half received, or an answer not sent."""
    return bool(channel.requests or channel.request is not None or channel.total_outbufs_len)


def _interrupt() -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def asked_by_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the first SIGTERM or SIGINT while inside; the second one interrupts. Only for the main thread."""
    asks = iter((stop,))

    def asked(_number: int, _frame: FrameType | None) -> None:
        next(asks, _interrupt)()

    before = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def in_background(server: Server) -> Iterator[Server]:
    """Run `server` in a thread while inside."""
    thread = threading.Thread(target=server.run, name=f"server-{server.port}", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def tell_supervisor(state: str) -> None:
    """Tell systemd how this process is (`READY=1`, `STOPPING=1`); nothing happens where nobody asked to be told."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire, contextlib.suppress(OSError):
        # A name that begins with @ is one of Linux's abstract namespace.
        wire.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)
