"""The property company's grades, limits and months: which day is the last, what is late, who approves it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.calendars import ChinaCalendar
from engine.clock import SHANGHAI
from engine.deployments import Bundle
from engine.dialect.iso8601 import parse_cycle
from engine.feel import Feel
from web import bundles, scenarios

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = Bundle.of(bundles.collect(ROOT, ()))
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)

both = pytest.mark.parametrize(
    "database_url",
    [
        pytest.param("sqlite", marks=pytest.mark.xdist_group("stage-sqlite")),
        pytest.param("postgresql", marks=pytest.mark.xdist_group("stage-postgresql")),
    ],
    indirect=True,
)


@pytest.fixture(scope="module")
def feel() -> Iterator[Feel]:
    with Feel(ROOT / "bundles" / "feel.js", ChinaCalendar()) as feel:
        yield feel


def decide(feel: Feel, decision_id: str, **variables: Any) -> Any:
    return BUNDLE.decisions.evaluate(decision_id, variables, feel=feel, now=NOW).value


NOTHING = {"promise_broken": "no", "serious_loss": "no", "company_fault": "no"}


@pytest.mark.parametrize(
    ("assessment", "month", "supplement", "grade"),
    [
        ({}, False, True, "minor"),
        ({"company_fault": "yes"}, False, True, "important"),
        ({"serious_loss": "yes", "company_fault": "yes"}, False, True, "major"),
        ({"promise_broken": "yes"}, False, True, "major"),
        # The two grounds that the procedure's text has lost can be switched off.
        ({"serious_loss": "yes", "company_fault": "yes"}, False, False, "important"),
        ({"promise_broken": "yes"}, False, False, "minor"),
        ({}, True, False, "major"),
    ],
)
def test_grades(*, feel: Feel, assessment: dict[str, str], month: bool, supplement: bool, grade: str) -> None:
    given = {
        "assessment": NOTHING | assessment,
        "unresolved_month": month,
        "parameters": {"supplement_rules": {"amount": supplement}},
    }
    assert decide(feel, "property_grade", **given)["grade"] == grade


@pytest.mark.parametrize(
    ("grade", "approver"), [("minor", "管理处主管经理"), ("important", "公司总经理"), ("major", "公司总经理")]
)
def test_who_approves_what_takes_longer(feel: Feel, grade: str, approver: str) -> None:
    assert decide(feel, "property_responsibility", grade=grade)["groups"] == approver


@pytest.mark.parametrize(
    ("on", "cut", "first", "last", "due"),
    [
        ("2026-11-26", 25, "2026-10-26", "2026-11-25", "2026-11-30"),
        ("2026-12-26", 25, "2026-11-26", "2026-12-25", "2026-12-30"),
        ("2027-01-26", 25, "2026-12-26", "2027-01-25", "2027-01-30"),
        ("2027-02-26", 25, "2027-01-26", "2027-02-25", "2027-02-28"),  # no 30 February: its last day
        ("2028-02-26", 25, "2028-01-26", "2028-02-25", "2028-02-29"),
        ("2026-11-10", 25, "2026-09-26", "2026-10-25", "2026-10-30"),  # by hand, before the month's own day
        ("2027-03-01", 31, "2027-02-01", "2027-02-28", "2027-02-28"),  # whole months
        ("2027-02-28", 31, "2027-02-01", "2027-02-28", "2027-02-28"),
    ],
)
def test_the_month_that_is_counted(*, feel: Feel, on: str, cut: int, first: str, last: str, due: str) -> None:
    script = BUNDLE.diagrams["property_monthly_report"].elements["set_period"].script
    assert script is not None
    parameters = {"statistics_day": {"amount": cut}, "report_day": {"amount": 30}}
    period = feel.evaluate(script[1:], {"counted_on": on, "parameters": parameters}, now=NOW)
    assert {name: str(period[name]) for name in ("first", "last", "due")} == {"first": first, "last": last, "due": due}


def test_a_cycle_on_the_thirtieth_keeps_the_thirtieth() -> None:
    """February has its last day, and March the 30th again: months are counted from the first start."""
    cycle = parse_cycle("R/2026-11-30T09:00:00+08:00/P1M")
    assert cycle.start is not None
    days = [cycle.period.after(cycle.start, times).astimezone(SHANGHAI) for times in range(6)]
    assert [(day.month, day.day, day.hour) for day in days] == [
        (11, 30, 9),
        (12, 30, 9),
        (1, 30, 9),
        (2, 28, 9),
        (3, 30, 9),
        (4, 30, 9),
    ]


@both
def test_what_was_signed_late_is_late_and_the_supervisor_is_told(stage: Any) -> None:
    playback = stage.player.play(scenarios.read(ROOT / "workflows" / "property_complaint_one_month.scenario.json"))
    limits = {limit.id: limit for limit in playback.case.case_deadlines}
    assert limits["dispatch"].state == "MET_LATE"
    assert limits["dispatch"].due.at - limits["dispatch"].opened_at == timedelta(minutes=10)
    assert ("timer:fired", "sign_late") in {(entry.event, entry.element_id) for entry in playback.timeline}
    told = [entry for entry in playback.timeline if entry.event == "deadline:missed" and "签收" in entry.text]
    assert [entry.facts["told"] for entry in told] == [["fangmin"]]
