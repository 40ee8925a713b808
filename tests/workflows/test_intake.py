"""What the tables of the front door propose, and that a chosen procedure gets what it needs."""

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
NOW = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def feel() -> Iterator[Feel]:
    with Feel(ROOT / "bundles" / "feel.js", ChinaCalendar()) as feel:
        yield feel


def propose(feel: Feel, text: str, wished: list[str] | None = None, channel: str = "phone") -> Any:
    given = {"intake_text": text, "wished": wished or [], "channel": channel, "on_date": "2026-12-01"}
    return BUNDLE.decisions.evaluate("intake_proposal", given, feel=feel, now=NOW).value


@pytest.mark.parametrize(
    ("text", "wished", "kinds"),
    [
        ("微波炉坏了，要求换一台。", [], ["complaint"]),
        ("饭店没有执照，无证经营，请查处。", [], ["report"]),
        ("卖过期食品，我要举报，还要退款。", [], ["complaint", "report"]),
        ("我要举报这家店。", ["complaint"], ["complaint", "report"]),
        ("请问周末营业时间？", [], ["enquiry"]),
        ("请问你们为什么不给退款？", [], ["complaint"]),
        ("建议门口加一排座椅。", [], ["suggestion"]),
        ("感谢三楼的店员，服务很好。", [], ["praise"]),
        ("感谢三楼的店员，可是冰箱还是要退货。", [], ["complaint"]),
        ("", [], ["complaint"]),
        ("随便写几个字", ["praise"], ["praise"]),
    ],
)
def test_the_kind(feel: Feel, text: str, wished: list[str], kinds: list[str]) -> None:
    proposal = propose(feel, text, wished)
    assert proposal["kinds"] == kinds
    assert [route["kind"] for route in proposal["routes"]] == kinds  # complaint and report go their own ways
    assert proposal["mixed"] is ({"complaint", "report"} <= set(kinds))


def test_the_reasons_name_the_words_seen(feel: Feel) -> None:
    reasons = propose(feel, "烫伤住院，要求赔偿，不然找记者曝光。")["reasons"]
    assert "涉及人身伤害：写到“烫伤、住院”" in reasons
    assert any(reason.startswith("等级：") for reason in reasons)
    assert any(reason.startswith("程序：") for reason in reasons)


@pytest.mark.parametrize(
    ("text", "grade"),
    [("住院了", "urgent"), ("手被划伤", "urgent"), ("媒体曝光", "urgent"), ("转盘坏了", "general")],
)
def test_the_grade(feel: Feel, text: str, grade: str) -> None:
    assert propose(feel, text)["grade"] == grade


def test_every_proposed_procedure_can_be_chosen(feel: Feel) -> None:
    """A route names a procedure of the list, or none at all; the list names processes of the bundle."""
    offered = {option["value"] for option in propose(feel, "")["options"]}
    decision = BUNDLE.decisions.decisions["intake_routing"]
    column = [output.name for output in decision.outputs].index("process")
    assert {rule.outputs[column].strip('"') for rule in decision.rules} <= offered
    assert offered - {"direct"} <= set(BUNDLE.diagrams)
    units = {unit["value"] for unit in propose(feel, "")["units"]}
    assert {route["unit"] for route in propose(feel, "举报，退款")["routes"]} <= units
