"""Compensation: the company's rules and, beside them, the statutory calculation of the decisive day.

`compute` takes the input described in `inputs.py` and returns plain JSON, amounts as text with two decimals.
Each line is rounded half up once, from exact fractions, and carries formula, inputs, parameters and source.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from engine.compensation import company, statutory
from engine.compensation.amounts import money, round_to_cents
from engine.compensation.context import Context
from engine.compensation.errors import (
    CompensationInputError,
    InputProblem,
    MissingFigure,
    RulesetNotRead,
)
from engine.compensation.inputs import CompensationInput, Override, read
from engine.compensation.lines import HEADS, Line, total
from engine.compensation.parameters import Parameters

__all__ = ["CompensationInputError", "InputProblem", "MissingFigure", "RulesetNotRead", "compute", "report"]

PAYMENT = "各项费用一次性支付（公司规则 2-2 j）；分期支付须在协议中约定并提供担保（民法典第一千一百八十七条）。"


def compute(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return both calculations and the proposal.

    `company` and `statutory` hold `lines` (`item name head amount formula note basis receipts trace`) and
    `total`. `proposed` holds `total` and `basis`: `company` or `statutory`, whichever total is higher (the
    company's when equal), or `override`. `comparison` gives both totals by head, `excluded` the things that
    wait for evidence and are not counted, `parameters` every figure and parameter used, `notices` sentences
    for the reader. With an override for a day whose statutory rules nobody has read, `statutory.total` is
    None and `statutory.sentence` says so.

    Raise `CompensationInputError`, or its kinds `MissingFigure` and `RulesetNotRead`, naming every field.
    """
    data = read(raw)
    context = Context(data, Parameters(data.parameters))
    by_company = company.lines(context)
    by_law, laws, sentence = _statutory(context)
    context.stop_if_incomplete()
    company_total = total(by_company)
    law_total = None if by_law is None else total(by_law)
    _remark(context, company_total, law_total)
    return {
        "rules_on": data.rules_on.isoformat(),
        "company": {"lines": [line.facts() for line in by_company], "total": money(company_total)},
        "statutory": {
            "rulesets": laws,
            "lines": [line.facts() for line in by_law or ()],
            "total": None if law_total is None else money(law_total),
            "sentence": sentence,
        },
        "proposed": _proposed(data.override, company_total, law_total),
        "comparison": _comparison(by_company, by_law or []),
        "parameters": _parameters([*by_company, *(by_law or [])]),
        "excluded": _excluded(data),
        "payment": PAYMENT,
        "notices": context.notices,
        "parameter_version": f"{data.figures_version}；参数表 {context.parameters.version}",
    }


def report(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the short form for the command line: lines without their trace, totals, proposal, notices."""
    result = compute(raw)

    def short(side: Mapping[str, Any]) -> dict[str, Any]:
        kept = ("item", "name", "amount", "formula")
        return {"lines": [{key: line[key] for key in kept} for line in side["lines"]], "total": side["total"]}

    return {
        "company": short(result["company"]),
        "statutory": short(result["statutory"]),
        "proposed": result["proposed"],
        "excluded": result["excluded"],
        "notices": result["notices"],
    }


def _statutory(context: Context) -> tuple[list[Line] | None, list[dict[str, str]], str]:
    """Return the lines, the laws and, where nobody has read the law of the day, the sentence saying so."""
    try:
        rules = statutory.rulesets(context)
    except RulesetNotRead as error:
        if context.data.override is None:
            raise
        return None, [], error.problems[0].message
    return statutory.lines(context, rules), [ruleset.facts() for ruleset in rules.values()], ""


def _proposed(override: Override | None, by_company: Decimal, by_law: Decimal | None) -> dict[str, Any]:
    if override is not None:
        return {
            "total": money(override.amount),
            "basis": "override",
            "reason": override.reason,
            "approved_by": override.approved_by,
        }
    if by_law is not None and by_law > by_company:
        return {"total": money(by_law), "basis": "statutory"}
    return {"total": money(by_company), "basis": "company"}


def _comparison(by_company: list[Line], by_law: list[Line]) -> list[dict[str, str]]:
    """Return both totals head by head: a head may be lower than the law although the whole is higher."""
    rows = []
    for head, name in HEADS.items():
        ours = [line for line in by_company if line.head == head]
        laws = [line for line in by_law if line.head == head]
        if ours or laws:
            rows.append({"head": head, "name": name, "company": money(total(ours)), "statutory": money(total(laws))})
    return rows


def _parameters(lines: list[Line]) -> list[dict[str, Any]]:
    """Return every figure and parameter used, once each, in the order of use."""
    used = {(one.key, one.value): one for line in lines for one in line.used}
    return [one.facts() for one in used.values()]


def _excluded(data: CompensationInput) -> list[dict[str, str]]:
    rows = []
    for thing in data.property:
        if thing.receipt_amount is None:
            claimed = {} if thing.claimed_amount is None else {"amount": money(thing.claimed_amount)}
            rows.append({"item": thing.item, **claimed, "note": "没有票据，待举证，未计入合计。"})
    return rows


def _remark(context: Context, by_company: Decimal, by_law: Decimal | None) -> None:
    """Add the sentences that whoever approves must have seen."""
    data, limit = context.data, round_to_cents(context.parameters.numbers["review_threshold"])
    if not (data.injury or data.property or data.fraud or data.concession):
        context.notice("没有填写任何赔偿项目，合计为 0.00。")
    override = data.override
    proposed = round_to_cents(override.amount) if override else max(by_company, by_law or by_company)
    if proposed > limit:
        context.notice(f"建议金额 {money(proposed)} 元，超过 {money(limit)} 元，须双人复核。")
    if override and by_law is not None and proposed < by_law:
        context.notice(
            f"改定金额 {money(proposed)} 元低于法定计算 {money(by_law)} 元，协议有被撤销的风险，须法务签字。"
        )
    if data.figures_year is not None and data.figures_year != data.rules_on.year - 1:
        context.notice(
            f"年度数据为 {data.figures_year} 年，不是 {data.rules_on.year} 年的上一年度，请核对是否已公布新数据。"
        )
    if data.injury and any(not one.receipt for one in data.injury.medical):
        context.notice("有医疗费没有写票据号码，无法核对是否重复，请补写。")
