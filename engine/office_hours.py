"""When people may be told of something that can wait: in office hours of a working day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from engine.calendars import SATURDAY, UnpublishedYear
from engine.clock import SHANGHAI
from engine.errors import EngineError
from engine.ports import Calendar
from engine.working_days import ONE_DAY


class OfficeHoursInvalid(EngineError):
    """工作时间有误，应如 08:30-18:00。"""


@dataclass(frozen=True)
class OfficeHours:
    """From `opens` until `closes`, by the clock in China."""

    opens: time = time(8, 30)
    closes: time = time(18, 0)

    @classmethod
    def parse(cls, text: str) -> OfficeHours:
        """Return the hours of `08:30-18:00`. Raise `OfficeHoursInvalid`."""
        try:
            opens, closes = (time.fromisoformat(part.strip()) for part in text.replace("–", "-").split("-"))
        except ValueError as error:
            raise OfficeHoursInvalid from error
        if opens >= closes:
            raise OfficeHoursInvalid
        return cls(opens, closes)

    def first_moment(self, at: datetime, calendar: Calendar) -> datetime:
        """Return `at` (aware) if it lies in office hours, else when they begin next. In UTC."""
        local = at.astimezone(SHANGHAI)
        if _is_working(local.date(), calendar):
            if self.opens <= local.time() < self.closes:
                return at.astimezone(UTC)
            if local.time() < self.opens:
                return self._opening(local.date())
        day = local.date() + ONE_DAY
        while not _is_working(day, calendar):
            day += ONE_DAY
        return self._opening(day)

    def _opening(self, day: date) -> datetime:
        return datetime.combine(day, self.opens, SHANGHAI).astimezone(UTC)


def _is_working(day: date, calendar: Calendar) -> bool:
    try:
        return calendar.is_working_day(day)
    except UnpublishedYear:
        # Nothing is counted by it: telling people a day early or late does no harm, not telling them would.
        return day.weekday() < SATURDAY
