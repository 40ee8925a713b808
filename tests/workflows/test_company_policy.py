"""The company's own policy: what is urgent, complex, simple or general, and which month or quarter is evaluated."""

from __future__ import annotations

from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def feel() -> Iterator[Feel]:
    with Feel(ROOT / "bundles" / "feel.js", ChinaCalendar()) as feel:
        yield feel


PLAIN = {"safety": "no", "impact": "no", "investigation": "no", "simple": "no", "departments": ["产品部门"]}


@pytest.mark.parametrize(
    ("judgement", "grade"),
    [
        ({}, "general"),
        ({"simple": "yes", "departments": None}, "simple"),
        ({"departments": ["产品部门", "法务部门"]}, "complex"),
        ({"investigation": "yes"}, "complex"),
        ({"investigation": "yes", "simple": "yes"}, "complex"),
        ({"safety": "yes", "simple": "yes"}, "urgent"),
        ({"impact": "yes", "departments": ["产品部门", "服务部门"]}, "urgent"),
    ],
)
def test_classes(feel: Feel, judgement: dict[str, Any], grade: str) -> None:
    variables = {"judgement": PLAIN | judgement}
    now = datetime(2026, 11, 23, tzinfo=UTC)
    found = BUNDLE.decisions.evaluate("company_policy_class", variables, feel=feel, now=now).value
    assert found["grade"] == grade


@pytest.mark.parametrize(
    ("process", "on", "span", "first", "last", "heading"),
    [
        ("company_policy_evaluation", "2026-12-01", None, "2026-11-01", "2026-11-30", "2026年11月"),
        ("company_policy_evaluation", "2027-01-01", "quarter", "2026-10-01", "2026-12-31", "2026年第4季度"),
        ("company_policy_evaluation", "2026-10-01", "quarter", "2026-07-01", "2026-09-30", "2026年第3季度"),
        ("company_policy_evaluation", "2026-03-31", "quarter", "2025-10-01", "2025-12-31", "2025年第4季度"),
        ("urban_mgmt_weekly", "2026-11-30", None, "2026-11-23", "2026-11-29", "11月23日至11月29日"),
        ("urban_mgmt_weekly", "2026-12-06", None, "2026-11-23", "2026-11-29", "11月23日至11月29日"),
        ("urban_mgmt_weekly", "2026-03-01", "month", "2026-02-01", "2026-02-28", "2026年2月"),
        ("urban_mgmt_weekly", "2026-01-05", "year", "2025-01-01", "2025-12-31", "2025年"),
    ],
)
def test_the_period_that_is_evaluated(
    *, feel: Feel, process: str, on: str, span: str | None, first: str, last: str, heading: str
) -> None:
    script = BUNDLE.diagrams[process].elements["set_period"].script
    assert script is not None
    now = datetime.fromisoformat(f"{on}T09:00:00+08:00").astimezone(UTC)
    period = feel.evaluate(script[1:], {"span": span}, now=now)
    assert (str(period["first"]), str(period["last"]), period["heading"]) == (first, last, heading)
