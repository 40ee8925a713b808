"""Timers are absolute instants, computed when they open; they fire when told to, never by themselves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from engine.calendars import UnpublishedYear
from engine.dialect.iso8601 import NotIso8601, Period, parse_cycle, parse_date, parse_duration
from engine.feel import Feel
from engine.runtime import Runtime, RuntimeProblem, UnknownProcess
from tests.engine.drawing import boundary, chain, el, event, process, start, timer, user, z
from tests.engine.play import NOW, ROOT, PlainWeek, Play, bundle

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def one_timer(text: str, kind: str = "timeDuration", variables: dict[str, Any] | None = None) -> Play:
    task = user("a") + boundary("t", "a", timer(text, kind), interrupting=False)
    return Play(bundle(process("p", start(), task, user("b"), chain("s a"), chain("t b")))).start(variables)


def due(play: Play, element: str = "t") -> datetime:
    deadline = play.item(element).due
    assert deadline is not None
    return deadline.at


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("PT8H", "timeDuration", NOW + 8 * HOUR),
        ("P1M", "timeDuration", datetime(2026, 2, 5, 1, tzinfo=UTC)),
        ('=duration("P1D")', "timeDuration", NOW + DAY),
        ('=duration("P1Y2M")', "timeDuration", datetime(2027, 3, 5, 1, tzinfo=UTC)),
        ("=wait", "timeDuration", NOW + 2 * HOUR),
        ("2026-01-31T09:00:00+08:00", "timeDate", datetime(2026, 1, 31, 1, tzinfo=UTC)),
        ("2026-01-31T09:00:00", "timeDate", datetime(2026, 1, 31, 1, tzinfo=UTC)),
        ("=at", "timeDate", datetime(2026, 1, 31, 1, tzinfo=UTC)),
        ("=workingDays(now(), 2)", "timeDate", datetime(2026, 1, 7, 16, tzinfo=UTC)),
        ("=workingDays(now(), 2)", "timeDuration", datetime(2026, 1, 7, 16, tzinfo=UTC)),
        ('=now() + duration("PT3H")', "timeDate", NOW + 3 * HOUR),
        ("R3/PT8H", "timeCycle", NOW + 8 * HOUR),
        ("R/PT8H", "timeCycle", NOW + 8 * HOUR),
        ('="R" + string(n) + "/P1D"', "timeCycle", NOW + DAY),
        ("R3/2026-01-06T09:00:00+08:00/P1D", "timeCycle", datetime(2026, 1, 6, 1, tzinfo=UTC)),
        ("R3/2025-12-31T09:00:00+08:00/P1M", "timeCycle", datetime(2026, 1, 31, 1, tzinfo=UTC)),
        ("R2/P1D/2026-01-10T09:00:00+08:00", "timeCycle", datetime(2026, 1, 9, 1, tzinfo=UTC)),
        ("R/P1D/2026-01-10T09:00:00+08:00", "timeCycle", datetime(2026, 1, 6, 1, tzinfo=UTC)),
    ],
)
def test_due(text: str, kind: str, expected: datetime) -> None:
    assert due(one_timer(text, kind, {"wait": "PT2H", "at": "2026-01-31T09:00:00+08:00", "n": 2})) == expected


def test_a_deadline_keeps_its_rule() -> None:
    play = one_timer('=rule(workingDays(now(), 2), "公司规定第3条")', "timeDate")
    deadline = play.item("t").due
    assert deadline is not None
    assert (deadline.rule, deadline.calendar_version) == ("公司规定第3条", "plain")
    assert deadline.explanation


def test_a_counted_cycle_comes_as_often_as_it_says() -> None:
    play = one_timer("R3/PT8H", "timeCycle")
    assert (play.item("t").is_cycle, play.item("t").repeats_left) == (True, 2)
    for number in (1, 2, 3):
        assert due(play) == NOW + 8 * number * HOUR
        item = play.item("t").id
        play.fire("t")
        assert play.waits.split().count("b") == number
        if number < 3:
            assert play.item("t").id == item
    assert play.waits == "a b b b"


def test_every_occurrence_of_a_counted_cycle_comes_even_late() -> None:
    play = one_timer("R3/PT8H", "timeCycle")
    play.fire("t", after=DAY * 5)
    assert due(play) == NOW + 16 * HOUR
    assert play.fire("t", after=HOUR).fire("t", after=HOUR).waits == "a b b b"


def test_an_endless_cycle_skips_what_it_slept_through() -> None:
    play = one_timer("R/PT8H", "timeCycle")
    assert play.item("t").repeats_left is None
    play.fire("t", after=timedelta(hours=21))
    assert due(play) == NOW + 24 * HOUR


def test_months_are_counted_from_the_first_day() -> None:
    play = one_timer("R3/2026-01-31T09:00:00+08:00/P1M", "timeCycle")
    seen = []
    for _ in range(3):
        seen.append(due(play).date().isoformat())
        play.fire("t")
    assert seen == ["2026-01-31", "2026-02-28", "2026-03-31"]


def test_a_cycle_with_an_end_stops_there() -> None:
    play = one_timer("R/P1D/2026-01-07T09:00:00+08:00", "timeCycle")
    assert play.item("t").repeats_left == 1
    assert play.fire("t").fire("t").waits == "a b b"


def test_two_timers_behind_one_gateway_have_their_own_times() -> None:
    play = Play(
        bundle(
            process(
                "p",
                start(),
                el("eventBasedGateway", "g"),
                el("intermediateCatchEvent", "t", timer("PT1H")),
                el("intermediateCatchEvent", "u", timer("PT2H")),
                user("a"),
                user("b"),
                chain("s g t a"),
                chain("g u b"),
            )
        )
    ).start()
    assert (due(play, "t"), due(play, "u")) == (NOW + HOUR, NOW + 2 * HOUR)
    assert play.item("t").parent_id == play.item("u").parent_id
    assert play.fire("u").waits == "b"


def test_nothing_fires_by_itself() -> None:
    """The library polls the machine's clock at every step; ours does not look."""
    play = one_timer("2001-01-01T00:00:00Z", "timeDate")
    assert play.waits == "a timer:t"
    assert due(play) == datetime(2001, 1, 1, tzinfo=UTC)


def test_a_timer_shows_what_it_guards() -> None:
    play = one_timer("PT1H")
    assert play.item("t").parent_id == play.item("a").id
    assert not play.item("t").interrupting


@pytest.mark.parametrize(
    ("definition", "first", "then"),
    [
        (timer("2026-03-01T00:00:00+08:00", "timeDate"), datetime(2026, 2, 28, 16, tzinfo=UTC), None),
        (
            timer("R/2026-02-01T00:00:00+08:00/P1M", "timeCycle"),
            datetime(2026, 1, 31, 16, tzinfo=UTC),
            datetime(2026, 2, 28, 16, tzinfo=UTC),
        ),
        (timer('="R2/P1D"', "timeCycle"), NOW + DAY, NOW + 2 * DAY),
    ],
)
def test_timer_start_events(definition: str, first: datetime, then: datetime | None) -> None:
    files = bundle(process("p", start("s", definition), user("a"), chain("s a")))
    assert files.diagrams["p"].start_events[0].event.timer is not None
    play = Play(files)
    kept = play.runtime.start_timer(files, "p", "s", now=NOW)
    assert datetime.fromisoformat(kept["due"][0]) == first
    following = play.runtime.next_start_timer(kept, now=first)
    assert (datetime.fromisoformat(following["due"][0]) if following else None) == then
    assert play.start({}, start_event="s").waits == "a"


def test_a_timer_start_that_cannot_be_computed() -> None:
    files = bundle(process("p", start("s", timer("=when", "timeDate")), user("a"), chain("s a")))
    runtime = Play(files).runtime
    with pytest.raises(RuntimeProblem):
        runtime.start_timer(files, "p", "s", now=NOW)
    with pytest.raises(UnknownProcess):
        runtime.start_timer(files, "p", "a", now=NOW)


def test_message_and_signal_start_events_are_data() -> None:
    files = bundle(
        process(
            "p",
            start("s", event("message", "M")),
            start("g", event("signal", "S")),
            user("a"),
            chain("s a"),
            chain("g a"),
        ),
        el("message", "M", name="mail"),
        el("signal", "S", name="alarm"),
    )
    events = {found.id: (found.event.kind, found.event.name) for found in files.diagrams["p"].start_events}
    assert events == {"s": ("message", "mail"), "g": ("signal", "alarm")}
    assert Play(files).start({}, start_event="g").waits == "a"
    with pytest.raises(UnknownProcess):
        Play(files).start({})


def test_due_dates_of_people() -> None:
    schedule = z("taskSchedule", dueDate="=workingDays(now(), 3)", followUpDate="2026-01-06")
    play = Play(bundle(process("p", start(), user("a", ext=schedule), chain("s a")))).start()
    item = play.item("a")
    assert item.due is not None
    assert item.follow_up is not None
    assert item.due.at == datetime(2026, 1, 8, 16, tzinfo=UTC)
    assert item.follow_up.at == datetime(2026, 1, 6, 16, tzinfo=UTC)  # a mere date: until its end in China


class Holidays(PlainWeek):
    """A calendar in which some days turn out to be holidays."""

    def __init__(self) -> None:
        self.days: set[date] = set()
        self.broken = False

    def is_working_day(self, day: date) -> bool:
        if self.broken:
            raise UnpublishedYear(day.year)
        return super().is_working_day(day) and day not in self.days

    def version(self) -> str:
        return f"{len(self.days)} days off"


def test_deadlines_are_computed_again_when_the_calendar_changes() -> None:
    calendar = Holidays()
    schedule = z("taskSchedule", dueDate="=workingDays(now(), 3)", followUpDate="=hours(now(), 1)")
    task = user("a", ext=schedule) + boundary("t", "a", timer("=workingDays(now(), 1)", "timeDate"))
    files = bundle(process("p", start(), task, user("b"), chain("s a"), chain("t b")))
    with Feel(ROOT / "bundles/feel.js", calendar) as interpreter:
        runtime = Runtime(interpreter)
        state = runtime.start(files, "p", {}, now=NOW).save()
        calendar.days = {date(2026, 1, 6), date(2026, 1, 8)}
        run = runtime.restore(files, state, now=NOW + 50 * HOUR)
        run.recompute_deadlines()
        found = {item.element_id: item for item in run.waiting}
        assert found["a"].due is not None
        assert found["a"].follow_up is not None
        assert found["t"].due is not None
        assert found["a"].due.at == datetime(2026, 1, 12, 16, tzinfo=UTC)
        assert found["a"].due.calendar_version == "2 days off"
        assert found["a"].follow_up.at == NOW + HOUR
        assert found["t"].due.at == datetime(2026, 1, 7, 16, tzinfo=UTC)
        facts = [(h.event, h.element_id, h.facts.get("before")) for h in run.happened]
        assert facts == [
            ("deadline:recomputed", "a", "2026-01-08T16:00:00+00:00"),
            ("deadline:recomputed", "t", "2026-01-06T16:00:00+00:00"),
        ]
        calendar.broken = True
        run.recompute_deadlines()
        assert [h.event for h in run.happened[2:]] == ["deadline:kept", "deadline:kept"]
        assert {item.element_id: item.due for item in run.waiting} == {key: i.due for key, i in found.items()}


@pytest.mark.parametrize("text", ["P", "PT", "P1", "3D", "P1.5M", "P-1D", "", "P1DT", "P99999999999D", "1D", "PT1H30"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(NotIso8601):
        parse_duration(text)


@pytest.mark.parametrize(
    "text",
    ["", "R3", "R0/P1D", "P1D", "R3/PT0S", "R/P1D/P1D", "0 0 9 * * MON", "R1/a/P1D", "R/2026-01-01/b/c"],
)
def test_what_is_no_cycle(text: str) -> None:
    with pytest.raises(NotIso8601):
        parse_cycle(text)


def test_literals() -> None:
    assert parse_duration("P1W2DT3H4M5.5S") == Period(0, timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5.5))
    assert parse_duration("P1Y2M") == Period(14, timedelta())
    assert parse_date("2019-10-02T08:09:40+02:00[Europe/Berlin]") == datetime(2019, 10, 2, 6, 9, 40, tzinfo=UTC)
    assert Period(1, timedelta()).after(datetime(2024, 1, 31, tzinfo=UTC)) == datetime(2024, 2, 29, tzinfo=UTC)
    assert Period(-1, timedelta()).after(datetime(2024, 3, 31, 2, tzinfo=UTC)) == datetime(2024, 2, 29, 2, tzinfo=UTC)
    assert Period(1, timedelta()).after(datetime(9998, 12, 31, 15, tzinfo=UTC)).year == 9999
