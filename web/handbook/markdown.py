"""Words and tables of the handbook's pages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

HIT_POLICIES = {
    "UNIQUE": "唯一（U）：只会有一条规则符合",
    "ANY": "一致（A）：可以有几条符合，结果相同",
    "PRIORITY": "优先（P）：取结果优先的一条",
    "FIRST": "首条（F）：取从上往下第一条符合的",
    "RULE ORDER": "规则次序（R）：取全部符合的，按规则次序",
    "OUTPUT ORDER": "结果次序（O）：取全部符合的，按结果次序",
    "COLLECT": "汇集（C）：取全部符合的",
    "COLLECT SUM": "求和（C+）：全部符合的相加",
    "COLLECT MIN": "最小（C<）：全部符合的取最小",
    "COLLECT MAX": "最大（C>）：全部符合的取最大",
    "COLLECT COUNT": "计数（C#）：数符合的条数",
}
CONFIDENCES = {"读": "已核读原文", "摘": "仅见摘录，未核实", "忆": "未核实", "公司流程": "公司流程", "建议": "建议"}
_UNITS = {
    "calendar_days": "自然日",
    "working_days": "工作日",
    "calendar_months": "个月",
    "hours": "小时",
    "minutes": "分钟",
}
"""The units that FEEL's `limit` knows; other units are written in words in the tables."""


def literal(cell: str) -> str:
    """Return what a FEEL literal says, without its quotation marks; anything else as it is written."""
    try:
        value = json.loads(cell)
    except ValueError:
        return cell
    if isinstance(value, list):
        return "、".join(str(one) for one in value) or "（无）"
    return value if isinstance(value, str) else cell


def unit(cell: str) -> str:
    word = literal(cell)
    return _UNITS.get(word, word)


def code(text: str) -> str:
    """Return `text` as code on one line."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{' '.join(text.split())}{fence}" if text.strip() else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"
