"""The company's own rules: bodily harm a-j (2-2), property (2-3), 假一赔二 (2-4), concession (2-1)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from engine.compensation.amounts import money, plain, round_to_cents
from engine.compensation.context import Context, receipts_of, rounded, sum_of
from engine.compensation.inputs import (
    Concession,
    Dependant,
    Fraud,
    Injury,
    LostIncome,
    Nursing,
    PropertyItem,
)
from engine.compensation.lines import Line, Used

READ = "公司规则原文"
LIVING = "annual_living_expense"
DEATH_YEARS = 20
INCAPABLE_YEARS = 20


def lines(context: Context) -> list[Line]:
    """Return the company's lines, in the order of the rules."""
    data = context.data
    result: list[Line] = []
    if data.injury is not None:
        result += _injury(context, data.injury)
    result += [_property(item) for item in data.property if item.receipt_amount is not None]
    if data.fraud is not None:
        result.append(_fraud(context, data.fraud))
    if data.concession is not None:
        result.append(_concession(context, data.concession))
    return result


def _line(
    item: str,
    name: str,
    value: Fraction,
    formula: str,
    *,
    head: str = "injury",
    source: str = "",
    inputs: dict[str, object] | None = None,
    used: tuple[Used, ...] = (),
    receipts: list[str] | None = None,
    note: str = "",
) -> Line:
    return Line(
        item=item,
        name=name,
        head=head,
        amount=round_to_cents(value),
        formula=formula,
        source=source or f"公司规则 2-2 {item}",
        confidence=READ,
        inputs=inputs or {},
        used=used,
        receipts=receipts or [],
        note=note,
    )


def _injury(context: Context, injury: Injury) -> Iterator[Line]:
    yield _medical(context, injury)
    if injury.nursing is not None:
        yield _nursing(context, injury.nursing)
    if injury.lost_income is not None:
        yield _lost_income(context, injury.lost_income)
    if injury.aids:
        value = sum((one.price * one.count for one in injury.aids), Fraction(0))
        parts = " + ".join(f"{money(one.price)} × {one.count}件" for one in injury.aids)
        inputs: dict[str, object] = {"aids": [one.name for one in injury.aids if one.name]}
        yield _line("d", "残疾者生活自助具费", value, f"{parts} = {rounded(value)}", inputs=inputs)
    if injury.disability_grade is not None:
        yield from _disability(context, injury.disability_grade)
    if injury.death:
        if injury.funeral:
            value, formula = sum_of(injury.funeral)
            named: dict[str, object] = {"items": [one.name for one in injury.funeral if one.name]}
            yield _line("g", "丧葬费", value, formula, inputs=named, receipts=receipts_of(injury.funeral))
        living = context.figure(LIVING, "死亡赔偿金（公司规则 h）")
        value = living * DEATH_YEARS
        formula = f"{money(living)} × {DEATH_YEARS} = {rounded(value)}"
        yield _line("h", "死亡赔偿金", value, formula, used=(context.figure_used(LIVING),))
    for number, dependant in enumerate(injury.dependants, start=1):
        yield _dependant(context, dependant, number)


def _medical(context: Context, injury: Injury) -> Line:
    if injury.medical:
        value, formula = sum_of(injury.medical)
        return _line("a", "医疗费", value, formula, receipts=receipts_of(injury.medical))
    limit = context.parameters.numbers["gift_value_limit"]
    gifts = "、".join(gift.item for gift in injury.gifts if gift.item)
    note = f"没有发生医疗费，可附送赠品作为精神补偿{f'：{gifts}' if gifts else ''}（不计入现金合计）。"
    for gift in injury.gifts:
        if gift.value is not None and gift.value > limit:
            context.notice(f"赠品“{gift.item}”价值 {money(gift.value)} 元，超过上限 {money(limit)} 元，须上报批准。")
    used = (context.parameters.used("gift_value_limit"),)
    return _line("a", "医疗费", Fraction(0), "没有发生医疗费", used=used, note=note)


def _nursing(context: Context, nursing: Nursing) -> Line:
    default = nursing.people is None
    people = context.parameters.numbers["nursing_people"] if nursing.people is None else nursing.people
    value = nursing.days * nursing.daily_rate * people
    formula = f"{nursing.days}天 × {money(nursing.daily_rate)} × {plain(people)}人 = {rounded(value)}"
    used = (context.parameters.used("nursing_people"),) if default else ()
    inputs: dict[str, object] = {
        "days": nursing.days,
        "daily_rate": money(nursing.daily_rate),
        "people": plain(people),
    }
    return _line("b", "护理费", value, formula, inputs=inputs, used=used)


def _lost_income(context: Context, lost: LostIncome) -> Line:
    name = "因误工减少的收入"
    if lost.actual is not None:
        formula = f"实际减少 {money(lost.actual)}"
        return _line("c", name, lost.actual, formula, inputs={"actual": money(lost.actual)})
    days = lost.days or 0
    if days == 0:
        return _line("c", name, Fraction(0), "误工 0 天", inputs={"days": 0})
    living = context.figure(LIVING, "误工收入（公司规则 c，收入难以确认）")
    divisor = context.parameters.numbers["living_day_divisor"]
    value = living * days / divisor
    formula = f"{money(living)} ÷ {plain(divisor)} × {days}天 = {rounded(value)}"
    used = (context.figure_used(LIVING), context.parameters.used("living_day_divisor"))
    return _line("c", name, value, formula, inputs={"days": days}, used=used, note="减少的收入难以确认。")


def _disability(context: Context, grade: int) -> Iterator[Line]:
    living = context.figure(LIVING, "残疾者生活补助费、残疾赔偿金（公司规则 e、f）")
    multiples = context.parameters.multiples[grade]
    rows = (("e", "残疾者生活补助费", multiples.subsidy), ("f", "残疾赔偿金", multiples.indemnity))
    for item, name, multiple in rows:
        value = living * multiple
        formula = f"{money(living)} × {plain(multiple)}倍（{grade}级） = {rounded(value)}"
        used = (context.figure_used(LIVING), context.parameters.used("grade_map", multiple))
        yield _line(item, name, value, formula, inputs={"disability_grade": grade}, used=used)


def _dependant(context: Context, dependant: Dependant, number: int) -> Line:
    name = f"被抚养人生活费（第{number}人）"
    inputs: dict[str, object] = {"age": plain(dependant.age), "incapable": dependant.incapable}
    months = context.minor_months(dependant)
    if months == 0 and not dependant.incapable:
        formula = "已满18周岁且有劳动能力"
        return _line("i", name, Fraction(0), formula, inputs=inputs)
    living = context.figure(LIVING, "被抚养人生活费（公司规则 i）")
    figures = (context.figure_used(LIVING),)
    if months == 0:
        value = living * INCAPABLE_YEARS
        formula = f"{money(living)} × {INCAPABLE_YEARS}年（无劳动能力） = {rounded(value)}"
        return _line("i", name, value, formula, inputs=inputs, used=figures)
    value = living * months / 12
    formula = f"{money(living)} ÷ 12 × {months}个月（至18周岁） = {rounded(value)}"
    used = (*figures, context.parameters.used("minor_month_rounding"))
    note = "未成年且无劳动能力：按公司规则计算至十八周岁，请法务确认。" if dependant.incapable else ""
    return _line("i", name, value, formula, inputs=inputs, used=used, note=note)


def _property(item: PropertyItem) -> Line:
    paid = item.receipt_amount or Fraction(0)
    value = paid * item.damage_ratio * item.residual_ratio
    damage, residual = plain(item.damage_ratio), plain(item.residual_ratio)
    formula = f"{money(paid)} × 损坏比例{damage} × 残值系数{residual} = {rounded(value)}"
    receipts = [item.receipt] if item.receipt else []
    name = f"财产损失：{item.item}"
    inputs: dict[str, object] = {"receipt_amount": money(paid)}
    return _line("2-3", name, value, formula, head="property", source="公司规则 2-3", inputs=inputs, receipts=receipts)


def _fraud(context: Context, fraud: Fraud) -> Line:
    mode = fraud.company_mode or context.parameters.fraud_company_mode
    used = () if fraud.company_mode else (context.parameters.used("fraud_company_mode"),)
    price = money(fraud.price)
    if mode == "A":
        value, formula = fraud.price * 2, f"2 × {price} = {rounded(fraud.price * 2)}"
        note = "读法 A：含退还货款，共两倍。"
    else:
        value, formula = fraud.price * 3, f"{price} + 2 × {price} = {rounded(fraud.price * 3)}"
        note = "读法 B：退还货款，另赔两倍。"
    inputs: dict[str, object] = {"price": price, "company_mode": mode}
    return _line(
        "2-4",
        "假一赔二",
        value,
        formula,
        head="fraud",
        source="公司规则 2-4",
        inputs=inputs,
        used=used,
        note=note,
    )


def _concession(context: Context, concession: Concession) -> Line:
    limit = context.parameters.numbers["concession_limit"]
    inputs: dict[str, object] = {"reason": concession.reason, "approved_by": concession.approved_by}
    amount = money(concession.amount)
    if concession.amount > limit and not concession.approved_by:
        context.notice(f"让步金额 {amount} 元，超过 {money(limit)} 元的权限，须上报批准。")
    return _line(
        "2-1",
        "让步",
        concession.amount,
        f"商定让步 {amount}",
        head="concession",
        source="公司规则 2-1",
        inputs=inputs,
        used=(context.parameters.used("concession_limit"),),
    )
