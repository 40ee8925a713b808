"""The use cases of a case and its tasks, on both databases."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from engine.casework import errors
from tests.engine import procedures
from tests.engine.conftest import House

CUSTOMER = {"customer": {"name": "王小明", "phone": "13812345678"}, "product": "电热水壶"}


@pytest.fixture
def complaint(house: House) -> House:
    house.deploy(procedures.COMPLAINT)
    return house


def test_a_case_goes_from_start_to_end(complaint: House) -> None:
    ref = complaint.casework.start_case("complaint", by="alice")
    assert ref.number == "HJ-TS-202611-0001"
    [register] = ref.next_item_keys

    outcome = complaint.casework.complete_task(register, CUSTOMER, by="alice")
    assert outcome.case_key == ref.key
    assert outcome.next_item_keys == ()  # the next task is customer service's
    assert not outcome.finished

    [approve] = complaint.open(ref.key).values()
    outcome = complaint.casework.complete_task(approve, {"approved": True}, by="carol")
    assert outcome.finished

    view = complaint.worklist.case(ref.key, complaint.person("alice"))
    assert view.case.state == "COMPLETED"
    assert view.case.title == "王小明投诉电热水壶"
    assert view.variables["approved"] is True
    assert view.variables["case"] == {
        "key": str(ref.key),
        "number": ref.number,
        "started_at": "2026-11-23T01:00:00+00:00",
        "started_by": "alice",
    }


def test_one_commit_and_at_most_twelve_statements_for_a_completion(complaint: House) -> None:
    [register] = complaint.casework.start_case("complaint", by="alice").next_item_keys
    complaint.statements.clear()
    complaint.commits.clear()
    complaint.casework.complete_task(register, {"note": "已登记"}, by="alice")
    assert len(complaint.commits) == 1
    assert len(complaint.statements) <= 12, "\n".join(complaint.statements)


def test_the_deadline_comes_with_its_explanation(complaint: House) -> None:
    ref = complaint.casework.start_case("complaint", by="alice")
    complaint.casework.complete_task(ref.next_item_keys[0], CUSTOMER, by="alice")
    task = complaint.worklist.item(complaint.open(ref.key)["approve"], complaint.person("carol"))
    assert task.due is not None
    assert task.due.at.isoformat() == "2026-11-26T16:00:00+00:00"  # 24:00 of the 26th in China
    assert "第3个自然日" in task.due.explanation


class TestWhoMay:
    def test_a_stranger_learns_nothing(self, complaint: House) -> None:
        ref = complaint.casework.start_case("complaint", by="alice")
        [register] = ref.next_item_keys
        for attempt in (
            lambda: complaint.casework.claim(register, by="charlie"),
            lambda: complaint.casework.complete_task(register, {}, by="charlie"),
            lambda: complaint.casework.comment(ref.key, "我来看看", by="charlie"),
            lambda: complaint.worklist.case(ref.key, complaint.person("charlie")),
            lambda: complaint.worklist.item(register, complaint.person("charlie")),
            lambda: complaint.worklist.timeline(ref.key, complaint.person("charlie")),
            lambda: complaint.casework.claim(999_999, by="charlie"),
        ):
            with pytest.raises(errors.NotFound):
                attempt()

    def test_an_auditor_sees_but_does_not_act(self, complaint: House) -> None:
        ref = complaint.casework.start_case("complaint", by="alice")
        auditor = complaint.person("auditor")
        assert complaint.worklist.case(ref.key, auditor).case.number == ref.number
        with pytest.raises(errors.NotACandidate):
            complaint.casework.complete_task(ref.next_item_keys[0], {}, by="auditor")

    def test_only_starters_start(self, complaint: House) -> None:
        assert [p.process_id for p in complaint.worklist.startable(complaint.person("alice"))] == ["complaint"]
        assert complaint.worklist.startable(complaint.person("carol")) == ()
        with pytest.raises(errors.NotAllowed, match="投诉"):
            complaint.casework.start_case("complaint", by="carol")

    def test_a_member_who_left_may_still_see_what_was_theirs(self, complaint: House) -> None:
        ref = complaint.casework.start_case("complaint", by="alice")
        complaint.casework.complete_task(ref.next_item_keys[0], {}, by="bob")
        complaint.people.change("bob", groups=[], by="root")
        assert complaint.worklist.case(ref.key, complaint.person("bob")).case.key == ref.key

    def test_an_inactive_person_acts_no_more(self, complaint: House) -> None:
        ref = complaint.casework.start_case("complaint", by="alice")
        complaint.people.change("alice", active=False, by="root")
        with pytest.raises(errors.NotAllowed):
            complaint.casework.complete_task(ref.next_item_keys[0], {}, by="alice")


class TestClaiming:
    def test_a_claimed_task_is_out_of_the_colleagues_lists(self, complaint: House) -> None:
        [register] = complaint.casework.start_case("complaint", by="alice").next_item_keys
        complaint.casework.claim(register, by="bob")
        assert complaint.worklist.my_items(complaint.person("alice")).items == ()
        assert [item.key for item in complaint.worklist.my_items(complaint.person("bob")).items] == [register]
        with pytest.raises(errors.TaskClaimedBySomeoneElse, match="王博") as caught:
            complaint.casework.claim(register, by="alice")
        assert caught.value.by == "bob"
        with pytest.raises(errors.TaskClaimedBySomeoneElse):
            complaint.casework.complete_task(register, {}, by="alice")
        with pytest.raises(errors.TaskClaimedBySomeoneElse):
            complaint.casework.save_draft(register, {}, by="alice")

    def test_a_released_task_is_back(self, complaint: House) -> None:
        [register] = complaint.casework.start_case("complaint", by="alice").next_item_keys
        complaint.casework.claim(register, by="bob")
        with pytest.raises(errors.NotAllowed):
            complaint.casework.release(register, by="alice")
        complaint.casework.release(register, by="bob")
        for username in ("alice", "bob"):
            assert [i.key for i in complaint.worklist.my_items(complaint.person(username)).items] == [register]
        complaint.casework.claim(register, by="alice")
        complaint.casework.claim(register, by="alice")  # again: nothing to say

    def test_a_holder_hands_over_to_a_candidate(self, complaint: House) -> None:
        [register] = complaint.casework.start_case("complaint", by="alice").next_item_keys
        complaint.casework.claim(register, by="alice")
        with pytest.raises(errors.NotACandidate):
            complaint.casework.assign(register, "carol", by="alice")
        with pytest.raises(errors.Invalid):
            complaint.casework.assign(register, "nobody", by="alice")
        complaint.casework.assign(register, "bob", by="alice")
        with pytest.raises(errors.NotAllowed):
            complaint.casework.assign(register, "alice", by="alice")
        assert complaint.worklist.item(register, complaint.person("bob")).assignee_name == "王博"

    def test_an_administrator_may_give_it_to_anybody(self, complaint: House) -> None:
        ref = complaint.casework.start_case("complaint", by="alice")
        [register] = ref.next_item_keys
        complaint.casework.assign(register, "charlie", by="root")
        assert complaint.casework.complete_task(register, {}, by="charlie").case_key == ref.key


class TestFourEyes:
    def test_the_same_person_may_not_do_both(self, complaint: House) -> None:
        complaint.people.change("carol", groups=["客服部", "第一接待人"], by="root")
        ref = complaint.casework.start_case("complaint", by="carol")
        complaint.casework.complete_task(ref.next_item_keys[0], {}, by="carol")
        approve = complaint.open(ref.key)["approve"]
        for attempt in (
            lambda: complaint.casework.claim(approve, by="carol"),
            lambda: complaint.casework.complete_task(approve, {}, by="carol"),
            lambda: complaint.casework.assign(approve, "carol", by="root"),
        ):
            with pytest.raises(errors.FourEyes, match="登记投诉"):
                attempt()
        view = complaint.worklist.item(approve, complaint.person("carol"))
        assert not view.may_complete
        assert "登记投诉" in view.refusal


class TestCompleting:
    def test_twice_is_told_who_did_it(self, complaint: House) -> None:
        [register] = complaint.casework.start_case("complaint", by="alice").next_item_keys
        complaint.casework.complete_task(register, {}, by="bob")
        with pytest.raises(errors.TaskAlreadyCompleted, match="王博于2026年11月23日09:00办结") as caught:
            complaint.casework.complete_task(register, {}, by="alice")
        assert caught.value.by == "bob"

    def test_of_twenty_at_once_one_succeeds(self, complaint: House) -> None:
        ref = complaint.casework.start_case("complaint", by="alice")
        [register] = ref.next_item_keys
        barrier, outcomes = threading.Barrier(20), []

        def complete(username: str) -> None:
            barrier.wait()
            try:
                complaint.casework.complete_task(register, {"by": username}, by=username)
                outcomes.append(("done", username))
            except errors.TaskAlreadyCompleted as error:
                outcomes.append(("told", error.by))

        threads = [threading.Thread(target=complete, args=("alice" if n % 2 else "bob",)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        [winner] = [who for what, who in outcomes if what == "done"]
        assert [who for what, who in outcomes if what == "told"] == [winner] * 19
        assert complaint.events(ref.key).count("task:completed register") == 1
        assert complaint.worklist.case(ref.key, complaint.person("root")).variables["by"] == winner

    def test_parallel_branches_at_once_join(self, house: House) -> None:
        house.deploy(procedures.PARALLEL)
        for _ in range(5):
            ref = house.casework.start_case("parallel", by="alice")
            tasks = house.open(ref.key)
            barrier = threading.Barrier(2)

            def complete(element: str, keys: dict[str, int] = tasks, barrier: threading.Barrier = barrier) -> None:
                barrier.wait()
                house.casework.complete_task(keys[element], {element: True}, by="alice")

            threads = [threading.Thread(target=complete, args=(element,)) for element in ("left", "right")]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert house.waits(ref.key) == ["user_task:after"]
            variables = house.worklist.case(ref.key, house.person("root")).variables
            assert (variables["left"], variables["right"]) == (True, True)

    def test_reserved_and_unfit_answers_are_refused(self, complaint: House) -> None:
        [register] = complaint.casework.start_case("complaint", by="alice").next_item_keys
        for answers in ({"case": {}}, {"x": float("nan")}, {"x": {1, 2}}, {"x": "长" * 1_000_001}):
            with pytest.raises(errors.Invalid):
                complaint.casework.complete_task(register, answers, by="alice")
        assert complaint.worklist.item(register, complaint.person("alice")).state == "CREATED"

    def test_a_cancelled_task_says_so(self, house: House) -> None:
        house.deploy(procedures.REMINDED)
        ref = house.casework.start_case("reminded", by="alice")
        work = house.open(ref.key)["work"]
        house.clock.advance(timedelta(hours=5))
        house.worker.run_once()
        with pytest.raises(errors.TaskCanceled):
            house.casework.complete_task(work, {}, by="alice")
        assert house.worklist.my_items(house.person("alice")).items == ()


class TestDrafts:
    def test_a_draft_is_kept_for_its_writer(self, complaint: House) -> None:
        [register] = complaint.casework.start_case("complaint", by="alice").next_item_keys
        complaint.casework.save_draft(register, {"note": "一"}, by="alice")
        complaint.casework.save_draft(register, {"note": "二"}, by="alice")
        assert complaint.casework.draft(register, "alice") == {"note": "二"}
        assert complaint.casework.draft(register, "bob") is None
        view = complaint.worklist.item(register, complaint.person("alice"))
        assert view.draft == {"note": "二"}
        assert view.draft_saved_at == complaint.clock.now()
        [row] = complaint.worklist.my_items(complaint.person("alice")).items
        assert row.has_draft

    def test_it_goes_with_the_task(self, complaint: House) -> None:
        [register] = complaint.casework.start_case("complaint", by="alice").next_item_keys
        complaint.casework.save_draft(register, {"note": "一"}, by="alice")
        complaint.casework.complete_task(register, {}, by="alice")
        assert complaint.casework.draft(register, "alice") is None


class TestCases:
    def test_cancelling_needs_a_reason_and_an_administrator(self, complaint: House) -> None:
        ref = complaint.casework.start_case("complaint", by="alice")
        with pytest.raises(errors.Invalid):
            complaint.casework.cancel_case(ref.key, " ", by="root")
        with pytest.raises(errors.NotAllowed):
            complaint.casework.cancel_case(ref.key, "重复", by="alice")
        complaint.casework.cancel_case(ref.key, "重复立案", by="root")
        view = complaint.worklist.case(ref.key, complaint.person("alice"))
        assert view.case.state == "CANCELED"
        assert {item.state for item in view.items} == {"CANCELED"}
        with pytest.raises(errors.CaseEnded):
            complaint.casework.comment(ref.key, "还有话说", by="alice")

    def test_numbers_follow_one_another_without_gaps(self, complaint: House) -> None:
        with pytest.raises(errors.Invalid):
            complaint.casework.start_case("complaint", {"case": 1}, by="alice")
        numbers = [complaint.casework.start_case("complaint", by="alice").number for _ in range(3)]
        assert numbers == [f"HJ-TS-202611-000{n}" for n in (1, 2, 3)]

    def test_numbers_are_unique_when_many_start_at_once(self, complaint: House) -> None:
        numbers: list[str] = []

        def start() -> None:
            for _ in range(3):
                numbers.append(complaint.casework.start_case("complaint", by="alice").number)

        threads = [threading.Thread(target=start) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(numbers) == [f"HJ-TS-202611-{n:04}" for n in range(1, 19)]

    def test_a_comment_and_a_correction_are_in_the_history(self, complaint: House) -> None:
        ref = complaint.casework.start_case("complaint", by="alice")
        complaint.casework.comment(ref.key, "客户来电催问", by="alice")
        complaint.casework.set_variables(ref.key, {"product": "电饭煲"}, "登记有误", by="root")
        entries = complaint.worklist.timeline(ref.key, complaint.person("alice"))
        assert [entry.text for entry in entries][:2] == ["更正案件数据，原因：登记有误", "备注：客户来电催问"]
        assert complaint.worklist.case(ref.key, complaint.person("alice")).case.product == "电饭煲"
        with pytest.raises(errors.NotAllowed):
            complaint.casework.set_variables(ref.key, {"product": "壶"}, "改", by="alice")

    def test_an_unknown_process_is_named(self, complaint: House) -> None:
        with pytest.raises(errors.UnknownProcess, match="refund"):
            complaint.casework.start_case("refund", by="alice")
