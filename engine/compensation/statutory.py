"""The statutory calculation in force on a day. What the law says is in rulesets.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import floor

from engine.compensation.amounts import money, plain, round_to_cents
from engine.compensation.context import Context, receipts_of, rounded, sum_of
from engine.compensation.inputs import (
    EXTRA_KINDS,
    Dependant,
    Fraud,
    Injury,
    LostIncome,
    Nursing,
    PropertyItem,
)
from engine.compensation.lines import Line, Used
from engine.compensation.rulesets import Ruleset, in_force

INCOME, SPENDING, WAGE = "disposable_income", "consumption_expenditure", "monthly_wage"
INDUSTRY_WAGE = "industry_monthly_wage"


def rulesets(context: Context) -> dict[str, Ruleset]:
    """Return the rules in force by head, for the heads of the claim. Raise `RulesetNotRead`."""
    data = context.data
    result: dict[str, Ruleset] = {}
    if data.injury is not None:
        result["injury"] = in_force("injury", data.rules_on)
    if any(item.receipt_amount is not None for item in data.property):
        result["property"] = in_force("property", data.rules_on)
    if data.fraud is not None:
        result["fraud"] = in_force(data.fraud.kind, data.rules_on)
    return result


def lines(context: Context, rules: dict[str, Ruleset]) -> list[Line]:
    """Return the statutory lines under `rules`."""
    data = context.data
    result: list[Line] = []
    if data.injury is not None:
        result += _injury(context, data.injury, rules["injury"])
    result += [_property(item, rules["property"]) for item in data.property if item.receipt_amount is not None]
    if data.fraud is not None:
        result += _fraud(context, data.fraud, rules["fraud"])
    return result


def years_for_age(age: int, rules: Ruleset) -> int:
    """Return the years paid for a person of `age` full years: 20, a year less from 60 on, 5 from 75 on."""
    values = rules.values
    if age >= values["floor_from_age"]:
        return int(values["floor_years"])
    return int(values["years"]) - max(0, age - int(values["reduced_from_age"]))


def _line(
    rules: Ruleset,
    item: str,
    name: str,
    value: Fraction,
    formula: str,
    *,
    article: str = "",
    head: str = "injury",
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
        source=rules.source(article or item),
        confidence=rules.certainty,
        inputs=inputs or {},
        used=used,
        receipts=receipts or [],
        note=note,
    )


def _injury(context: Context, injury: Injury, rules: Ruleset) -> Iterator[Line]:
    if injury.medical:
        value, formula = sum_of(injury.medical)
        yield _line(rules, "medical", "医疗费", value, formula, receipts=receipts_of(injury.medical))
    if injury.nursing is not None:
        yield _nursing(context, injury.nursing, rules)
    if injury.lost_income is not None:
        yield _lost_income(context, injury.lost_income, rules)
    if injury.aids:
        value = sum((one.price * one.count for one in injury.aids), Fraction(0))
        parts = " + ".join(f"{money(one.price)} × {one.count}件" for one in injury.aids)
        yield _line(rules, "aids", "残疾辅助器具费", value, f"{parts} = {rounded(value)}")
    for extra in injury.extras:
        receipts = [extra.receipt] if extra.receipt else []
        formula = money(extra.amount)
        name = (
            EXTRA_KINDS[extra.kind]
            if extra.name == EXTRA_KINDS[extra.kind]
            else f"{EXTRA_KINDS[extra.kind]}:{extra.name}"
        )
        yield _line(rules, extra.kind, name, extra.amount, formula, receipts=receipts)
    if injury.extras:
        context.notice("交通、伙食、营养、精神抚慰等附加项不在公司规则 a 至 j 之内，只计入法定计算。")
    yield from _loss_of_life_or_ability(context, injury, rules)


def _nursing(context: Context, nursing: Nursing, rules: Ruleset) -> Line:
    people = context.parameters.numbers["nursing_people"] if nursing.people is None else nursing.people
    value = nursing.days * nursing.daily_rate * people
    formula = f"{nursing.days}天 × {money(nursing.daily_rate)} × {plain(people)}人 = {rounded(value)}"
    note = "" if people <= 1 else "护理人员原则上为一人，多人须有医疗机构或鉴定机构的明确意见。"
    return _line(rules, "nursing", "护理费", value, formula, note=note)


def _lost_income(context: Context, lost: LostIncome, rules: Ruleset) -> Line:
    if lost.actual is not None:
        formula = f"实际减少 {money(lost.actual)}"
        return _line(rules, "lost_income", "误工费", lost.actual, formula)
    days = lost.days or 0
    if days == 0:
        return _line(rules, "lost_income", "误工费", Fraction(0), "误工 0 天")
    key, note = INDUSTRY_WAGE, ""
    if INDUSTRY_WAGE not in context.data.figures:
        key = WAGE
        note = "未填相近行业职工平均工资，暂以当地全部职工月平均工资计算，请核对。"
    wage = context.figure(key, "法定误工费（收入难以确认）")
    divisor = context.parameters.numbers["wage_day_divisor"]
    value = wage * 12 * days / divisor
    formula = f"{money(wage)} × 12 ÷ {plain(divisor)} × {days}天 = {rounded(value)}"
    used = (context.figure_used(key), context.parameters.used("wage_day_divisor"))
    return _line(rules, "lost_income", "误工费", value, formula, inputs={"days": days}, used=used, note=note)


def _loss_of_life_or_ability(context: Context, injury: Injury, rules: Ruleset) -> Iterator[Line]:
    grade = injury.disability_grade
    if grade is None and not injury.death:
        return
    item, name = ("death", "死亡赔偿金") if injury.death else ("disability", "残疾赔偿金")
    if injury.age is None:
        context.missing("injury.age", f"计算法定{name}需要受害人的年龄，请填写周岁。")
    income = context.figure(INCOME, f"法定{name}")
    years = years_for_age(injury.age or 0, rules)
    share = Fraction(1) if grade is None else context.parameters.coefficients[grade]
    value = income * years * share
    factor = "" if grade is None else f" × 系数{plain(share)}（{grade}级）"
    formula = f"{money(income)} × {years}年{factor} = {rounded(value)}"
    used = [context.figure_used(INCOME)]
    if grade is not None:
        used.append(context.parameters.used("grade_coefficients", share))
    inputs: dict[str, object] = {"age": injury.age, "disability_grade": grade}
    yield _line(rules, item, name, value, formula, inputs=inputs, used=tuple(used))
    if injury.death:
        wage = context.figure(WAGE, "法定丧葬费")
        months = int(rules.values["funeral_months"])
        formula = f"{money(wage)} × {months}个月 = {rounded(wage * months)}"
        yield _line(rules, "funeral", "丧葬费", wage * months, formula, used=(context.figure_used(WAGE),))
    if injury.dependants:
        yield _dependants(context, injury.dependants, share, rules)


def _dependants(context: Context, dependants: Sequence[Dependant], coefficient: Fraction, rules: Ruleset) -> Line:
    """Article 16 counts this into the indemnity for disability or death; it keeps its own line to be traced.

    Where several people are supported, the sum for a year must not exceed the yearly spending figure, so the
    time is cut into stretches in which the same people are supported.
    """
    months = [(_support_months(context, one, rules), one.share * coefficient) for one in dependants]
    longest = max(months_each for months_each, _ in months)
    name = "被扶养人生活费（计入残疾或者死亡赔偿金）"
    inputs: dict[str, object] = {
        "dependants": [
            {"age": plain(one.age), "incapable": one.incapable, "share": plain(one.share), "months": length}
            for one, (length, _) in zip(dependants, months, strict=True)
        ]
    }
    if longest == 0:
        formula = "均已满18周岁且有劳动能力"
        return _line(rules, "dependants", name, Fraction(0), formula, inputs=inputs)
    spending = context.figure(SPENDING, "法定被扶养人生活费")
    value, parts, begin = Fraction(0), [], 0
    for end in sorted({length for length, _ in months if length}):
        yearly = sum((part for length, part in months if length >= end), Fraction(0))
        capped = min(yearly, Fraction(1))
        value += spending / 12 * (end - begin) * capped
        mark = f"{plain(yearly)}→1(年总额上限)" if yearly > 1 else plain(yearly)
        parts.append(f"{money(spending)} ÷ 12 × {end - begin}个月 × {mark}")
        begin = end
    formula = f"{' + '.join(parts)} = {rounded(value)}"
    used = [context.figure_used(SPENDING)]
    if coefficient != 1:
        used.append(context.parameters.used("grade_coefficients", coefficient))
    return _line(rules, "dependants", name, value, formula, inputs=inputs, used=tuple(used))


def _support_months(context: Context, dependant: Dependant, rules: Ruleset) -> int:
    if dependant.months_to_18 > 0:
        return context.minor_months(dependant)
    return 12 * years_for_age(floor(dependant.age), rules) if dependant.incapable else 0


def _property(item: PropertyItem, rules: Ruleset) -> Line:
    name = f"财产损失：{item.item}"
    receipts = [item.receipt] if item.receipt else []
    damage = f"损坏比例{plain(item.damage_ratio)}"
    if item.market_price is not None:
        value = item.market_price * item.damage_ratio
        formula = f"市场价格{money(item.market_price)} × {damage} = {rounded(value)}"
        return _line(rules, "property", name, value, formula, head="property", receipts=receipts)
    paid = item.receipt_amount or Fraction(0)
    value = paid * item.damage_ratio * item.residual_ratio
    formula = f"{money(paid)} × {damage} × 残值系数{plain(item.residual_ratio)} = {rounded(value)}"
    note = "未填损失发生时的市场价格，以票据金额和残值系数估算。"
    return _line(rules, "property", name, value, formula, head="property", receipts=receipts, note=note)


def _fraud(context: Context, fraud: Fraud, rules: Ruleset) -> Iterator[Line]:
    def line(item: str, name: str, value: Fraction, formula: str) -> Line:
        return _line(rules, item, name, value, formula, article="fraud", head="fraud", inputs=inputs)

    price, loss = money(fraud.price), money(fraud.loss)
    inputs: dict[str, object] = {"price": price, "kind": fraud.kind, "loss": loss}
    yield line("refund", "退还价款", fraud.price, f"实付价款 {price}")
    if rules.values["includes_loss"] and fraud.loss:
        yield line("loss", "赔偿损失", fraud.loss, f"损失 {loss}")
    elif fraud.loss:
        context.notice("商品欺诈的增加赔偿以价款为基数，fraud.loss 未计入；实际损失请列入人身损害或财产损失。")
    of_price, of_loss, minimum = (rules.values[key] for key in ("price_multiple", "loss_multiple", "minimum"))
    candidates = [(fraud.price * Fraction(of_price), f"{of_price} × {price}")]
    if Fraction(of_loss):
        candidates.append((fraud.loss * Fraction(of_loss), f"{of_loss} × 损失{loss}"))
    if Fraction(minimum):
        candidates.append((Fraction(minimum), f"最低{minimum}"))
    value = max(amount for amount, _ in candidates)
    listed = "、".join(text for _, text in candidates)
    formula = f"{f'取高（{listed}）' if len(candidates) > 1 else listed} = {rounded(value)}"
    yield line("increase", "增加赔偿", value, formula)
