"""An authority's papers: what they must name, by which version of the law, or else they are not printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from documents.errors import DocumentError, MissingFact
from documents.render import PlainRenderer

VARIANTS = Path(__file__).parent / "variants"
Files = Callable[[str], dict[str, bytes]]


@pytest.mark.parametrize(
    ("template", "missing"),
    [
        ("amr_refusal_decision", "grounds"),
        ("amr_refusal_decision", "reason"),
        ("amr_refusal_decision", "ways"),
        ("amr_termination_decision", "grounds"),
        ("amr_termination_decision", "reason"),
        ("amr_termination_decision", "ways"),
        ("amr_report_result_notice", "basis"),
    ],
)
def test_no_decision_without_its_ground_its_reason_and_the_other_ways(
    *,
    template: str,
    missing: str,
    files: Files,
    renderer: PlainRenderer,
    sample: Callable[[str], dict[str, Any]],
    issued_at: datetime,
) -> None:
    facts = sample(template)
    facts[missing] = [] if isinstance(facts[missing], list) else None
    with pytest.raises(DocumentError):
        renderer.render(files(template), facts, issued_at=issued_at, draft=False)
    del facts[missing]
    with pytest.raises(MissingFact):
        renderer.render(files(template), facts, issued_at=issued_at, draft=False)


def test_the_articles_are_those_of_the_version_given(
    files: Files,
    renderer: PlainRenderer,
    sample: Callable[[str], dict[str, Any]],
    issued_at: datetime,
    text_of: Callable[[bytes], str],
) -> None:
    facts = sample("amr_refusal_decision")
    text = text_of(renderer.render(files("amr_refusal_decision"), facts, issued_at=issued_at, draft=False).pdf)
    assert "办法》第十五条、第十六条第（三）项" in text
    assert "√（三）" in text
    assert "√（一）" not in text
    old = {**facts, **json.loads((VARIANTS / "amr_refusal_decision" / "order_20.json").read_text())}
    text = text_of(renderer.render(files("amr_refusal_decision"), old, issued_at=issued_at, draft=False).pdf)
    assert "暂行办法》第十四条、第十五条第（一）项" in text
    assert "（七）" not in text
    assert "第十六条" not in text


def test_the_feedback_names_two_handlers_and_tells_each_part(
    files: Files, renderer: PlainRenderer, sample: Callable[[str], dict[str, Any]], issued_at: datetime
) -> None:
    for change in ({"handlers": ["陆航"]}, {"disputed_points": "价格。"}, {"result": "成功。"}):
        facts = {**sample("amr_complaint_feedback"), **change}
        with pytest.raises(DocumentError):
            renderer.render(files("amr_complaint_feedback"), facts, issued_at=issued_at, draft=False)
