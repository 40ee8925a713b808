"""The ports, fitted for tests: named as the ports are, and remembering what they were asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from documents.render import Rendered
from engine.errors import EngineError

MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Monday, 23 November 2026, 9:00 in China."""


class FrozenClock:
    """`engine.ports.Clock` that stands still until told to move."""

    def __init__(self, at: datetime = MONDAY) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> datetime:
        """Move on, or back with a negative `by`; return the new time."""
        self.at += by
        return self.at


class PlainWeek:
    """`engine.ports.Calendar` with nothing but weekends."""

    def is_working_day(self, day: date) -> bool:
        return day.weekday() < 5

    def version(self) -> str:
        return "plain"


class RenderRefused(Exception):
    """As the documents room does: a sentence, and whether trying again can help."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent


class TextRenderer:
    """`engine.ports.Renderer` whose PDF is the facts as text. `refuse` makes it fail as often as it holds errors."""

    def __init__(self) -> None:
        self.refuse: list[Exception] = []
        self.rendered: list[Mapping[str, Any]] = []

    def render(
        self, template: Mapping[str, bytes], facts: Mapping[str, Any], *, issued_at: datetime, draft: bool
    ) -> Rendered:
        if self.refuse:
            raise self.refuse.pop(0)
        self.rendered.append(facts)
        body = json.dumps([facts, issued_at.isoformat(), draft], ensure_ascii=False, sort_keys=True)
        return Rendered(f"%PDF-1.7\n{body}".encode(), pages=1)


class DeliveryFailed(EngineError):
    """通知没有送达。"""


@dataclass(frozen=True)
class Sent:
    to: str
    subject: str
    body: str


class ListNotifier:
    """`engine.ports.Notifier` that keeps each message once by its key, as the port asks. `refuse` as above."""

    def __init__(self) -> None:
        self.refuse: list[Exception] = []
        self.sent: list[Sent] = []
        self._keys: set[str] = set()
        self._lock = threading.Lock()

    def send(self, *, to: str, subject: str, body: str, idempotency_key: str) -> None:
        with self._lock:
            if self.refuse:
                raise self.refuse.pop(0)
            if idempotency_key not in self._keys:
                self._keys.add(idempotency_key)
                self.sent.append(Sent(to, subject, body))
