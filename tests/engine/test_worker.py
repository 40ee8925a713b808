"""Timers, jobs, incidents: everything a worker does, on both databases."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.casework import errors
from engine.clock import SystemClock
from engine.operations import BpmnError, Job, Operation, OperationFailed
from engine.operations.render_document import RenderDocument
from engine.worker import LEASE, Lane, Worker
from tests.engine import procedures
from tests.engine.conftest import House
from tests.engine.procedures import (
    boundary,
    chain,
    el,
    end,
    event,
    file,
    headers,
    io,
    job,
    process,
    start,
    timer,
    user,
)
from tests.fakes import DeliveryFailed, RenderRefused, Sent

HOUR = timedelta(hours=1)


class Calculate(Operation):
    """An inline verb: doubles `x`; refuses a missing one, reports 13 as a business error, trips over text."""

    type = "calculate"
    inline = True

    def perform(self, job: Job) -> dict[str, Any]:
        x = job.inputs.get("x")
        if x is None:
            raise OperationFailed("没有 x，无法计算。")
        if x == 13:
            raise BpmnError("UNLUCKY", "不吉利", {"reason": "十三"})
        return {"y": x - 0 + x}


class Flaky(Operation):
    """A verb of a worker: fails as often as it holds errors."""

    type = "flaky"

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self.jobs: list[Job] = []

    def perform(self, job: Job) -> dict[str, Any]:
        self.jobs.append(job)
        if self.errors:
            raise self.errors.pop(0)
        return {"performed": len(self.jobs)}


class TestTimers:
    def test_reminders_repeat_and_the_escalation_takes_the_task_away(self, house: House) -> None:
        house.deploy(procedures.REMINDED)
        ref = house.casework.start_case("reminded", by="alice")
        assert house.worker.run_once() == 0
        house.clock.advance(HOUR)
        assert house.worker.run_once() == 1
        house.clock.advance(HOUR)
        assert house.worker.run_once() == 1
        [row] = house.worklist.my_items(house.person("alice")).items
        assert row.reminders == 2
        assert row.name == "处理"
        house.clock.advance(2 * HOUR)
        house.worker.run_once()
        assert house.waits(ref.key) == ["user_task:late"]
        assert house.worker.run_once() == 0
        texts = [entry.text for entry in house.worklist.timeline(ref.key, house.person("alice"))]
        assert "“处理”发出提醒：remind" in texts
        assert "流程离开“处理”，任务取消" in texts

    def test_nothing_due_costs_one_question(self, house: House) -> None:
        house.deploy(procedures.REMINDED)
        house.casework.start_case("reminded", by="alice")
        house.statements.clear()
        assert house.worker.run_once() == 0
        assert len(house.statements) == 1
        assert house.worker.next_due() == house.clock.now() + HOUR

    def test_two_workers_fire_one_timer_once(self, house: House) -> None:
        house.deploy(procedures.REMINDED)
        ref = house.casework.start_case("reminded", by="alice")
        house.clock.advance(4 * HOUR)
        workers = [Worker(house.casework, house.database, clock=house.clock) for _ in range(2)]
        barrier = threading.Barrier(2)

        def work(worker: Worker) -> None:
            barrier.wait()
            worker.run_once()

        threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert house.waits(ref.key) == ["user_task:late"]
        assert house.events(ref.key).count("timer:fired escalate") == 1

    def test_a_dead_workers_claim_ends_with_its_lease(self, house: House) -> None:
        house.deploy(procedures.REMINDED)
        ref = house.casework.start_case("reminded", by="alice")
        house.clock.advance(4 * HOUR)
        dead = Worker(house.casework, house.database, clock=house.clock, lease=timedelta(minutes=5))
        assert len(dead.claim(10)) == 2
        assert house.worker.run_once() == 0
        house.clock.advance(timedelta(minutes=5))
        assert house.worker.run_once() > 0
        assert house.waits(ref.key) == ["user_task:late"]

    def test_a_worker_started_in_place_of_a_dead_one_does_not_wait_for_its_lease(self, house: House) -> None:
        house.deploy(procedures.REMINDED)
        ref = house.casework.start_case("reminded", by="alice")
        house.clock.advance(4 * HOUR)
        with subprocess.Popen(["/bin/true"]) as ended:
            pass
        here = socket.gethostname()
        names = (
            f"{here}:{ended.pid}:abc123-0",
            f"{here}:{os.getpid()}:abc123-0",
            None,
            f"{here}:1:abc123-0",
            "elsewhere:1:a-0",
        )
        for name, theirs in zip(names, (2, 2, 0, 0, 0), strict=True):
            before = Worker(house.casework, house.database, clock=house.clock, name=name)
            assert len(before.claim(10)) == 2
            fresh = Worker(house.casework, house.database, clock=house.clock)
            assert fresh.take_over() == theirs
            house.clock.advance(timedelta(0) if theirs else LEASE)
        assert house.worker.run_once() > 0
        assert house.waits(ref.key) == ["user_task:late"]

    def test_a_clock_that_steps_back_fires_nothing_twice(self, house: House) -> None:
        house.deploy(procedures.REMINDED)
        ref = house.casework.start_case("reminded", by="alice")
        house.clock.advance(HOUR)
        house.worker.run_once()
        house.clock.advance(-2 * HOUR)
        assert house.worker.run_once() == 0
        house.clock.advance(2 * HOUR)
        assert house.worker.run_once() == 0
        assert house.events(ref.key).count("timer:fired remind") == 1

    def test_message_and_timer_race_for_one_gateway(self, house: House) -> None:
        house.deploy(
            file(
                procedures.message("m", "reply", '="K1"'),
                process(
                    "race",
                    start(),
                    el("eventBasedGateway", "g"),
                    el("intermediateCatchEvent", "came", event("message", "m")),
                    el("intermediateCatchEvent", "late", timer("PT1H")),
                    user("a"),
                    user("b"),
                    end("e"),
                    end("f"),
                    chain("s g came a e"),
                    chain("g late b f"),
                ),
            )
        )
        for _ in range(4):
            ref = house.casework.start_case("race", by="alice")
            house.worker.run_once()
            house.clock.advance(HOUR)
            house.casework.publish_message("reply", "K1")
            workers = [Worker(house.casework, house.database, clock=house.clock, batch=1) for _ in range(2)]
            threads = [threading.Thread(target=worker.run_once) for worker in workers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert house.waits(ref.key) in (["user_task:a"], ["user_task:b"])
            house.casework.cancel_case(ref.key, "下一轮", by="root")


MONTHLY = file(
    process(
        "monthly",
        start("tick", timer("R/2026-10-31T09:00:00+08:00/P1M", "timeCycle")),
        user("review"),
        end(),
        chain("tick review e"),
    )
)


class TestStartTimers:
    def test_the_monthly_batch_starts_a_case_a_month(self, house: House) -> None:
        house.deploy(MONTHLY)
        assert house.worker.next_due() == datetime(2026, 11, 30, 1, 0, tzinfo=UTC)
        assert house.worker.run_once() == 0
        house.clock.at = datetime(2026, 11, 30, 1, 0, tzinfo=UTC)
        assert house.worker.run_once() == 1
        assert house.worker.run_once() == 0
        assert house.worker.next_due() == datetime(2026, 12, 31, 1, 0, tzinfo=UTC)
        [found] = house.worklist.search("", house.person("root"))
        assert (found.process_id, found.started_by, found.started_by_name) == ("monthly", "system", "系统")

    def test_deploying_again_does_not_set_the_clock_back(self, house: House) -> None:
        house.deploy(MONTHLY)
        house.clock.at = datetime(2026, 11, 30, 0, 30, tzinfo=UTC)
        house.deploy(procedures.PARALLEL | {"workflows/monthly.bpmn": MONTHLY["workflows/drawn.bpmn"]})
        assert house.worker.next_due() == datetime(2026, 11, 30, 1, 0, tzinfo=UTC)

    def test_a_process_taken_out_starts_no_more(self, house: House) -> None:
        house.deploy(MONTHLY)
        house.casework.deploy({}, by="owner", check=lambda _: [], remove=["workflows/drawn.bpmn"])
        house.clock.advance(timedelta(days=60))
        assert house.worker.run_once() == 0


def calculating(*rest: str) -> dict[str, bytes]:
    return file(
        process("calc", start(), job("double", kind="calculate"), user("show"), end(), chain("s double show e"), *rest)
    )


class TestInlineVerbs:
    def test_it_is_done_when_the_step_is(self, make_house: Callable[..., House]) -> None:
        house = make_house(Calculate())
        house.deploy(calculating())
        ref = house.casework.start_case("calc", {"x": 21}, by="alice")
        assert house.waits(ref.key) == ["user_task:show"]
        assert house.worklist.case(ref.key, house.person("root")).variables["y"] == 42
        assert "job:completed double" in house.events(ref.key)

    @pytest.mark.parametrize(("x", "cause"), [(None, "没有 x"), ("text", "TypeError")])
    def test_its_failure_is_an_incident_that_can_be_mended(
        self, make_house: Callable[..., House], x: Any, cause: str
    ) -> None:
        house = make_house(Calculate())
        house.deploy(calculating())
        ref = house.casework.start_case("calc", {"x": x}, by="alice")
        [incident] = house.worklist.incidents(house.person("alice"))
        assert cause in incident.cause
        assert incident.element_id == "double"
        view = house.worklist.case(ref.key, house.person("root"))
        assert view.diagrams[0].incidents == ("double",)
        with pytest.raises(errors.NotAllowed):
            house.casework.retry_incident(incident.item_key, by="alice")
        house.casework.retry_incident(incident.item_key, by="owner")  # nothing has been mended
        [again] = house.worklist.incidents(house.person("owner"))
        assert again.key != incident.key
        house.casework.retry_incident(incident.item_key, by="owner", variables={"x": 2})
        assert house.waits(ref.key) == ["user_task:show"]
        assert house.worklist.incidents(house.person("owner")) == ()
        with pytest.raises(errors.NoIncident):
            house.casework.retry_incident(incident.item_key, by="owner")

    def test_a_business_error_is_caught_by_the_diagram(self, make_house: Callable[..., House]) -> None:
        house = make_house(Calculate())
        house.deploy(
            file(
                procedures.el("error", "err", name="UNLUCKY", errorCode="UNLUCKY"),
                process(
                    "calc",
                    start(),
                    job("double", kind="calculate"),
                    boundary("caught", "double", event("error", "err")),
                    user("show"),
                    user("explain"),
                    end(),
                    end("f"),
                    chain("s double show e"),
                    chain("caught explain f"),
                ),
            )
        )
        ref = house.casework.start_case("calc", {"x": 13}, by="alice")
        assert house.waits(ref.key) == ["user_task:explain"]
        assert house.worklist.case(ref.key, house.person("root")).variables["reason"] == "十三"

    def test_an_endless_loop_is_an_incident(self, make_house: Callable[..., House]) -> None:
        house = make_house(Calculate())
        house.deploy(
            file(
                process(
                    "calc",
                    start(),
                    el("exclusiveGateway", "again"),
                    job("double", kind="calculate"),
                    chain("s again double again"),
                )
            )
        )
        house.casework.start_case("calc", {"x": 1}, by="alice")
        [incident] = house.worklist.incidents(house.person("root"))
        assert "死循环" in incident.cause

    def test_numbers_and_messages(self, make_house: Callable[..., House]) -> None:
        house = make_house()
        house.deploy(
            file(
                process(
                    "n",
                    start(),
                    job("give", kind="number", ext=headers(series="{org}-CK-{yyyy}-{seq:03}", result_variable="ck")),
                    job("wrong", kind="number", ext=headers(series="{org}-{month}-{seq}")),
                    end(),
                    chain("s give wrong e"),
                )
            )
        )
        ref = house.casework.start_case("n", by="alice")
        assert house.worklist.case(ref.key, house.person("root")).variables["ck"] == "HJ-CK-2026-001"
        [incident] = house.worklist.incidents(house.person("root"))
        assert "{month}" in incident.cause


FLAKY = file(process("f", start(), job("try", kind="flaky"), user("show"), end(), chain("s try show e")))


class TestJobs:
    def test_it_is_tried_again_with_longer_pauses_then_an_incident(self, make_house: Callable[..., House]) -> None:
        flaky = Flaky()
        house = make_house(flaky)
        house.deploy(FLAKY)
        flaky.errors = [OperationFailed("对方没有应答。")] * 3
        ref = house.casework.start_case("f", by="alice")
        pauses = []
        while (due := house.worker.next_due()) is not None:
            pauses.append(due - house.clock.now())
            house.clock.at = due
            house.worker.run_once()
        assert pauses == [timedelta(0), timedelta(seconds=10), timedelta(minutes=1)]
        [incident] = house.worklist.incidents(house.person("root"))
        assert incident.cause == "对方没有应答。"
        assert len({found.idempotency_key for found in flaky.jobs}) == 1
        house.casework.retry_incident(incident.item_key, by="root")
        house.worker.run_once()
        assert house.waits(ref.key) == ["user_task:show"]
        assert house.worklist.case(ref.key, house.person("root")).variables["performed"] == 4

    def test_what_cannot_help_is_not_tried_again(self, make_house: Callable[..., House]) -> None:
        flaky = Flaky()
        house = make_house(flaky)
        house.deploy(FLAKY)
        flaky.errors = [OperationFailed("缺少数据。", permanent=True)]
        house.casework.start_case("f", by="alice")
        house.worker.run_once()
        assert [found.cause for found in house.worklist.incidents(house.person("root"))] == ["缺少数据。"]
        assert house.worker.next_due() is None

    def test_an_unforeseen_error_shows_no_inside(self, make_house: Callable[..., House]) -> None:
        flaky = Flaky()
        house = make_house(flaky)
        house.deploy(FLAKY)
        flaky.errors = [KeyError("secret 13812345678")] * 3
        house.casework.start_case("f", by="alice")
        for _ in range(3):
            house.worker.run_once()
            house.clock.advance(timedelta(hours=1))
        [incident] = house.worklist.incidents(house.person("root"))
        assert "KeyError" in incident.cause
        assert "138" not in incident.cause

    def test_an_unknown_job_type_is_an_incident_at_once(self, house: House) -> None:
        house.deploy(FLAKY)
        ref = house.casework.start_case("f", by="alice")
        [incident] = house.worklist.incidents(house.person("root"))
        assert "flaky" in incident.cause
        assert house.worker.run_once() == 0
        assert house.waits(ref.key) == ["job:try"]

    def test_a_result_for_a_case_that_went_on_is_dropped(self, make_house: Callable[..., House]) -> None:
        flaky = Flaky()
        house = make_house(flaky)
        house.deploy(FLAKY)
        ref = house.casework.start_case("f", by="alice")
        [due] = house.worker.claim(10)
        found = house.casework.job(due.key)
        assert found is not None
        house.casework.cancel_case(ref.key, "撤诉", by="root")
        assert house.casework.complete_job(found, {}) is False
        assert house.casework.job(due.key) is None

    def test_a_job_that_kills_its_worker_each_time_is_given_up(self, make_house: Callable[..., House]) -> None:
        house = make_house(Flaky())
        house.deploy(FLAKY)
        house.casework.start_case("f", by="alice")
        for _ in range(10):
            Worker(house.casework, house.database, clock=house.clock).claim(1)  # and it is gone
            house.clock.advance(timedelta(minutes=5))
        house.worker.run_once()
        [incident] = house.worklist.incidents(house.person("root"))
        assert "中断" in incident.cause

    def test_a_failing_branch_leaves_the_others_alone(self, make_house: Callable[..., House]) -> None:
        flaky = Flaky()
        house = make_house(flaky)
        house.deploy(
            file(
                process(
                    "f",
                    start(),
                    el("parallelGateway", "split"),
                    job("try", kind="flaky"),
                    user("work"),
                    el("parallelGateway", "join"),
                    end(),
                    chain("s split try join e"),
                    chain("split work join"),
                )
            )
        )
        flaky.errors = [OperationFailed("坏了。", permanent=True)]
        ref = house.casework.start_case("f", by="alice")
        house.worker.run_once()
        house.casework.complete_task(house.open(ref.key)["work"], {}, by="alice")
        [incident] = house.worklist.incidents(house.person("root"))
        house.casework.retry_incident(incident.item_key, by="root")
        house.worker.run_once()
        assert house.worklist.case(ref.key, house.person("root")).case.state == "COMPLETED"


class TestNotify:
    def test_it_is_sent_after_the_commit_and_once(self, house: House) -> None:
        house.deploy(
            file(
                process(
                    "n",
                    start(),
                    job(
                        "tell", kind="notify", ext=io({"to": '=["a@x.cn", "b@x.cn"]', "subject": "通知", "body": "=t"})
                    ),
                    end(),
                    chain("s tell e"),
                )
            )
        )
        house.notifier.refuse = [DeliveryFailed()]
        ref = house.casework.start_case("n", {"t": "请取货"}, by="alice")
        assert house.notifier.sent == []
        house.worker.run_once()
        house.clock.advance(HOUR)
        house.worker.run_once()
        assert house.notifier.sent == [Sent("a@x.cn", "通知", "请取货"), Sent("b@x.cn", "通知", "请取货")]
        assert house.worklist.case(ref.key, house.person("root")).case.state == "COMPLETED"


TEMPLATE = {
    "documents/templates/letter/template.html": b"<p>{{ name }}</p>",
    "documents/templates/letter/meta.yaml": '{title: "答复函", series: "{org}-DF-{yyyymm}-{seq:04}"}'.encode(),
}


def letters(*tasks: str, **more: str) -> dict[str, bytes]:
    drawn = [
        job(task, kind="render_document", ext=headers(template="letter", **more) + io({"name": "=name"}))
        for task in tasks
    ]
    return TEMPLATE | file(process("l", start(), *drawn, end(), chain(" ".join(["s", *tasks, "e"]))))


class TestDocuments:
    def test_facts_and_number_are_frozen_at_once_and_the_pdf_follows(self, house: House) -> None:
        house.deploy(letters("write"))
        ref = house.casework.start_case("l", {"name": "王小明", "other": 1}, by="alice")
        [pending] = house.worklist.case(ref.key, house.person("alice")).documents
        assert (pending.state, pending.number, pending.title) == ("PENDING", "HJ-DF-202611-0001", "答复函")
        assert pending.sha256 is None
        house.casework.set_variables(ref.key, {"name": "李四"}, "改名", by="root")
        house.worker.run_once()
        [ready] = house.worklist.case(ref.key, house.person("alice")).documents
        assert (ready.state, ready.pages) == ("READY", 1)
        assert ready.sha256 is not None
        facts, issued_at, draft = json.loads(house.files.read(ready.sha256).split(b"\n", 1)[1])
        assert facts == {
            "name": "王小明",
            "org": {"name": "和解百货有限公司"},
            "document": {
                "number": "HJ-DF-202611-0001",
                "check_code": ready.check_code,
                "issued_at": "2026-11-23T09:00:00+08:00",
                "case_number": ref.number,
                "draft": False,
            },
        }
        assert (issued_at, draft) == ("2026-11-23T01:00:00+00:00", False)
        variables = house.worklist.case(ref.key, house.person("root")).variables
        assert variables["letter"] == {
            "key": str(ready.key),
            "number": ready.number,
            "title": "答复函",
            "check_code": ready.check_code,
        }

    def test_the_check_code_is_found_however_it_is_typed(self, house: House) -> None:
        house.deploy(letters("write"))
        ref = house.casework.start_case("l", {"name": "王小明"}, by="alice")
        [document] = house.worklist.case(ref.key, house.person("alice")).documents
        typed = document.check_code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
        found = house.worklist.document_by_check_code(typed)
        assert found is not None
        assert found.key == document.key
        assert house.worklist.document_by_check_code("0000-0000-0000") is None

    def test_a_draft_has_no_number(self, house: House) -> None:
        house.deploy(letters("write", draft="true"))
        ref = house.casework.start_case("l", {"name": "王小明"}, by="alice")
        house.worker.run_once()
        [draft] = house.worklist.case(ref.key, house.person("alice")).documents
        assert (draft.draft, draft.number, draft.state) == (True, "", "READY")

    def test_numbers_are_not_lost_by_a_render_that_fails(self, house: House) -> None:
        house.deploy(letters("first", "second"))
        house.renderer.refuse = [RenderRefused("事实“address”缺失。", permanent=True)]
        ref = house.casework.start_case("l", {"name": "王小明"}, by="alice")
        house.worker.run_once()
        [failed] = house.worklist.case(ref.key, house.person("alice")).documents
        assert failed.state == "FAILED"
        [incident] = house.worklist.incidents(house.person("alice"))
        assert incident.cause == "事实“address”缺失。"
        house.casework.retry_incident(incident.item_key, by="root")
        house.worker.run_once()
        documents = house.worklist.case(ref.key, house.person("alice")).documents
        assert [(found.number, found.state) for found in documents] == [
            ("HJ-DF-202611-0001", "READY"),
            ("HJ-DF-202611-0002", "READY"),
        ]

    def test_a_void_number_is_kept_and_never_used_again(self, house: House) -> None:
        house.deploy(letters("write"))
        ref = house.casework.start_case("l", {"name": "王小明"}, by="alice")
        house.worker.run_once()
        [document] = house.worklist.case(ref.key, house.person("alice")).documents
        with pytest.raises(errors.NotAllowed):
            house.casework.void_document(document.key, "写错", by="alice")
        with pytest.raises(errors.NotFound):
            house.casework.void_document(document.key, "写错", by="charlie")
        house.casework.void_document(document.key, "金额写错", by="root")
        assert house.worklist.document(document.key, house.person("alice")).state == "VOID"
        assert "number:voided" in house.events(ref.key)
        other = house.casework.start_case("l", {"name": "李四"}, by="alice")
        [next_one] = house.worklist.case(other.key, house.person("alice")).documents
        assert next_one.number == "HJ-DF-202611-0002"

    def test_a_missing_template_is_an_incident_of_its_branch(self, house: House) -> None:
        files = letters("write")
        del files["documents/templates/letter/meta.yaml"]
        house.deploy(files)
        ref = house.casework.start_case("l", {"name": "王小明"}, by="alice")
        [incident] = house.worklist.incidents(house.person("root"))
        assert "letter" in incident.cause
        assert house.worklist.case(ref.key, house.person("alice")).documents == ()

    def test_the_verb_tells_what_it_understands(self) -> None:
        assert [header.name for header in RenderDocument.headers] == ["template", "draft", "series", "result_variable"]


class Slow(Operation):
    """A verb of a worker that takes until it is told to be done."""

    type = "slow"

    def __init__(self) -> None:
        self.taken = threading.Event()
        self.done = threading.Event()
        self.times = 0

    def perform(self, job: Job) -> dict[str, Any]:
        self.times += 1
        self.taken.set()
        assert self.done.wait(30)
        return {}


SLOW = file(
    process("slow", start(), job("send", kind="slow"), user("show"), end(), chain("s send show e")), name="slow"
)


class TestAJobThatTakesLong:
    def test_timers_and_messages_go_on_beside_it(self, make_house: Callable[..., House]) -> None:
        slow = Slow()
        house = make_house(slow)
        house.deploy(SLOW)
        house.deploy(procedures.REMINDED)
        reminded = house.casework.start_case("reminded", by="alice")
        waiting = house.casework.start_case("slow", by="alice")
        finish = house.worker.start(interval=timedelta(hours=1))
        try:
            house.worker.wake()
            assert slow.taken.wait(30)
            house.clock.advance(4 * HOUR)
            house.worker.wake()
            until = time.monotonic() + 30
            while house.waits(reminded.key) != ["user_task:late"] and time.monotonic() < until:
                time.sleep(0.02)
            assert house.waits(reminded.key) == ["user_task:late"]
            assert house.waits(waiting.key) == ["job:send"]
        finally:
            slow.done.set()
            finish()
        assert house.waits(waiting.key) == ["user_task:show"]

    def test_a_living_worker_keeps_it_and_a_hanging_one_does_not(
        self, make_house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slow = Slow()
        house = make_house(slow)
        house.deploy(SLOW)
        ref = house.casework.start_case("slow", by="alice")
        other = Worker(house.casework, house.database, clock=house.clock)
        first = threading.Thread(target=house.worker.run_once)
        first.start()
        try:
            assert slow.taken.wait(30)
            for _ in range(4):
                house.clock.advance(LEASE * 0.8)
                assert house.worker.renew() == 1
                assert other.run_once() == 0
            monkeypatch.setattr("engine.worker._LONGEST", timedelta(0))
            assert house.worker.renew() == 0
            house.clock.advance(LEASE)
            assert other.renew() == 0
            assert len(other.claim(1)) == 1
        finally:
            slow.done.set()
            first.join()
        assert house.waits(ref.key) == ["user_task:show"]
        assert house.worker.renew() == 0
        assert slow.times == 1

    def test_it_is_renewed_as_long_as_it_takes(self, make_house: Callable[..., House]) -> None:
        slow = Slow()
        house = make_house(slow)
        house.deploy(SLOW)
        clock = SystemClock()
        house.clock.at = clock.now()
        ref = house.casework.start_case("slow", by="alice")
        short = timedelta(seconds=1)
        holder = Worker(house.casework, house.database, clock=clock, lease=short)
        finish = holder.start(interval=timedelta(seconds=0.05))
        try:
            assert slow.taken.wait(30)
            ended = time.monotonic() + 2 * short.total_seconds()
            other = Worker(house.casework, house.database, clock=clock, lease=short)
            while time.monotonic() < ended:
                assert other.run_once() == 0
                time.sleep(0.05)
        finally:
            slow.done.set()
            finish()
        assert slow.times == 1
        assert house.waits(ref.key) == ["user_task:show"]

    def test_each_lane_takes_its_own(self, make_house: Callable[..., House]) -> None:
        house = make_house(Slow())
        house.deploy(SLOW)
        house.deploy(procedures.REMINDED)
        house.casework.start_case("slow", by="alice")
        house.casework.start_case("reminded", by="alice")
        house.clock.advance(4 * HOUR)
        assert [due.kind for due in house.worker.claim(10, Lane.REST)] == ["timer", "timer"]
        assert house.worker.claim(10, Lane.REST) == []
        assert [due.kind for due in house.worker.claim(10, Lane.JOBS)] == ["job"]

    def test_what_a_killed_worker_had_in_hand_waits_less_than_half_a_minute(self) -> None:
        assert timedelta(seconds=5) <= LEASE <= timedelta(seconds=12)


class TestRunningOn:
    def test_it_works_when_woken_and_stops_when_told(self, make_house: Callable[..., House]) -> None:
        performed = threading.Event()

        class Ring(Operation):
            type = "ring"

            def perform(self, job: Job) -> dict[str, Any]:
                performed.set()
                return {}

        house = make_house(Ring())
        house.deploy(file(process("r", start(), job("ring", kind="ring"), end(), chain("s ring e"))))
        house.casework.start_case("r", by="alice")
        finish = house.worker.start(interval=timedelta(hours=1), threads=2)
        try:
            house.worker.wake()
            assert performed.wait(30)
        finally:
            finish()
        assert house.worker.next_due() is None

    def test_sigterm_ends_it_in_order(self, house: House) -> None:
        before = signal.getsignal(signal.SIGTERM)
        threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGTERM]).start()
        house.worker.run_forever(interval=timedelta(hours=1))
        assert signal.getsignal(signal.SIGTERM) is before
