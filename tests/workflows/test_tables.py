"""Every table, task, form, lane and template is whole; and what a decision gives one cent, day or case further on.

Grading, goods remedies by their four answers, visits and yearly figures: `test_retail_tables.py`.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.calendars import ChinaCalendar
from engine.deployments import Bundle
from engine.dialect import Element, Process
from engine.feel import Feel
from web import bundles
from web.demo import demo_people

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = Bundle.of(bundles.collect(ROOT, ()))
PROCESSES = sorted(BUNDLE.diagrams)
TABLES = sorted(decision.id for decision in BUNDLE.decisions.decisions.values() if decision.kind == "table")
NOW = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)
# What only we say among ourselves, and the names of people whose posts are meant.
INTERNAL = ("种子", "[忆]", "[读]", "[摘]", "[X]", "黄总", "产品守则")


@pytest.fixture(scope="module")
def feel() -> Iterator[Feel]:
    with Feel(ROOT / "bundles" / "feel.js", ChinaCalendar()) as feel:
        yield feel


class Decide:
    """Evaluates decisions of the bundle; `parameters` are what the diagrams load before."""

    def __init__(self, feel: Feel) -> None:
        self._feel = feel
        self.parameters = {
            "concession_parameters": self("retail_concession_parameters"),
            "delisting_parameters": self("retail_delisting_parameters"),
            "parameters": self("retail_parameters", on_date="2026-12-01"),
        }

    def __call__(self, decision_id: str, **variables: Any) -> Any:
        given = getattr(self, "parameters", {}) | variables
        return BUNDLE.decisions.evaluate(decision_id, given, feel=self._feel, now=NOW).value

    def mapped(self, element: Element, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the local variables that the element's input mapping makes."""
        return {
            one.target: self._feel.evaluate(one.source.removeprefix("="), self.parameters | variables, now=NOW)
            for one in element.inputs
        }


@pytest.fixture(scope="module")
def decide(feel: Feel) -> Decide:
    return Decide(feel)


def elements(process: Process | None = None) -> Iterator[Element]:
    for one in [process] if process else BUNDLE.diagrams.values():
        yield from one.elements.values()


# What a customer may be conceded.


def concession(decide: Decide, **given: Any) -> Any:
    nothing = dict.fromkeys(("clearly_satisfied", "loyal_prospect", "company_fault"), "no")
    case = {"no_offer": False, "company_cost_value": "380.00", "concession_round": 1} | nothing
    return decide("retail_concession_choice", **(case | given))


WON = {"clearly_satisfied": "yes", "loyal_prospect": "yes"}


@pytest.mark.parametrize(
    ("given", "decision", "decided_by"),
    [
        ({"company_cost_value": "500.00", **WON}, "concede", "客服部"),
        ({"company_cost_value": "500.01", **WON}, "approve", "公司负责人"),
        ({"company_cost_value": "500.00", "company_fault": "yes"}, "concede", "客服部"),
        ({"company_cost_value": "500.01", "company_fault": "yes"}, "approve", "公司负责人"),
        ({"company_cost_value": "500.00", "concession_round": 0}, "concede", "客服部"),
        ({"company_cost_value": "500.01", "concession_round": 0}, "revise", "客服部"),
        ({"company_cost_value": "500.00"}, "revise", "客服部"),
        ({"company_cost_value": "0.01"}, "revise", "客服部"),
        ({"company_cost_value": "0.00"}, "concede", "客服部"),
        ({"clearly_satisfied": "yes"}, "revise", "客服部"),
        ({"loyal_prospect": "yes"}, "revise", "客服部"),
        ({"no_offer": True, **WON}, "refuse", "客服部"),
    ],
)
def test_who_may_concede_how_much(decide: Decide, given: dict[str, Any], decision: str, decided_by: str) -> None:
    result = concession(decide, **given)
    assert (result["decision"], result["decided_by"]) == (decision, decided_by)
    assert result["reason"]


@pytest.mark.parametrize(
    ("given", "step"),
    [
        ({}, "refuse"),
        ({"concession_round": 0}, "next_round"),
        ({"customer_gap": "close"}, "next_round"),
        ({"demand_reasonable": "partly"}, "next_round"),
        ({"company_fault": "yes"}, "next_round"),
        ({"company_fault": "yes", "concession_round": 2}, "next_round"),
        ({"company_fault": "yes", "concession_round": 3}, "refuse"),
    ],
)
def test_when_no_more_is_conceded(decide: Decide, given: dict[str, Any], step: str) -> None:
    case = {"company_fault": "no", "demand_reasonable": "unreasonable", "customer_gap": "far", "concession_round": 1}
    assert decide("retail_concession_next", **(case | given))["step"] == step


@pytest.mark.parametrize(
    ("months", "ratio"),
    [(0, 0.05), (3, 0.05), (4, 0.1), (6, 0.1), (7, 0.2), (12, 0.2), (24, 0.35), (36, 0.5), (60, 0.7), (61, 0.85)],
)
def test_the_share_that_use_has_worn_off(decide: Decide, months: int, ratio: float) -> None:
    assert float(decide("retail_concession_depreciation", used_months=months)["ratio"]) == ratio


def test_goods_of_unknown_age_have_no_share(decide: Decide) -> None:
    unknown = decide("retail_concession_depreciation", used_months=None)
    assert unknown["ratio"] is None
    assert unknown["source"]


# What has to leave the shop.

SOUND = {
    "counterfeit_found": "no",
    "authority_failed": "no",
    "doubt_answer": None,
    "doubt_improved": None,
    "monthly_returns": None,
    "unqualified_services": 0,
    "supplier_improved": "no",
    "supplier_uncooperative": "no",
}


def returns(*months: tuple[str, int, int]) -> list[dict[str, Any]]:
    return [{"month": month, "sold": sold, "returned": returned} for month, sold, returned in months]


def over(*months: str) -> list[dict[str, Any]]:
    """Return months with 2.01 % returned."""
    return returns(*((month, 10_000, 201) for month in months))


@pytest.mark.parametrize(
    ("given", "rules"),
    [
        ({}, []),
        ({"counterfeit_found": "yes"}, ["2-1"]),
        ({"authority_failed": "yes"}, ["2-2"]),
        ({"doubt_answer": "improper", "doubt_improved": "no"}, ["2-3"]),
        ({"doubt_answer": "none", "doubt_improved": "no"}, ["2-3"]),
        ({"doubt_answer": "none", "doubt_improved": "yes"}, []),
        ({"doubt_answer": "proper", "doubt_improved": "no"}, []),
        ({"monthly_returns": over("2026-09", "2026-10", "2026-11")}, ["2-4"]),
        ({"monthly_returns": over("2026-11", "2026-09", "2026-10")}, ["2-4"]),  # in any order
        ({"monthly_returns": over("2026-11", "2026-12", "2027-01")}, ["2-4"]),  # over the turn of the year
        ({"monthly_returns": over("2026-10", "2026-11")}, []),
        ({"monthly_returns": over("2026-08", "2026-10", "2026-11")}, []),  # September is missing
        ({"monthly_returns": over("2026-10", "2026-11", "2026-11")}, []),  # November twice
        ({"monthly_returns": over("2026-09", "2026-10") + returns(("2026-11", 10_000, 200))}, []),  # exactly 2 %
        ({"monthly_returns": returns(("2026-08", 10_000, 0)) + over("2026-09", "2026-10", "2026-11")}, ["2-4"]),
        ({"monthly_returns": over("2026-09", "2026-10") + returns(("2026-11", 0, 0))}, []),
        ({"monthly_returns": over("2026-09", "2026-10") + returns(("2026-11", 0, 1))}, ["2-4"]),
        ({"unqualified_services": 1}, []),
        ({"unqualified_services": 2}, ["2-5"]),
        ({"unqualified_services": 2, "supplier_improved": "yes"}, []),
        ({"supplier_uncooperative": "yes"}, ["2-6"]),
        (
            {"counterfeit_found": "yes", "unqualified_services": 3, "supplier_uncooperative": "yes"},
            ["2-1", "2-5", "2-6"],
        ),
    ],
)
def test_the_six_rules_of_delisting(decide: Decide, given: dict[str, Any], rules: list[str]) -> None:
    hits = decide("retail_delisting_rules", **(SOUND | given)) or []
    assert [hit["rule"] for hit in hits] == rules
    # Only what customers doubt is taken off the shelf by customer service itself; the rest is decided above it.
    actions = {(hit["action"], hit["decided_by"]) for hit in hits}
    assert actions <= ({("suspend", "客服部")} if rules == ["2-3"] else {("delist", "公司负责人")})


# What the media are told.


@pytest.mark.parametrize(
    ("status", "responsibility", "truth", "harmed", "response"),
    [
        ("planned", "ours", None, None, "settle"),
        ("planned", "none", None, None, "explain"),
        ("planned", "open", None, None, "verify"),
        ("published", "ours", "true", "yes", "correct"),
        ("published", "ours", "partly", "no", "correct"),
        ("published", "none", "true", "yes", "explain"),
        ("published", "none", "false", "no", "explain"),
        ("published", "none", "false", "yes", "challenge"),
        ("published", "open", "true", "yes", "verify"),
        ("published", "ours", "open", "yes", "verify"),
    ],
)
def test_what_is_done_about_the_media(
    *, decide: Decide, status: str, responsibility: str, truth: str | None, harmed: str | None, response: str
) -> None:
    result = media(decide, status, responsibility, truth, harmed)
    assert result["response"] == response


def test_the_media_are_only_corrected_settled_with_or_told(decide: Decide) -> None:
    """Whatever is answered: the sheet never says anything but correction, settlement and explanation."""
    answers = (("planned", "published"), ("ours", "none", "open"), ("true", "partly", "false", "open"), ("yes", "no"))
    for given in itertools.product(*answers):
        result = media(decide, *given)
        assert result["measure"] in {"correct", "settle", "explain"}, given
        assert result["principle"], given


def media(decide: Decide, status: str, responsibility: str, truth: str | None, harmed: str | None) -> Any:
    return decide(
        "retail_media_response",
        media_status=status,
        media_responsibility=responsibility,
        article_truth=truth,
        reputation_harmed=harmed,
    )


# Until when goods may be given back: the expressions stand in the diagrams.

ASKS_FOR_REMEDY = [one for one in elements() if one.decision_id == "retail_goods_remedy"]


@pytest.mark.parametrize("element", ASKS_FOR_REMEDY, ids=lambda element: element.id)
@pytest.mark.parametrize(
    ("name", "purchase", "received_at", "within"),
    [
        ("within_refund_months", {"date": "2026-08-23"}, "2026-11-23T23:59:00+08:00", True),
        ("within_refund_months", {"date": "2026-08-23"}, "2026-11-24T00:00:00+08:00", False),
        ("within_refund_months", {"date": "2026-11-30"}, "2027-02-28T09:00:00+08:00", True),  # no 30 February
        ("within_refund_months", {"date": "2026-11-30"}, "2027-03-01T09:00:00+08:00", False),
        ("within_refund_months", {"date": None}, "2026-11-23T09:00:00+08:00", False),
        ("in_warranty", {"date": "2020-01-01", "warranty_until": "2026-11-23"}, "2026-11-23T23:59:00+08:00", True),
        ("in_warranty", {"date": "2020-01-01", "warranty_until": "2026-11-23"}, "2026-11-24T00:00:00+08:00", False),
        ("in_warranty", {"date": "2025-11-23"}, "2026-11-23T09:00:00+08:00", True),
        ("in_warranty", {"date": "2025-11-23"}, "2026-11-24T09:00:00+08:00", False),
        ("in_warranty", {"date": None}, "2026-11-23T09:00:00+08:00", False),
        ("within_return_days", {"date": "2026-11-16"}, "2026-11-23T09:00:00+08:00", True),
        ("within_return_days", {"date": "2026-11-16"}, "2026-11-24T09:00:00+08:00", False),
    ],
)
def test_the_last_day(
    *, decide: Decide, element: Element, name: str, purchase: dict[str, Any], received_at: str, within: bool
) -> None:
    variables = {"purchase": purchase, "received_at": received_at, "product": {}}
    assert decide.mapped(element, variables)[name] is within


# Everything is whole.


@pytest.mark.parametrize("decision_id", TABLES)
def test_every_rule_says_where_it_comes_from(decision_id: str) -> None:
    decision = BUNDLE.decisions.decisions[decision_id]
    assert decision.rules
    assert [rule.id for rule in decision.rules if not any(text.strip() for text in rule.annotations)] == []


@pytest.mark.parametrize("process_id", PROCESSES)
def test_every_user_task_has_its_form(process_id: str) -> None:
    process = BUNDLE.diagrams[process_id]
    forms = {one.id: one.form_id for one in elements(process) if one.type == "userTask"}
    assert forms == {task: f"{process_id}.{task}" for task in forms}
    assert {BUNDLE.forms[form] for form in forms.values() if form} == {
        f"forms/{process_id}/{task}.form" for task in forms
    }


def test_every_form_belongs_to_a_task() -> None:
    used = {one.form_id for one in elements() if one.form_id}
    used |= {process.properties.get("case_import_form") for process in BUNDLE.diagrams.values()}
    assert set(BUNDLE.forms) - used == set()


def test_every_lane_and_every_named_group_has_somebody_in_the_demo() -> None:
    lanes = {lane for process in BUNDLE.diagrams.values() for lane in process.lanes}
    named = {
        name
        for one in elements()
        for text in (one.candidate_groups or "", *(rule for rule in _groups_in_tables()))
        for name in re.findall(r'"([^"]+)"', text)
    }
    people = {group for person in demo_people().people for group in person.groups}
    assert lanes - people == set()
    assert {name for name in named if re.search(r"[一-鿿]", name)} - people == set()


def _groups_in_tables() -> Iterator[str]:
    """Yield the cells of the columns that name who acts."""
    for decision in BUNDLE.decisions.decisions.values():
        for number, column in enumerate(decision.outputs):
            if column.name in {"groups", "decided_by"}:
                yield from (rule.outputs[number] for rule in decision.rules)


def test_every_document_is_made_by_some_task() -> None:
    templates = {path.split("/")[2] for path in BUNDLE.files if path.startswith("documents/templates/")} - {"_shared"}
    assert templates - {one.headers.get("template") for one in elements()} == set()


def test_every_deadline_names_its_rule() -> None:
    """Whoever sees a deadline sees why; an expression without `rule` would show a bare date."""
    bare = [one.id for one in elements() if one.due_date and "rule(" not in one.due_date]
    assert bare == []


def test_every_procedure_is_played() -> None:
    """Each process is a scenario's own, or called by one that is."""
    played = {
        json.loads(path.read_text(encoding="utf-8"))["process"] for path in (ROOT / "workflows").glob("*.scenario.json")
    }
    reached = set(played)
    while new := {
        one.called_process
        for process_id in reached
        for one in elements(BUNDLE.diagrams[process_id])
        if one.called_process and not one.called_process.startswith("=") and one.called_process not in reached
    }:
        reached |= new
    assert set(PROCESSES) - reached == set()


@pytest.mark.parametrize("path", sorted(BUNDLE.files))
def test_nothing_internal_is_said_to_customers(path: str) -> None:
    text = BUNDLE.files[path].decode("utf-8")
    assert [word for word in INTERNAL if word in text] == []
