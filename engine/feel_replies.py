"""What the isolate has answered, for the same question again.

The conditions of diagrams and forms are asked with the same few values in one case after another. A reply depends on
nothing but its request; where that has nothing to do with time, not on the clock either, and it can be remembered.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict

_FUNCTIONS = frozenset({"values", "tests"})
_LONGEST = 2_000
"""Characters of a request or a reply worth keeping: most of what is asked twice is short."""
_TIMELY = re.compile(r"now|today|date|time|duration|random|uuid|@")
"""A request in which one of these occurs, be it in a name or a value, may be answered differently another time."""


class Replies:
    """The `size` replies used last. Thread-safe."""

    def __init__(self, size: int = 2_048) -> None:
        self._size = size
        self._kept: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, function: str, request: str) -> str | None:
        """Return what was answered to this request, as JSON; None if that is not known."""
        key = function, request
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
        return found

    def keep(self, function: str, request: str, reply: str) -> None:
        with self._lock:
            self._kept[function, request] = reply
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()

    @staticmethod
    def lasting(function: str, request: str) -> bool:
        """Say whether the reply to this request, given without the present time, is the same at any time."""
        return function in _FUNCTIONS and len(request) <= _LONGEST and not _TIMELY.search(request)
