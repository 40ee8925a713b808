"""Slows down guessing of passwords, by user name, by address and by browser."""

from __future__ import annotations

import ipaddress
import math
import unicodedata
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock

from engine.ports import Clock

_MOST_KEYS = 10_000


class ThrottledError(Exception):
    """尝试次数过多。"""

    def __init__(self, wait: timedelta) -> None:
        super().__init__("尝试次数过多。")
        self.wait = wait

    @property
    def minutes(self) -> int:
        """How long to wait, in whole minutes, at least one."""
        return max(1, math.ceil(self.wait.total_seconds() / 60))


class Throttle:
    """Counts failures in a sliding window; a success clears the user's, never the address's.

    Tries from a browser that the user has signed in with before (`mark`, see `web.known_browser`) are counted by
    themselves: a stranger can neither lock the user out there nor an office that shares an address.

    The counts live in this process. Behind several processes an attacker gets as many tries as there are
    processes, times `limit`: still hopeless against argon2, and no shared truth is needed.
    """

    def __init__(self, clock: Clock, *, limit: int = 8, window: timedelta = timedelta(minutes=10)) -> None:
        self._clock = clock
        self._limit = limit
        self._window = window
        self._failures: OrderedDict[bytes, deque[datetime]] = OrderedDict()
        self._lock = Lock()

    def must_be_allowed(self, username: str, address: str, mark: str = "") -> None:
        """Return when another attempt may be made. Raise `ThrottledError` otherwise."""
        now = self._clock.now()
        with self._lock:
            for key, limit in self._keys(username, address, mark):
                failures = self._recent(key, now)
                if len(failures) >= limit:
                    raise ThrottledError(failures[0] + self._window - now)

    def failed(self, username: str, address: str, mark: str = "") -> None:
        """Count one failure."""
        now = self._clock.now()
        with self._lock:
            for key, limit in self._keys(username, address, mark):
                failures = self._failures.setdefault(key, deque(maxlen=limit))
                failures.append(now)
                self._failures.move_to_end(key)
            while len(self._failures) > _MOST_KEYS:  # the oldest go first
                self._failures.popitem(last=False)

    def succeeded(self, username: str, mark: str = "") -> None:
        """Forget the failures of this user, or of this browser of theirs."""
        with self._lock:
            self._failures.pop(_key("mark", mark) if mark else _key("user", _name(username)), None)

    def _keys(self, username: str, address: str, mark: str) -> tuple[tuple[bytes, int], ...]:
        if mark:
            return ((_key("mark", mark), self._limit),)
        # One office behind one address shares it, hence the higher number.
        return (_key("user", _name(username)), self._limit), (_key("address", _network(address)), self._limit * 5)

    def _recent(self, key: bytes, now: datetime) -> deque[datetime]:
        failures = self._failures.get(key, deque())
        while failures and failures[0] <= now - self._window:
            failures.popleft()
        return failures


def _key(kind: str, text: str) -> bytes:
    """Return a key that is short however long a name somebody sends."""
    return sha256(f"{kind}:{text}".encode(errors="replace")).digest()[:16]


def _name(username: str) -> str:
    return unicodedata.normalize("NFKC", username).strip().casefold()


def _network(address: str) -> str:
    """Return whose the address is: of IPv6, one customer has a whole /64 to try from."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
