"""A line of a calculation with everything an auditor needs to compute it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.compensation.amounts import money

SUPPLIED = "由输入（决策表）提供"
GIVEN = "输入的年度数据"

HEADS = {"injury": "人身损害", "property": "财产损失", "fraud": "假货、水货", "concession": "让步"}


@dataclass(frozen=True)
class Used:
    """A figure or a parameter that a line was computed with, and how sure we are of it."""

    key: str
    name: str
    unit: str
    value: str
    status: str
    source: str
    version: str

    @property
    def verified(self) -> bool:
        """Say whether somebody answers for the value; a default or a mere practice is nobody's yet."""
        return self.status in {"公司规则", SUPPLIED, GIVEN}

    def facts(self) -> dict[str, Any]:
        """Return the JSON for the trace."""
        return {
            "key": self.key,
            "name": self.name,
            "unit": self.unit,
            "value": self.value,
            "verified": self.verified,
            "status": self.status,
            "source": self.source,
            "version": self.version,
        }


@dataclass(frozen=True)
class Line:
    """One item of a calculation. `amount`: yuan, rounded; `source`: a company rule or an article of a law."""

    item: str
    name: str
    head: str
    amount: Decimal
    formula: str
    source: str
    confidence: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    used: Sequence[Used] = ()
    receipts: Sequence[str] = ()
    note: str = ""

    def facts(self) -> dict[str, Any]:
        """Return the JSON of the line, with its trace."""
        return {
            "item": self.item,
            "name": self.name,
            "head": self.head,
            "amount": money(self.amount),
            "formula": self.formula,
            "note": self.note,
            "basis": self.source,
            "receipts": list(self.receipts),
            "trace": {
                "confidence": self.confidence,
                "inputs": dict(self.inputs),
                "parameters": [one.facts() for one in self.used],
            },
        }


def total(lines: Sequence[Line]) -> Decimal:
    """Return the sum of the rounded lines."""
    return sum((line.amount for line in lines), Decimal("0.00"))
