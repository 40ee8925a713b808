"""Which statutory rules are in force on a day. The rules are data: rulesets.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from engine.compensation.errors import InputProblem, RulesetNotRead

HEADS = {
    "injury": "人身损害赔偿",
    "property": "财产损失赔偿",
    "goods": "商品欺诈赔偿",
    "food": "食品惩罚性赔偿",
    "drug": "药品惩罚性赔偿",
}


@dataclass(frozen=True)
class Ruleset:
    """One law's rules for one head, from the day they came into force."""

    id: str
    head: str
    law: str
    since: date
    confidence: str
    dates: str
    articles: Mapping[str, str]
    values: Mapping[str, Any]

    def source(self, item: str) -> str:
        """Return law and article for a line."""
        article = self.articles[item]
        return article if article.startswith("民法典") else f"{self.law}{article}"

    @property
    def certainty(self) -> str:
        """Say how far the text and the dates have been verified."""
        text = {"读": "已核读条文", "摘": "仅见摘录，未核实"}[self.confidence]
        return text if self.dates == "读" else f"{text}；施行日期未核实"

    def facts(self) -> dict[str, str]:
        """Return the JSON of the ruleset for the result."""
        return {
            "id": self.id,
            "head": self.head,
            "law": self.law,
            "since": self.since.isoformat(),
            "confidence": self.certainty,
        }


def in_force(head: str, day: date) -> Ruleset:
    """Return the rules for `head` on `day`. Raise `RulesetNotRead` where none has been read for that day."""
    known = [ruleset for ruleset in _rulesets() if ruleset.head == head]
    current = [ruleset for ruleset in known if ruleset.since <= day]
    if not current:
        first = min(known, key=lambda ruleset: ruleset.since)
        message = (
            f"{day.isoformat()} 适用的{HEADS[head]}法定规则尚未核读录入"
            f"（已录入的自 {first.since.isoformat()} 的《{first.law}》起），不能计算；"
            "请核对日期，或由法务人工计算后以改定金额（override）写明理由并经第二人批准。"
        )
        raise RulesetNotRead([InputProblem("rules_on", message)])
    return max(current, key=lambda ruleset: ruleset.since)


@cache
def _rulesets() -> tuple[Ruleset, ...]:
    loaded = yaml.safe_load(Path(__file__).with_name("rulesets.yaml").read_text("utf-8"))
    return tuple(
        Ruleset(
            id=entry["id"],
            head=entry["head"],
            law=entry["law"],
            since=entry["from"],
            confidence=entry["confidence"],
            dates=entry["dates"],
            articles=entry["articles"],
            values=entry,
        )
        for entry in loaded["rulesets"]
    )
