"""The compensation input as typed values. Everything wrong is collected, so that one answer lists it all.

Numbers may come as JSON numbers or as text (`"1234.50"`); both are read digit by digit, never through float
arithmetic. Keys that the calculation does not know are left alone: job inputs may carry more than it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from engine.compensation.errors import CompensationInputError
from engine.compensation.reading import Reader

EXTRA_KINDS = {
    "transport": "交通费",
    "meals": "住院伙食补助费",
    "nutrition": "营养费",
    "mental": "精神损害抚慰金",
    "follow_up": "后续治疗费",
    "other": "其他合理费用",
}
FRAUD_KINDS = {"goods": "商品", "food": "食品", "drug": "药品"}
FIGURES = {  # key: (name, unit)
    "annual_living_expense": ("本市居民年平均生活费", "元/年"),
    "disposable_income": ("城镇居民人均可支配收入", "元/年"),
    "consumption_expenditure": ("城镇居民人均消费支出", "元/年"),
    "monthly_wage": ("职工月平均工资", "元/月"),
    "industry_monthly_wage": ("相近行业职工月平均工资", "元/月"),
}


@dataclass(frozen=True)
class Expense:
    """A payment with its receipt number ("" when none was written down)."""

    name: str
    receipt: str
    amount: Fraction


@dataclass(frozen=True)
class Nursing:
    days: int
    daily_rate: Fraction
    people: Fraction | None


@dataclass(frozen=True)
class LostIncome:
    """`actual` in yuan when it can be shown, else the days lost."""

    actual: Fraction | None
    days: int | None


@dataclass(frozen=True)
class Aid:
    name: str
    price: Fraction
    count: int


@dataclass(frozen=True)
class Dependant:
    """`age` in years on the decisive day; `months_to_18` whole and begun months until the 18th birthday."""

    age: Fraction
    months_to_18: Fraction
    incapable: bool
    share: Fraction


@dataclass(frozen=True)
class Extra:
    kind: str
    name: str
    receipt: str
    amount: Fraction


@dataclass(frozen=True)
class Gift:
    item: str
    value: Fraction | None


@dataclass(frozen=True)
class Injury:
    medical: Sequence[Expense] = ()
    nursing: Nursing | None = None
    lost_income: LostIncome | None = None
    aids: Sequence[Aid] = ()
    disability_grade: int | None = None
    age: int | None = None
    death: bool = False
    funeral: Sequence[Expense] = ()
    dependants: Sequence[Dependant] = ()
    extras: Sequence[Extra] = ()
    gifts: Sequence[Gift] = ()


@dataclass(frozen=True)
class PropertyItem:
    """A damaged thing. `receipt_amount` None: nothing proves its price yet, so it waits for evidence."""

    item: str
    receipt: str
    receipt_amount: Fraction | None
    claimed_amount: Fraction | None
    market_price: Fraction | None
    damage_ratio: Fraction
    residual_ratio: Fraction


@dataclass(frozen=True)
class Fraud:
    price: Fraction
    kind: str
    loss: Fraction
    company_mode: str | None


@dataclass(frozen=True)
class Concession:
    amount: Fraction
    reason: str
    approved_by: str


@dataclass(frozen=True)
class Override:
    amount: Fraction
    reason: str
    approved_by: str


@dataclass(frozen=True)
class CompensationInput:
    rules_on: date
    figures: Mapping[str, Fraction]
    figures_version: str
    figures_year: int | None
    injury: Injury | None = None
    property: Sequence[PropertyItem] = ()
    fraud: Fraud | None = None
    concession: Concession | None = None
    override: Override | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


def read(raw: Mapping[str, Any]) -> CompensationInput:
    """Return the input. Raise `CompensationInputError` listing every field that must be put right."""
    top = Reader(raw)
    rules_on = top.date("rules_on", "适用规则的日期")
    amounts = {key: top.amount(key, name, positive=True) for key, (name, _) in FIGURES.items()}
    year = top.whole("figures_year", "年度数据的年份", highest=9999)
    named = (top.text("city"), f"{year}年" if year else "", top.text("figures_version"))
    injury = top.inner("injury")
    fraud, concession, override = (top.filled(key) for key in ("fraud", "concession", "override"))
    result = CompensationInput(
        rules_on=rules_on or date.min,
        figures={key: value for key, value in amounts.items() if value is not None},
        figures_version=" ".join(part for part in named if part) or "输入未写年度",
        figures_year=year,
        injury=_injury(injury, rules_on) if injury else None,
        property=[_property(row) for row in top.rows("property")],
        fraud=_fraud(fraud) if fraud else None,
        concession=_concession(concession) if concession else None,
        override=_override(override) if override else None,
        parameters=top.mapping("parameters"),
    )
    _refuse_duplicate_receipts(top, result)
    if top.problems:
        raise CompensationInputError(top.problems)
    return result


def _injury(reader: Reader, rules_on: date | None) -> Injury:
    nursing, lost = reader.inner("nursing"), reader.inner("lost_income")
    injury = Injury(
        medical=[_expense(row, "医疗费") for row in reader.rows("medical")],
        nursing=_nursing(nursing) if nursing else None,
        lost_income=_lost_income(lost) if lost else None,
        aids=[_aid(row) for row in reader.rows("aids")],
        disability_grade=reader.whole("disability_grade", "伤残等级", lowest=1, highest=10),
        age=reader.whole("age", "年龄", highest=150),
        death=reader.flag("death", "是否死亡"),
        funeral=[_expense(row, "丧葬费") for row in reader.rows("funeral")],
        dependants=[_dependant(row, rules_on) for row in reader.rows("dependants")],
        extras=[_extra(row) for row in reader.rows("extras")],
        gifts=[Gift(row.text("item"), row.amount("value", "赠品价值")) for row in reader.rows("gift_items")],
    )
    if injury.death and injury.disability_grade is not None:
        reader.problem("disability_grade", "已填死亡，不能再按伤残等级计算，请删去其中一项。")
    if injury.funeral and not injury.death:
        reader.problem("funeral", "填了丧葬费但没有标明死亡，请核对。")
    if injury.dependants and not injury.death and injury.disability_grade is None:
        reader.problem("dependants", "只有残疾或者死亡才计算被抚养人生活费，请填写伤残等级或标明死亡，否则删去。")
    return injury


def _expense(row: Reader, label: str) -> Expense:
    return Expense(row.text("item"), row.text("receipt"), row.needed_amount("amount", f"{label}金额"))


def _nursing(row: Reader) -> Nursing | None:
    days = row.whole("days", "护理天数", highest=36_500)
    if days is None:
        if row.present("daily_rate") and not row.present("days"):
            row.problem("days", "请填写护理天数。")
        return None
    rate = row.needed_amount("daily_rate", "当地雇请护理的日费") if days else row.amount("daily_rate", "护理日费")
    people = row.number("people", "护理人数", highest=Fraction(100))
    return Nursing(days, rate or Fraction(0), people)


def _lost_income(row: Reader) -> LostIncome | None:
    actual = row.amount("actual", "实际减少的收入")
    days = row.whole("days", "误工天数", highest=36_500)
    return None if actual is None and days is None else LostIncome(actual, days)


def _aid(row: Reader) -> Aid:
    count = row.whole("count", "件数", highest=1_000)
    return Aid(row.text("item"), row.needed_amount("price", "普及型单价"), 1 if count is None else count)


def _dependant(row: Reader, rules_on: date | None) -> Dependant:
    incapable = row.flag("incapable", "是否无劳动能力")
    share = row.number("share", "应负担的份额", highest=Fraction(1))
    born = row.date("birth_date", "出生日期") if row.present("birth_date") else None
    if born is not None and rules_on is not None:
        if born > rules_on:
            row.problem("birth_date", "出生日期晚于适用规则的日期，请核对。")
        age, months = _age_on(born, rules_on)
    else:
        given = row.number("age", "被抚养人年龄", highest=Fraction(150))
        if not row.present("age") and not row.present("birth_date"):
            row.problem("age", "请填写被抚养人的年龄或出生日期。")
        age = given or Fraction(0)
        months = max(Fraction(0), (18 - age) * 12)
    return Dependant(age, months, incapable, Fraction(1) if share is None else share)


def _age_on(born: date, day: date) -> tuple[Fraction, Fraction]:
    """Return the age in full years and the months to the 18th birthday, a begun month as a part of one."""
    years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    months = (born.year + 18 - day.year) * 12 + born.month - day.month
    return Fraction(max(years, 0)), max(Fraction(0), months + Fraction(born.day - day.day, 31))


def _extra(row: Reader) -> Extra:
    kind = row.choice("kind", "项目", EXTRA_KINDS, default="other")
    amount = row.needed_amount("amount", EXTRA_KINDS[kind])
    return Extra(kind, row.text("item") or EXTRA_KINDS[kind], row.text("receipt"), amount)


def _property(row: Reader) -> PropertyItem:
    paid = row.amount("receipt_amount", "票据金额")
    damage = row.number("damage_ratio", "损坏比例", highest=Fraction(1))
    residual = row.number("residual_ratio", "残值系数", highest=Fraction(1))
    market = row.amount("market_price", "损失发生时的市场价格")
    if paid is not None and not row.present("damage_ratio"):
        row.problem("damage_ratio", "请填写损坏比例（全损填 1，一半填 0.5）。")
    return PropertyItem(
        item=row.text("item") or "未写名称的物品",
        receipt=row.text("receipt"),
        receipt_amount=paid,
        claimed_amount=row.amount("claimed_amount", "顾客主张的金额"),
        market_price=market,
        damage_ratio=damage or Fraction(0),
        residual_ratio=Fraction(1) if residual is None else residual,
    )


def _fraud(row: Reader) -> Fraud:
    mode = row.choice("company_mode", "假一赔二的读法", {"A": "含退款", "B": "另赔"}, default="")
    return Fraud(
        price=row.needed_amount("price", "实付价款"),
        kind=row.choice("kind", "商品种类", FRAUD_KINDS, default="goods"),
        loss=row.amount("loss", "损失") or Fraction(0),
        company_mode=mode or None,
    )


def _concession(row: Reader) -> Concession | None:
    amount = row.amount("amount", "让步金额")
    return None if amount is None else Concession(amount, row.text("reason"), row.text("approved_by"))


def _override(row: Reader) -> Override | None:
    if not any(row.present(key) for key in ("amount", "reason", "approved_by")):
        return None
    override = Override(row.needed_amount("amount", "改定金额"), row.text("reason"), row.text("approved_by"))
    if not override.reason:
        row.problem("reason", "改定金额必须写明理由。")
    if not override.approved_by:
        row.problem("approved_by", "改定金额必须由第二个人批准，请填写批准人。")
    elif override.approved_by == row.text("requested_by"):
        row.problem("approved_by", "批准人不能是提出改定的本人，请另一人批准。")
    return override


def _refuse_duplicate_receipts(top: Reader, data: CompensationInput) -> None:
    """A receipt is counted once: the same number with the same amount, anywhere in the claim, is refused."""
    injury = data.injury or Injury()
    listed: list[tuple[str, str, Fraction | None]] = [
        *((f"injury.medical[{n}].receipt", one.receipt, one.amount) for n, one in enumerate(injury.medical)),
        *((f"injury.funeral[{n}].receipt", one.receipt, one.amount) for n, one in enumerate(injury.funeral)),
        *((f"injury.extras[{n}].receipt", one.receipt, one.amount) for n, one in enumerate(injury.extras)),
        *((f"property[{n}].receipt", one.receipt, one.receipt_amount) for n, one in enumerate(data.property)),
    ]
    seen: dict[tuple[str, Fraction | None], str] = {}
    for path, receipt, amount in listed:
        if not receipt:
            continue
        first = seen.setdefault((receipt, amount), path)
        if first != path:
            top.problem_at(
                path, f"票据 {receipt} 与 {first} 的号码和金额相同，同一张票据只能计一次，请删去重复的一张。"
            )
