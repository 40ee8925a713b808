"""What the company's procedure insists on, read off the retail diagrams themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.dialect import Element, Process, read

ROOT = Path(__file__).resolve().parents[2]
CORE = ("retail_major", "retail_injury", "retail_property", "retail_counterfeit", "retail_settlement")


def process(name: str) -> Process:
    path = ROOT / "workflows" / f"{name}.bpmn"
    return read(path.name, path.read_bytes()).processes[name]


def before(element: Element) -> set[str]:
    return {flow.source for flow in element.incoming}


def after(element: Element) -> dict[str, str]:
    """Target -> condition ("" for the default or an unconditional flow)."""
    return {flow.target: flow.condition or "" for flow in element.outgoing}


def tasks() -> list[tuple[str, Element]]:
    return [(name, one) for name in CORE for one in process(name).elements.values() if one.type == "userTask"]


def test_nobody_takes_over_before_the_customer_was_told() -> None:
    elements = process("retail_major").elements
    assert before(elements["accept_handover"]) == {"inform_handover"}
    assert elements["inform_handover"].lane == "第一接待人"
    assert before(elements["render_handover_slip"]) == {"accept_handover"}


def test_injury_damage_and_counterfeit_meet_in_one_settlement() -> None:
    elements = process("retail_major").elements
    assert before(elements["investigated"]) == {"call_injury", "call_property", "call_counterfeit"}
    settlements = [one.id for one in elements.values() if one.called_process == "retail_settlement"]
    assert settlements == ["call_settlement"]
    agreements = [
        one.id
        for one in process("retail_settlement").elements.values()
        if one.headers.get("template") == "settlement_agreement"
    ]
    assert agreements == ["render_agreement"]


def test_all_nine_procedures_are_called() -> None:
    called = {one.called_process for one in process("retail_major").elements.values() if one.called_process}
    nine = {
        "concession",
        "injury",
        "property",
        "counterfeit",
        "regulator",
        "media",
        "litigation",
        "delisting",
        "settlement",
    }
    assert called == {f"retail_{name}" for name in nine}


def test_the_supplier_is_told_before_anybody_goes() -> None:
    elements = process("retail_property").elements
    assert after(elements["loss_reported"]) == {"notify_supplier": ""}


def test_payment_is_frozen_only_on_a_clause_of_the_contract() -> None:
    elements = process("retail_counterfeit").elements
    assert after(elements["freeze_allowed"])["render_freeze_notice"] == '=freeze.basis = "yes"'
    assert before(elements["render_freeze_notice"]) == {"freeze_allowed"}


def test_a_counterfeit_case_is_not_done_before_papers_and_goods_are_back() -> None:
    elements = process("retail_settlement").elements
    assert before(elements["both_taken_back"]) == {"take_back"}
    onward = after(elements["both_taken_back"])
    assert onward["carried_out"] == '=taken_back.documents = "yes" and taken_back.goods = "yes"'
    assert onward["take_back"] == ""


@pytest.mark.parametrize(
    ("second", "first"), [("review_statement", "prepare_statement"), ("approve_override", "propose_settlement")]
)
def test_two_people_look_at_the_money(second: str, first: str) -> None:
    elements = process("retail_settlement").elements
    assert elements[second].headers["not_completed_by"] == first
    assert elements[first].type == "userTask"


def test_the_proposal_is_due_in_three_days_with_a_reminder_and_an_escalation() -> None:
    elements = process("retail_settlement").elements
    due = elements["propose_settlement"].due_date or ""
    assert "parameters.proposal_days" in due
    assert "3天内" in due
    guards = [one for one in elements.values() if one.attached_to == "propose_settlement"]
    assert {one.id for one in guards} == {"proposal_near", "proposal_overdue"}
    assert not any(one.interrupting for one in guards)


@pytest.mark.parametrize(("name", "task"), [pytest.param(name, task, id=f"{name}.{task.id}") for name, task in tasks()])
def test_every_task_has_a_form_and_says_which_rule_sets_its_deadline(name: str, task: Element) -> None:
    assert task.form_id == f"{name}.{task.id}"
    assert (ROOT / "forms" / name / f"{task.id}.form").is_file()
    # The register is filled in while the customer waits; everything after it runs against the clock.
    assert task.id == "register" or (task.due_date or "").startswith("=rule(")
