"""The one place that asks the machine what time it is."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""The zone in which days begin and end: all deadlines and pages."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""For evaluating what does not depend on the time."""


class SystemClock:
    """The machine's clock, as `engine.ports.Clock`."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)
