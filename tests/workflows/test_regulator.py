"""The market regulator: which order holds on which day, and when its limits end."""

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
NOW = datetime(2026, 6, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def feel() -> Iterator[Feel]:
    with Feel(ROOT / "bundles" / "feel.js", ChinaCalendar()) as feel:
        yield feel


def law(feel: Feel, day: str) -> Any:
    return BUNDLE.decisions.evaluate("reg_law_versions", {"law_date": day}, feel=feel, now=NOW).value


def due(feel: Feel, process: str, element: str, day: str, **variables: Any) -> Any:
    """Return what the element's input `due` comes to, by the order in force on `day`."""
    found = next(one for one in BUNDLE.diagrams[process].elements[element].inputs if one.target == "due")
    parameters = BUNDLE.decisions.evaluate("reg_parameters", {"on_date": day}, feel=feel, now=NOW).value
    given = {"law": law(feel, day), "parameters": parameters, **variables}
    return feel.evaluate(found.source.removeprefix("="), given, now=NOW)


@pytest.mark.parametrize(
    ("day", "refusal", "grounds", "remedies"),
    [("2026-04-14", "第十五条", (6, 7), None), ("2026-04-15", "第十六条", (7, 8), "第二十五条")],
)
def test_the_articles_change_with_the_order(
    feel: Feel, day: str, refusal: str, grounds: tuple[int, int], remedies: str | None
) -> None:
    found = law(feel, day)
    assert found["refusal"] == refusal
    assert (len(found["refusal_grounds"]), len(found["termination_grounds"])) == grounds
    assert found["remedies"] == remedies


def test_no_order_is_known_before_the_first(feel: Feel) -> None:
    assert law(feel, "2019-12-31") is None


@pytest.mark.parametrize(
    ("received", "ends"),
    [
        ("2026-06-01T09:00:00+08:00", "2026-06-10T16:00:00+00:00"),  # seven working days, the first not counted
        ("2026-09-30T23:30:00+08:00", "2026-10-15T16:00:00+00:00"),  # over the National Day, with its made-up days
    ],
)
def test_seven_working_days_to_decide(feel: Feel, received: str, ends: str) -> None:
    found = due(feel, "reg_accept", "open_acceptance", received[:10], received_at=received)
    assert found.at == datetime.fromisoformat(ends)
    assert "第十五条" in found.rule


@pytest.mark.parametrize(
    ("accepted", "ends", "says"),
    [
        ("2026-06-01", "2026-07-31T16:00:00+00:00", "60日"),
        ("2026-08-03", "2026-10-08T16:00:00+00:00", "第四十五条"),  # the sixtieth day is 2 October
        ("2026-04-14", "2026-06-18T16:00:00+00:00", "45个工作日"),  # accepted on the old order's last day
        ("2026-11-24", "2027-01-23T16:00:00+00:00", "放假安排"),  # next year's holidays are not out yet
    ],
)
def test_the_limit_of_mediation(feel: Feel, accepted: str, ends: str, says: str) -> None:
    found = due(feel, "reg_mediate", "open_mediation", accepted, accepted_on=accepted)
    assert found.at == datetime.fromisoformat(ends)
    assert says in found.rule


def test_every_bureau_paper_names_what_the_order_says(feel: Feel) -> None:
    """No template writes an article of the order itself: what differs by version comes in as a fact."""
    for path, content in BUNDLE.files.items():
        if path.startswith("documents/templates/amr_") and path.endswith("template.html"):
            text = content.decode().replace("《中华人民共和国消费者权益保护法", "")
            for version in ("2026-04-14", "2026-04-15"):
                assert law(feel, version)["name"] not in text, path
