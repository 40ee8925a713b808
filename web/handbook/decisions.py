"""Decision tables and expressions in words."""

from __future__ import annotations

from engine.decisions import Decision
from web.handbook.markdown import HIT_POLICIES, code, literal, table


def decision_section(decision: Decision, description: str) -> str:
    """Return the section of a decision: how it decides, its rules, and where each rule comes from."""
    said = [f"### {decision.name} `{decision.id}`", f"文件 `{decision.file}`。{description}"]
    if decision.kind == "expression":
        said.append(f"算式：{code(decision.expression)}")
    else:
        said += [
            f"命中方式：{HIT_POLICIES[decision.hit_policy]}。" if decision.hit_policy else "",
            decision_table(decision),
        ]
    return "\n\n".join(part for part in said if part)


def decision_table(decision: Decision) -> str:
    """Return the rules as a table: a column for each condition and result, and the source."""
    head = [
        "序号",
        *(column.label or column.expression for column in decision.inputs),
        *(f"→ {column.label or column.name}" for column in decision.outputs),
        "出处",
    ]
    rows = [
        [
            str(number),
            *(_test(cell) for cell in rule.tests),
            *(_result(cell) for cell in rule.outputs),
            "；".join(text for text in rule.annotations if text),
        ]
        for number, rule in enumerate(decision.rules, start=1)
    ]
    return table(head, rows)


def _test(cell: str) -> str:
    return "不限" if cell in ("", "-") else _result(cell)


def _result(cell: str) -> str:
    """Return a plain value as it is, an expression as code."""
    said = literal(cell)
    return said if said != cell or cell.replace(".", "").isdigit() else code(cell)
