"""Deadlines of a case: the verbs, the clock, the calendar, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from engine.casework import errors
from engine.casework.limits import facts_of
from engine.identity import SYSTEM
from engine.office_calendar import OfficeCalendar
from engine.tables import deadline, notice, work_item
from engine.worklist import Urgency
from tests.engine.conftest import House
from tests.engine.procedures import (
    chain,
    el,
    end,
    event,
    file,
    headers,
    io,
    job,
    lanes,
    message,
    process,
    start,
    user,
    z,
)

DAY = timedelta(days=1)
RULE = "《市场监督管理投诉举报处理办法》受理期限"


def verb(name: str, job_type: str, inputs: dict[str, str] | None = None, /, **given: str) -> str:
    return job(name, kind=job_type, ext=headers(**given) + (io(inputs) if inputs else ""))


def opening(due: str = f'=rule(workingDays(now(), 7), "{RULE}")', **given: str) -> str:
    inputs = {"due": due, **({"remind_at": given.pop("remind_at")} if "remind_at" in given else {})}
    wanted = {"deadline": "acceptance", "title": "受理期限", "kind": "statutory", "notify": "客服部", **given}
    return verb("open", "open_deadline", inputs, **wanted)


def limited(*steps: str, path: str, **opened: str) -> dict[str, bytes]:
    """A case that opens a deadline and goes along `path`."""
    return file(process("limited", start(), opening(**opened), *steps, end(), chain(f"s open {path} e")))


def rows(house: House) -> list[Any]:
    with house.database.read() as tx:
        return list(tx.execute(select(deadline).order_by(deadline.c.key)))


def row(house: House) -> Any:
    [found] = rows(house)
    return found


def facts(house: House, case_key: int, event_name: str) -> list[dict[str, Any]]:
    told = house.worklist.timeline(case_key, house.person("root"), limit=1000, technical=True)
    return [dict(entry.facts) for entry in reversed(told) if entry.event == event_name]


MET = limited(user("work"), verb("met", "meet_deadline", deadline="acceptance"), user("after"), path="work met after")


class TestMeeting:
    def test_it_keeps_its_rule_and_is_met(self, house: House) -> None:
        house.deploy(MET)
        ref = house.casework.start_case("limited", by="alice")
        found = row(house)
        assert (found.state, found.rule, found.unit, found.kind) == ("OPEN", RULE, "working_days", "statutory")
        assert found.due_at == datetime(2026, 12, 2, 16, tzinfo=UTC)
        assert found.run_at == found.due_at
        house.casework.complete_task(house.open(ref.key)["work"], {}, by="alice")
        found = row(house)
        assert (found.state, found.closed_at, found.run_at) == ("MET", house.clock.now(), None)
        assert facts(house, ref.key, "deadline:met") == [
            {"deadline": "acceptance", "title": "受理期限", "at": found.due_at.isoformat(), "late": False}
        ]

    def test_late_is_missed_first_and_can_still_be_met(self, house: House) -> None:
        house.deploy(MET)
        ref = house.casework.start_case("limited", by="alice")
        house.clock.at = row(house).due_at
        house.worker.run_once()
        assert row(house).state == "MISSED"
        house.casework.complete_task(house.open(ref.key)["work"], {}, by="alice")
        found = row(house)
        assert found.state == "MET_LATE"
        assert found.missed_at is not None

    def test_meeting_twice_or_nothing_does_nothing(self, house: House) -> None:
        met = verb("met", "meet_deadline", deadline="acceptance")
        again = verb("again", "meet_deadline", deadline="acceptance")
        other = verb("other", "meet_deadline", deadline="unheard")
        house.deploy(limited(met, again, other, user("after"), path="met again other after"))
        ref = house.casework.start_case("limited", by="alice")
        assert house.waits(ref.key) == ["user_task:after"]
        assert len(facts(house, ref.key, "deadline:met")) == 1

    def test_a_case_that_ends_leaves_none_running(self, house: House) -> None:
        house.deploy(limited(user("work"), path="work"))
        ref = house.casework.start_case("limited", by="alice")
        house.casework.complete_task(house.open(ref.key)["work"], {}, by="alice")
        assert (row(house).state, row(house).run_at) == ("CANCELLED", None)
        assert facts(house, ref.key, "deadline:canceled")[0]["reason"] == "案件已结束"

    def test_a_cancelled_case_leaves_none_running(self, house: House) -> None:
        house.deploy(limited(user("work"), path="work"))
        ref = house.casework.start_case("limited", by="alice")
        house.casework.cancel_case(ref.key, "重复", by="root")
        assert row(house).state == "CANCELLED"

    def test_one_missed_stays_missed_when_the_case_ends(self, house: House) -> None:
        house.deploy(limited(user("work"), path="work"))
        ref = house.casework.start_case("limited", by="alice")
        house.clock.at = row(house).due_at
        house.worker.run_once()
        house.casework.complete_task(house.open(ref.key)["work"], {}, by="alice")
        assert (row(house).state, row(house).closed_at) == ("MISSED", house.clock.now())

    def test_opening_again_replaces_the_limit(self, house: House) -> None:
        again = verb(
            "again",
            "open_deadline",
            {"due": "=calendarDays(now(), 60)"},
            deadline="acceptance",
            title="调解期限",
            kind="statutory",
        )
        house.deploy(limited(user("work"), again, user("after"), path="work again after"))
        ref = house.casework.start_case("limited", by="alice")
        before = row(house)
        house.casework.complete_task(house.open(ref.key)["work"], {}, by="alice")
        after = row(house)
        assert (after.key, after.title, after.unit) == (before.key, "调解期限", "calendar_days")
        assert facts(house, ref.key, "deadline:replaced")[0]["before"] == before.due_at.isoformat()

    def test_no_instant_is_an_incident(self, house: House) -> None:
        house.deploy(limited(user("work"), path="work", due="=nothing"))
        ref = house.casework.start_case("limited", by="alice")
        assert house.waits(ref.key) == ["job:open"]
        assert rows(house) == []


PAUSED = limited(
    user("work"),
    verb("stop", "pause_deadline", {"reason": '="鉴定"'}, deadline="*"),
    user("appraise"),
    verb("go", "resume_deadline", deadline="*"),
    user("after"),
    path="work stop appraise go after",
)


def paused(due: str) -> dict[str, bytes]:
    text = PAUSED["workflows/drawn.bpmn"].decode()
    other = limited(user("work"), path="work", due=due)["workflows/drawn.bpmn"].decode()
    old = text[text.index('<bpmn:serviceTask id="open"') : text.index("</bpmn:serviceTask>")]
    new = other[other.index('<bpmn:serviceTask id="open"') : other.index("</bpmn:serviceTask>")]
    return {"workflows/drawn.bpmn": text.replace(old, new).encode()}


class TestPausing:
    @pytest.mark.parametrize(
        ("due", "length", "moved"),
        [
            # From Monday 9:00: over the weekend to the next Monday are five working days, seven calendar days.
            ("=workingDays(now(), 7)", 7 * DAY, timedelta(days=7)),
            ("=calendarDays(now(), 60)", 7 * DAY, timedelta(days=7)),
            ("=hours(now(), 48)", timedelta(hours=5), timedelta(hours=5)),
            ("=minutes(now(), 30)", timedelta(minutes=10), timedelta(minutes=10)),
            ('=limit(now(), {amount: 2, unit: "working_days"})', timedelta(hours=1), timedelta(0)),
            # Friday 4 December is moved by two days to Sunday, which gives way to Monday.
            ("=nextWorkingDay(calendarDays(now(), 11))", 2 * DAY, timedelta(days=3)),
        ],
    )
    def test_the_pause_is_left_out_in_the_rules_own_unit(
        self, house: House, due: str, length: timedelta, moved: timedelta
    ) -> None:
        house.deploy(paused(due))
        ref = house.casework.start_case("limited", by="alice")
        before = row(house)
        house.casework.complete_task(house.open(ref.key)["work"], {}, by="alice")
        stopped = row(house)
        assert (stopped.state, stopped.pause_reason, stopped.run_at) == ("PAUSED", "鉴定", None)
        house.clock.advance(length)
        house.worker.run_once()
        assert row(house).state == "PAUSED"
        house.casework.complete_task(house.open(ref.key)["appraise"], {}, by="alice")
        after = row(house)
        assert after.due_at - before.due_at == moved
        assert (after.state, after.paused_at, after.pauses) == ("OPEN", None, 1)
        assert after.paused_seconds == length.total_seconds()
        assert after.rule == before.rule

    def test_five_working_days_are_said(self, house: House) -> None:
        house.deploy(paused("=workingDays(now(), 7)"))
        ref = house.casework.start_case("limited", by="alice")
        house.casework.complete_task(house.open(ref.key)["work"], {}, by="alice")
        house.clock.advance(7 * DAY)
        house.casework.complete_task(house.open(ref.key)["appraise"], {}, by="alice")
        assert row(house).paused_days == 5
        texts = [entry.text for entry in house.worklist.timeline(ref.key, house.person("alice"))]
        assert "期限“受理期限”恢复计时，顺延5个工作日，至2026年12月9日24:00" in texts
        assert "期限“受理期限”暂停计时，原因：鉴定" in texts

    def test_what_is_met_while_paused_is_not_late(self, house: House) -> None:
        stop = verb("stop", "pause_deadline", {"reason": '="补正"'}, deadline="acceptance")
        met = verb("met", "meet_deadline", deadline="acceptance")
        house.deploy(limited(stop, user("wait"), met, user("after"), path="stop wait met after"))
        ref = house.casework.start_case("limited", by="alice")
        house.clock.advance(90 * DAY)
        house.worker.run_once()
        house.casework.complete_task(house.open(ref.key)["wait"], {}, by="alice")
        assert row(house).state == "MET"


class TestExtending:
    EXTENDED = limited(
        user("work"),
        verb(
            "longer",
            "extend_deadline",
            {"due": "=workingDays(now(), 15)", "reason": '="案情复杂"', "approved_by": '="高远"'},
            deadline="acceptance",
        ),
        user("after"),
        path="work longer after",
        remind_at='=now() + duration("P1D")',
    )

    def test_it_has_reason_and_approval_and_reminds_again(self, house: House) -> None:
        house.deploy(self.EXTENDED)
        ref = house.casework.start_case("limited", by="alice")
        before = row(house)
        house.clock.advance(DAY)
        house.worker.run_once()
        assert row(house).reminded_at is not None
        house.casework.complete_task(house.open(ref.key)["work"], {}, by="alice")
        after = row(house)
        assert after.due_at > before.due_at
        assert after.due_at - after.remind_at == before.due_at - before.remind_at
        assert after.reminded_at is None
        assert after.rule == RULE
        [told] = facts(house, ref.key, "deadline:extended")
        assert (told["reason"], told["approved_by"]) == ("案情复杂", "高远")

    def test_one_missed_runs_again(self, house: House) -> None:
        house.deploy(self.EXTENDED)
        ref = house.casework.start_case("limited", by="alice")
        house.clock.at = row(house).due_at
        house.worker.run_once()
        house.casework.complete_task(house.open(ref.key)["work"], {}, by="alice")
        found = row(house)
        assert found.state == "OPEN"
        assert found.missed_at is not None


class TestTelling:
    def test_a_reminder_and_the_miss_go_to_the_groups_in_office_hours(self, house: House) -> None:
        house.deploy(limited(user("work"), path="work", remind_at='=now() + duration("P1D")'))
        ref = house.casework.start_case("limited", by="alice")
        house.clock.advance(DAY)
        house.worker.run_once()
        [sent] = house.notifier.sent
        assert sent.to == "carol"
        assert "受理期限" in sent.subject
        texts = [entry.text for entry in house.worklist.timeline(ref.key, house.person("alice"))]
        assert any(text.startswith("期限“受理期限”将于") and text.endswith("，通知：李凯若") for text in texts), texts
        house.clock.at = row(house).due_at  # 24:00
        house.worker.run_once()
        assert row(house).state == "MISSED"
        assert len(house.notifier.sent) == 1, "nobody is called at midnight"
        house.clock.at = datetime(2026, 12, 3, 0, 29, tzinfo=UTC)
        house.worker.run_once()
        assert len(house.notifier.sent) == 1
        house.clock.at = datetime(2026, 12, 3, 0, 30, tzinfo=UTC)
        house.worker.run_once()
        assert [sent.to for sent in house.notifier.sent] == ["carol", "carol"]
        assert facts(house, ref.key, "deadline:missed")[0]["told"] == ["carol"]
        assert house.worker.run_once() == 0

    def test_who_is_told_may_see_the_case(self, house: House) -> None:
        house.deploy(
            file(
                process(
                    "limited",
                    lanes(第一接待人="s open work e"),
                    start(),
                    opening(),
                    user("work"),
                    end(),
                    chain("s open work e"),
                )
            )
        )
        ref = house.casework.start_case("limited", by="alice")
        with pytest.raises(errors.NotFound):
            house.worklist.case(ref.key, house.person("carol"))
        house.clock.at = row(house).due_at
        house.worker.run_once()
        assert house.worklist.case(ref.key, house.person("carol")).case.key == ref.key
        [near] = house.worklist.near_deadlines(house.person("carol"), Urgency.OVERDUE)
        assert near.title == "受理期限"
        assert house.worklist.near_deadlines(house.person("charlie"), Urgency.OVERDUE) == ()

    def test_what_must_be_told_is_told_at_night(self, house: House) -> None:
        house.deploy(limited(user("work"), path="work", must="yes"))
        house.casework.start_case("limited", by="alice")
        house.clock.at = row(house).due_at
        house.worker.run_once()
        assert len(house.notifier.sent) == 1

    def test_a_failed_notice_is_tried_again_and_sent_once(self, house: House) -> None:
        house.deploy(limited(user("work"), path="work", must="yes"))
        house.casework.start_case("limited", by="alice")
        house.clock.at = row(house).due_at
        house.notifier.refuse.append(OSError("away"))
        house.worker.run_once()
        assert house.notifier.sent == []
        house.clock.advance(timedelta(minutes=2))
        house.worker.run_once()
        assert len(house.notifier.sent) == 1
        with house.database.read() as tx:
            assert tx.execute(select(notice.c.sent_at)).scalar_one() == house.clock.now()

    def test_the_diagram_hears_of_a_miss(self, house: House) -> None:
        listener = el(
            "subProcess",
            "late",
            start("heard", event("message", "M"), isInterrupting="false"),
            user("escalate"),
            end("le"),
            chain("heard escalate le"),
            triggeredByEvent="true",
        )
        house.deploy(
            file(
                message("M", "deadline_missed", '=case.key + ":acceptance"'),
                process("limited", start(), opening(), user("work"), end(), chain("s open work e"), listener),
            )
        )
        ref = house.casework.start_case("limited", by="alice")
        other = house.casework.start_case("limited", by="alice")
        with house.database.begin() as tx:
            tx.execute(deadline.update().where(deadline.c.case_key == other.key).values(run_at=None))
        house.clock.at = rows(house)[0].due_at
        house.worker.run_once()
        assert "user_task:escalate" in house.waits(ref.key)
        assert "user_task:escalate" not in house.waits(other.key)

    def test_two_workers_miss_it_once(self, house: House) -> None:
        house.deploy(limited(user("work"), path="work"))
        ref = house.casework.start_case("limited", by="alice")
        house.clock.at = row(house).due_at
        assert house.casework.look_at_deadline(row(house).key) == "missed"
        assert house.casework.look_at_deadline(row(house).key) is None
        assert len(facts(house, ref.key, "deadline:missed")) == 1


class TestCalendar:
    """The plain week of the tests, with days taken out of it."""

    @pytest.fixture
    def closed(self, house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        calendar = house.casework._house.feel.calendar

        def close(*days: str) -> None:
            monkeypatch.setattr(calendar, "version", lambda: f"closed {days}")
            monkeypatch.setattr(
                calendar, "is_working_day", lambda day: day.weekday() < 5 and day.isoformat() not in days
            )

        return close

    def ring(self, house: House) -> None:
        OfficeCalendar(house.database, clock=house.clock).save_year(
            2026, [("2026-11-24", False, "停水", "通知")], by=SYSTEM
        )
        house.clock.advance(timedelta(seconds=40))

    def test_open_deadlines_and_tasks_are_counted_again(self, house: House, closed: Callable[..., None]) -> None:
        task = user("work", ext=z("taskSchedule", dueDate="=workingDays(now(), 3)"))
        house.deploy(limited(task, path="work"))
        ref = house.casework.start_case("limited", by="alice")
        before = row(house).due_at
        closed("2026-11-24")
        self.ring(house)
        house.worker.run_once()
        assert row(house).due_at == before + DAY
        assert row(house).run_at == before + DAY
        assert facts(house, ref.key, "deadline:recomputed")
        with house.database.read() as tx:
            item = tx.execute(select(work_item).where(work_item.c.element_id == "work")).one()
        assert item.due_at == datetime(2026, 11, 27, 16, tzinfo=UTC)
        assert (item.run_at, item.claimed_by) == (None, None)
        [listed] = house.worklist.my_items(house.person("alice")).items
        assert listed.due is not None
        assert listed.due.at == item.due_at
        assert house.worker.run_once() == 0

    def test_a_pause_stays_in_it(self, house: House, closed: Callable[..., None]) -> None:
        house.deploy(paused("=workingDays(now(), 7)"))
        ref = house.casework.start_case("limited", by="alice")
        house.casework.complete_task(house.open(ref.key)["work"], {}, by="alice")
        house.clock.advance(2 * DAY)
        house.casework.complete_task(house.open(ref.key)["appraise"], {}, by="alice")
        assert row(house).due_at == datetime(2026, 12, 4, 16, tzinfo=UTC)
        closed("2026-12-01")
        self.ring(house)
        house.worker.run_once()
        assert row(house).due_at == datetime(2026, 12, 7, 16, tzinfo=UTC)


def test_documents_can_show_them(house: House) -> None:
    house.deploy(MET)
    ref = house.casework.start_case("limited", by="alice")
    with house.database.read() as tx:
        [shown] = facts_of(tx, ref.key)
    assert shown == {
        "id": "acceptance",
        "title": "受理期限",
        "kind": "statutory",
        "rule": RULE,
        "due_at": row(house).due_at.isoformat(),
        "state": "OPEN",
        "paused_days": 0,
        "met_at": None,
    }
