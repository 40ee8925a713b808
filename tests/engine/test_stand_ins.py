"""Stand-ins (AB 岗): whose tasks they see and take, what stays with the other, and what the journal says."""

from __future__ import annotations

from typing import Any

import pytest

from engine.casework import errors
from engine.identity import ADMINISTRATORS, SYSTEM, MayNotAdminister, PersonRefused
from engine.worklist import Scope
from tests.engine import procedures
from tests.engine.conftest import House
from tests.engine.procedures import chain, end, file, io, job, lanes, process, start, user


@pytest.fixture
def stood_in(house: House) -> House:
    """Charlie, who has nothing to do with anything, stands in for Carol of customer service."""
    house.deploy(procedures.COMPLAINT)
    house.people.change("charlie", stands_in_for=["carol"], by="root")
    return house


def to_approve(house: House, by: str = "alice") -> tuple[int, int]:
    """A case that waits for customer service: its key and the task's."""
    ref = house.casework.start_case("complaint", {"customer": {"name": "林女士"}, "product": "灶"}, by=by)
    house.casework.complete_task(house.open(ref.key)["register"], {}, by=by)
    return ref.key, house.open(ref.key)["approve"]


def listed(house: House, username: str, **query: Any) -> list[tuple[str, str]]:
    page = house.worklist.my_items(house.person(username), **query)
    return [(item.element_id, item.acting_for) for item in page.items]


def test_they_see_and_do_the_others_tasks(stood_in: House) -> None:
    key, task = to_approve(stood_in)
    assert listed(stood_in, "charlie") == [("approve", "李凯若")]
    assert listed(stood_in, "carol") == [("approve", "")]
    assert stood_in.worklist.case(key, stood_in.person("charlie")).case.key == key
    view = stood_in.worklist.item(task, stood_in.person("charlie"))
    assert (view.may_complete, view.acting_for) == (True, "李凯若")
    stood_in.casework.complete_task(task, {}, by="charlie")
    texts = [entry.text for entry in stood_in.worklist.timeline(key, stood_in.person("root"))]
    assert "办结“审批方案”（代李凯若）" in texts
    assert stood_in.worklist.item(task, stood_in.person("root")).closed_by == "charlie"


def test_what_the_other_holds_can_be_taken(stood_in: House) -> None:
    key, task = to_approve(stood_in)
    stood_in.casework.claim(task, by="carol")
    assert listed(stood_in, "charlie", scope=Scope.MINE) == []
    assert listed(stood_in, "charlie", scope=Scope.GROUPS) == [("approve", "李凯若")]
    stood_in.casework.claim(task, by="charlie")
    assert listed(stood_in, "charlie", scope=Scope.MINE) == [("approve", "李凯若")]
    assert listed(stood_in, "carol") == []
    with pytest.raises(errors.TaskClaimedBySomeoneElse):
        stood_in.casework.complete_task(task, {}, by="carol")
    stood_in.casework.release(task, by="charlie")
    assert listed(stood_in, "carol") == [("approve", "")]
    texts = [entry.text for entry in stood_in.worklist.timeline(key, stood_in.person("root"))]
    assert "领取“审批方案”（代李凯若）" in texts


def test_what_the_other_holds_can_be_done_at_once(stood_in: House) -> None:
    key, task = to_approve(stood_in)
    stood_in.casework.claim(task, by="carol")
    stood_in.casework.save_draft(task, {}, by="charlie")
    stood_in.casework.complete_task(task, {}, by="charlie")
    assert stood_in.worklist.case(key, stood_in.person("root")).case.state == "COMPLETED"
    assert stood_in.worklist.case(key, stood_in.person("charlie"))


def test_nobody_else_may(stood_in: House) -> None:
    key, task = to_approve(stood_in)
    stood_in.people.change("charlie", stands_in_for=[], by="root")
    assert listed(stood_in, "charlie") == []
    with pytest.raises(errors.NotFound):
        stood_in.casework.complete_task(task, {}, by="charlie")
    with pytest.raises(errors.NotFound):
        stood_in.worklist.case(key, stood_in.person("charlie"))


def test_it_does_not_go_the_other_way_nor_onward(stood_in: House) -> None:
    stood_in.people.change("auditor", stands_in_for=["charlie"], by="root")
    _, task = to_approve(stood_in)
    assert listed(stood_in, "auditor") == []
    with pytest.raises(errors.NotACandidate):
        stood_in.casework.complete_task(task, {}, by="auditor")


def test_roles_are_not_lent(stood_in: House) -> None:
    stood_in.people.change("charlie", stands_in_for=["root"], by="root")
    assert not stood_in.person("charlie").is_administrator
    assert ADMINISTRATORS not in stood_in.person("charlie").others[0].lanes
    with pytest.raises(MayNotAdminister):
        stood_in.people.change("bob", display_name="王", by="charlie")
    key, _ = to_approve(stood_in)
    with pytest.raises(errors.NotFound):
        stood_in.worklist.case(key, stood_in.person("charlie"))


def test_four_eyes_count_the_others_eyes_too(house: House) -> None:
    house.deploy(procedures.COMPLAINT)
    house.people.change("carol", groups=["客服部", "第一接待人"], by="root")
    house.people.change("charlie", stands_in_for=["carol"], by="root")
    _, task = to_approve(house, by="carol")
    assert "另一" in house.worklist.item(task, house.person("charlie")).refusal
    with pytest.raises(errors.FourEyes):
        house.casework.complete_task(task, {}, by="charlie")


def test_own_right_comes_first(stood_in: House) -> None:
    stood_in.people.change("charlie", groups=["客服部"], by="root")
    key, task = to_approve(stood_in)
    assert listed(stood_in, "charlie") == [("approve", "")]
    stood_in.casework.complete_task(task, {}, by="charlie")
    texts = [entry.text for entry in stood_in.worklist.timeline(key, stood_in.person("root"))]
    assert "办结“审批方案”" in texts


def test_they_are_told_as_well(house: House) -> None:
    house.people.change("charlie", stands_in_for=["carol", "bob"], by="root")
    house.deploy(
        file(
            process(
                "told",
                lanes(客服部="s tell work e"),
                start(),
                job("tell", kind="notify", ext=io({"to": '=["carol", "客服部"]', "subject": "请看", "body": "有事"})),
                user("work"),
                end(),
                chain("s tell work e"),
            )
        )
    )
    house.casework.start_case("told", by="carol")
    house.worker.run_once()
    assert [sent.to for sent in house.notifier.sent] == ["carol", "客服部", "charlie"]


@pytest.mark.parametrize(("others", "refusal"), [(["charlie"], "自己"), (["nobody", "bob"], "nobody")])
def test_nonsense_is_refused_and_changes_nothing(stood_in: House, others: list[str], refusal: str) -> None:
    with pytest.raises(PersonRefused, match=refusal):
        stood_in.people.change("charlie", stands_in_for=others, by="root")
    assert [other.username for other in stood_in.person("charlie").others] == ["carol"]


def test_only_administrators_set_them(stood_in: House) -> None:
    with pytest.raises(MayNotAdminister):
        stood_in.people.change("charlie", stands_in_for=["alice"], by="charlie")
    stood_in.people.change("charlie", stands_in_for=["alice", "bob"], by=SYSTEM)
    assert [other.username for other in stood_in.person("charlie").others] == ["alice", "bob"]
    stood_in.people.change("charlie", display_name="赵", by="root")
    assert len(stood_in.person("charlie").others) == 2
