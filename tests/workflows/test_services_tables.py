"""The tables of power, telecom, tourism and procurement decide as their sources say, at every boundary they name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.calendars import ChinaCalendar
from engine.deployments import Bundle
from engine.feel import Feel
from web import bundles

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = Bundle.of(bundles.collect(ROOT, ()))
NOW = datetime(2026, 11, 23, 1, 12, tzinfo=UTC)

Decide = Callable[..., Any]


@pytest.fixture(scope="module")
def feel() -> Iterator[Feel]:
    with Feel(ROOT / "bundles" / "feel.js", ChinaCalendar()) as feel:
        yield feel


@pytest.fixture(scope="module")
def decide(feel: Feel) -> Decide:
    return lambda decision, **given: BUNDLE.decisions.evaluate(decision, given, feel=feel, now=NOW).value


@pytest.mark.parametrize(
    ("match", "related", "damaged", "action"),
    [
        ("true", "yes", "no", "rectify"),
        ("true", "no", "no", "rectify"),
        ("partly", "no", "no", "rectify"),
        ("untrue", "no", "no", "explain"),
        ("untrue", "no", "yes", "rectify"),
        ("untrue", "yes", "no", "rectify"),
    ],
)
def test_only_what_is_untrue_and_not_the_powers_is_merely_explained(
    *, decide: Decide, match: str, related: str, damaged: str, action: str
) -> None:
    found = decide("power_a_finding", facts_match=match, power_related=related, appliance_damaged=damaged)
    assert found["action"] == action


@pytest.mark.parametrize("gate", ["verify", "correct", "measures", "customer"])
def test_no_gate_lets_go_of_what_has_not_passed(decide: Decide, gate: str) -> None:
    assert decide("power_b_gate", gate=gate, gate_passed="yes")["passed"] is True
    assert decide("power_b_gate", gate=gate, gate_passed="no")["passed"] is False
    assert decide("power_b_gate", gate=gate, gate_passed=None)["passed"] is False


@pytest.mark.parametrize(
    ("over_level", "fault", "percents"),
    [("yes", "no", [10, 30]), ("no", "yes", [10, 30]), ("yes", "yes", [10, 30]), ("no", "no", [])],
)
def test_ten_percent_fall_on_the_leader_and_thirty_on_the_line(
    decide: Decide, over_level: str, fault: str, percents: list[int]
) -> None:
    lines = decide("telecom_control_accountability", over_level=over_level, enterprise_fault=fault) or []
    assert [line["percent"] for line in lines] == percents


def test_three_levels_answer_and_six_zeros_are_looked_at(decide: Decide) -> None:
    answering = [decide("telecom_control_answer", answer_level=level)["groups"] for level in (1, 2, 3)]
    assert len({tuple(groups) for groups in answering}) == 3
    assert len(decide("telecom_control_zeros")) == 6
    assert decide("telecom_control_parameters", on_date="2026-11-23")["daily_minutes"]["amount"] == 30


def test_the_targets_of_triage_stand_in_their_table(decide: Decide) -> None:
    targets = {row["code"]: row["target"] for row in decide("telecom_triage_targets")}
    assert targets == {"detected": 80, "templated": 54}


def test_every_matched_scene_has_steps_and_causes_and_the_rest_is_left_to_a_person(decide: Decide) -> None:
    scene = decide("telecom_triage_scene", business_kind="billing", symptom="extra_charge")
    assert scene["steps"]
    assert scene["causes"]
    assert decide("telecom_triage_scene", business_kind="counter", symptom="other") is None
    assert decide("telecom_triage_answer", scene_code="manual", cause="见处理说明") is None


@pytest.mark.parametrize(
    ("confirms", "short_term", "step"),
    [
        ("yes", "yes", "close"),
        ("yes", "no", "close"),
        ("no", "yes", "plan"),
        ("no", "no", "wait"),
        (None, None, "plan"),
    ],
)
def test_a_network_complaint_closes_only_when_the_user_says_so(
    decide: Decide, confirms: str | None, short_term: str | None, step: str
) -> None:
    assert decide("network_quality_next", user_confirms=confirms, short_term=short_term)["step"] == step


@pytest.mark.parametrize(
    ("received", "ended", "proposal"),
    [
        ("2026-11-23", "2026-08-25", "accept"),  # the ninetieth day
        ("2026-11-23", "2026-08-24", "refuse"),
        ("2026-11-23", None, "accept"),
    ],
)
def test_a_tour_that_ended_more_than_ninety_days_ago(
    *, decide: Decide, feel: Feel, received: str, ended: str | None, proposal: str
) -> None:
    (script,) = (element.script for element in BUNDLE.diagrams["tourism"].elements.values() if element.id == "expired")
    given = {
        "received_at": f"{received}T10:00:00+08:00",
        "contract_ended_on": ended,
        "tourism_parameters": decide("tourism_parameters", on_date=received),
    }
    expired = feel.evaluate((script or "").removeprefix("="), given, now=NOW)
    found = decide("tourism_acceptance", competent="yes", contract_expired=expired, other_ground="no")
    assert found["proposal"] == proposal


def test_the_years_sum_of_tourism_is_added_up_and_not_typed(feel: Feel) -> None:
    """15 + 4 + 45 + 60 = 124 of the source, all finished."""
    (script,) = (
        element.script for element in BUNDLE.diagrams["tourism_yearly"].elements.values() if element.id == "add_up"
    )
    scenario = json.loads((ROOT / "workflows" / "tourism_yearly.scenario.json").read_text(encoding="utf-8"))
    figures = scenario["steps"][0]["answers"]["figures"]
    assert [row["received"] for row in figures] == [15, 4, 45, 60]
    found = feel.evaluate((script or "").removeprefix("="), {"figures": figures}, now=NOW)
    assert (found["total"], found["finished"], found["rate_text"]) == (124, 124, "100%")


@pytest.mark.parametrize(
    ("domain", "petition", "path"),
    [
        ("gov", "query", "query"),
        ("gov", "objection", "query"),
        ("gov", "complaint", "complaint"),
        ("gov", "report", "report"),
        ("tender", "objection", "query"),
        ("tender", "query", "query"),
        ("tender", "complaint", "complaint"),
        ("tender", "report", "report"),
    ],
)
def test_queries_complaints_and_reports_go_different_ways(
    decide: Decide, domain: str, petition: str, path: str
) -> None:
    assert decide("procurement_path", domain=domain, petition=petition)["path"] == path


SOUND = {
    **dict.fromkeys(("competent", "prior_done", "within_scope", "in_time", "materials_complete"), "yes"),
    "corrected_once": False,
    "domain": "gov",
}


@pytest.mark.parametrize(
    ("given", "proposal"),
    [
        ({}, "accept"),
        ({"competent": "no"}, "refuse"),
        ({"prior_done": "no"}, "refuse"),
        ({"prior_done": "no", "domain": "tender"}, "refuse"),
        ({"within_scope": "no"}, "refuse"),
        ({"within_scope": "no", "domain": "tender"}, "accept"),
        ({"in_time": "no", "domain": "tender"}, "refuse"),
        ({"materials_complete": "no"}, "correct"),
        ({"materials_complete": "no", "corrected_once": True}, "refuse"),
    ],
)
def test_when_a_complaint_about_procurement_is_taken_up(decide: Decide, given: dict[str, Any], proposal: str) -> None:
    found = decide("procurement_acceptance", **(SOUND | given))
    assert found["proposal"] == proposal
    assert found["reason"]
