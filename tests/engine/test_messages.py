"""Messages and signals between cases, on both databases."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from engine.casework import errors
from engine.worker import Worker
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
    message,
    process,
    signal,
    start,
    user,
    z,
)

WAITS = process(
    "waits", start(), el("receiveTask", "wait", messageRef="m"), user("show"), end(), chain("s wait show e")
)
REPLY = message("m", "reply")
DAY = timedelta(days=1)


def variables(house: House, case_key: int) -> dict[str, object]:
    return dict(house.worklist.case(case_key, house.person("root")).variables)


class TestCorrelation:
    def test_a_message_reaches_the_case_with_its_key(self, house: House) -> None:
        house.deploy(file(REPLY, WAITS))
        one = house.casework.start_case("waits", {"key": "A"}, by="alice")
        other = house.casework.start_case("waits", {"key": "B"}, by="alice")
        house.worker.run_once()
        house.casework.publish_message("reply", "A", {"answer": "好"}, by="owner")
        house.worker.run_once()
        assert house.waits(one.key) == ["user_task:show"]
        assert house.waits(other.key) == ["message:wait"]
        assert variables(house, one.key)["answer"] == "好"
        assert "message:correlated wait" in house.events(one.key)

    def test_it_reaches_one_case_of_a_process_the_oldest(self, house: House) -> None:
        house.deploy(file(REPLY, WAITS))
        cases = [house.casework.start_case("waits", {"key": "A"}, by="alice") for _ in range(2)]
        house.casework.publish_message("reply", "A")
        house.worker.run_once()
        assert [house.waits(ref.key) for ref in cases] == [["user_task:show"], ["message:wait"]]

    def test_without_time_to_live_a_later_case_does_not_get_it(self, house: House) -> None:
        house.deploy(file(REPLY, WAITS))
        house.casework.publish_message("reply", "A")
        house.clock.advance(timedelta(seconds=1))
        ref = house.casework.start_case("waits", {"key": "A"}, by="alice")
        house.worker.run_once()
        assert house.waits(ref.key) == ["message:wait"]

    def test_a_buffered_message_waits_for_its_case(self, house: House) -> None:
        house.deploy(file(REPLY, WAITS))
        house.casework.publish_message("reply", "A", {"answer": 1}, ttl=DAY)
        house.worker.run_once()
        house.clock.advance(timedelta(hours=23))
        ref = house.casework.start_case("waits", {"key": "A"}, by="alice")
        house.worker.run_once()
        assert house.waits(ref.key) == ["user_task:show"]
        second = house.casework.start_case("waits", {"key": "A"}, by="alice")
        house.worker.run_once()
        assert house.waits(second.key) == ["message:wait"]  # each message once in a process

    def test_after_its_time_it_is_gone(self, house: House) -> None:
        house.deploy(file(REPLY, WAITS))
        house.casework.publish_message("reply", "A", ttl=DAY)
        house.worker.run_once()
        house.clock.advance(DAY + timedelta(seconds=1))
        house.worker.run_once()
        ref = house.casework.start_case("waits", {"key": "A"}, by="alice")
        house.worker.run_once()
        assert house.waits(ref.key) == ["message:wait"]
        assert house.worker.next_due() is None

    def test_an_id_is_taken_once_while_buffered(self, house: House) -> None:
        house.casework.publish_message("reply", "A", ttl=DAY, message_id="1")
        with pytest.raises(errors.Conflict):
            house.casework.publish_message("reply", "A", ttl=DAY, message_id="1")
        house.casework.publish_message("reply", "B", ttl=DAY, message_id="1")

    def test_two_workers_deliver_once(self, house: House) -> None:
        house.deploy(file(REPLY, WAITS))
        cases = [house.casework.start_case("waits", {"key": "A"}, by="alice") for _ in range(3)]
        house.worker.run_once()
        house.casework.publish_message("reply", "A")
        threads = [
            threading.Thread(target=Worker(house.casework, house.database, clock=house.clock).run_once)
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(house.waits(ref.key)[0] for ref in cases) == ["message:wait", "message:wait", "user_task:show"]

    def test_a_repeated_message_comes_each_time(self, house: House) -> None:
        house.deploy(
            file(
                REPLY,
                process(
                    "p",
                    start(),
                    user("work"),
                    boundary("call", "work", event("message", "m"), interrupting=False),
                    user("note"),
                    end(),
                    end("f"),
                    chain("s work e"),
                    chain("call note f"),
                ),
            )
        )
        ref = house.casework.start_case("p", {"key": "A"}, by="alice")
        for expected in (1, 2, 3):
            house.casework.publish_message("reply", "A")
            house.worker.run_once()
            assert house.waits(ref.key).count("user_task:note") == expected


class TestBetweenCases:
    def test_a_verb_publishes_to_another_case(self, house: House) -> None:
        sender = process(
            "sends",
            start(),
            job(
                "tell",
                kind="publish_message",
                ext=headers(message_name="reply", ttl="P1D") + io({"correlation_key": "=key", "variables": "={a: 1}"}),
            ),
            end(),
            chain("s tell e"),
        )
        house.deploy(file(REPLY, WAITS, sender))
        ref = house.casework.start_case("waits", {"key": 7}, by="alice")
        house.casework.start_case("sends", {"key": 7}, by="alice")
        house.worker.run_once()
        assert variables(house, ref.key)["a"] == 1

    def test_a_thrown_message_reaches_a_case_in_either_order(self, house: House) -> None:
        throws = process(
            "throws",
            start(),
            el(
                "intermediateThrowEvent",
                "tell",
                event("message", "m"),
                ext=z("publishMessage", correlationKey="=key"),
            ),
            end(),
            chain("s tell e"),
        )
        house.deploy(file(REPLY, WAITS, throws))
        early = house.casework.start_case("waits", {"key": "A"}, by="alice")
        house.casework.start_case("throws", {"key": "A"}, by="alice")
        house.worker.run_once()
        assert house.waits(early.key) == ["user_task:show"]
        house.casework.start_case("throws", {"key": "B"}, by="alice")
        house.worker.run_once()
        late = house.casework.start_case("waits", {"key": "B"}, by="alice")
        house.worker.run_once()
        assert house.waits(late.key) == ["user_task:show"]


BEGINS = file(
    message("m", "complaint_received", key=""),
    process("begins", start("s", event("message", "m")), user("show"), end(), chain("s show e")),
)


class TestMessageStart:
    def test_a_message_starts_a_case_with_its_variables(self, house: House) -> None:
        house.deploy(BEGINS)
        house.casework.publish_message("complaint_received", "", {"text": "漏电"}, by="owner")
        house.worker.run_once()
        [found] = house.worklist.search("", house.person("root"))
        assert found.started_by == "owner"
        assert variables(house, found.key)["text"] == "漏电"

    def test_one_active_case_for_a_correlation_key(self, house: House) -> None:
        house.deploy(BEGINS)
        for _ in range(3):
            house.casework.publish_message("complaint_received", "K1", ttl=DAY)
        house.casework.publish_message("complaint_received", "K2", ttl=DAY)
        house.worker.run_once()
        assert len(house.worklist.search("", house.person("root"))) == 2
        first = min(found.key for found in house.worklist.search("", house.person("root")))
        house.casework.complete_task(house.open(first)["show"], {}, by="alice")
        house.worker.run_once()
        found = house.worklist.search("", house.person("root"))
        assert sorted(case.state for case in found) == ["ACTIVE", "ACTIVE", "COMPLETED"]

    def test_many_workers_start_one(self, house: House) -> None:
        house.deploy(BEGINS)
        for _ in range(6):
            house.casework.publish_message("complaint_received", "K1", ttl=DAY)
        threads = [
            threading.Thread(target=Worker(house.casework, house.database, clock=house.clock, batch=1).run_once)
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(house.worklist.search("", house.person("root"))) == 1


class TestSignals:
    def test_a_signal_reaches_everybody_who_waits_now(self, house: House) -> None:
        waits = process(
            "waits",
            start(),
            el("intermediateCatchEvent", "wait", event("signal", "r")),
            user("show"),
            end(),
            chain("s wait show e"),
        )
        begins = process("begins", start("s2", event("signal", "r")), user("look"), end("e2"), chain("s2 look e2"))
        house.deploy(file(signal("r", "recall"), waits, begins))
        cases = [house.casework.start_case("waits", by="alice") for _ in range(3)]
        house.casework.broadcast_signal("recall", {"batch": "B7"}, by="owner")
        house.clock.advance(timedelta(seconds=1))
        later = house.casework.start_case("waits", by="alice")
        house.worker.run_once()
        assert [house.waits(ref.key) for ref in cases] == [["user_task:show"]] * 3
        assert house.waits(later.key) == ["signal:wait"]
        assert variables(house, cases[0].key)["batch"] == "B7"
        started = [found for found in house.worklist.search("", house.person("root")) if found.process_id == "begins"]
        assert len(started) == 1
