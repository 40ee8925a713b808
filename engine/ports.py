"""What the engine needs from outside. `web/wiring.py` fits the implementations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""


class Calendar(Protocol):
    """Which days are working days in China."""

    def is_working_day(self, day: date) -> bool:
        """Say whether `day` is a working day. Raise `UnpublishedYear` for a year whose arrangement is not out."""

    def version(self) -> str:
        """Return a short stable name of the data in force, journalled with every deadline computed from it."""


class Rendered(Protocol):
    """A finished document."""

    @property
    def pdf(self) -> bytes: ...

    @property
    def pages(self) -> int: ...


class Renderer(Protocol):
    def render(
        self, template: Mapping[str, bytes], facts: Mapping[str, Any], *, issued_at: datetime, draft: bool
    ) -> Rendered:
        """Return the PDF of `facts` in the template folder `template` (file name -> content).

        The same arguments give the same bytes. Raise an error of the documents room, whose text is a sentence
        for the reader, when a fact is missing, a glyph has no font or the time limit is reached.
        """


class Notifier(Protocol):
    def send(self, *, to: str, subject: str, body: str, idempotency_key: str) -> None:
        """Deliver a message, once for each key. Raise `DeliveryFailed` to have it tried again later."""
