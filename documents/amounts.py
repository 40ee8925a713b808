"""Money in figures and in formal capitals (人民币大写), exact.

Capitals follow 《支付结算办法》附一《正确填写票据和结算凭证的基本规定》 [忆]: 整 is written where the amount
ends at yuan; one 零 stands for any run of zeros between figures; zero jiao before some fen takes 零 after 元.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

CENT = Decimal("0.01")
LIMIT = Decimal(10) ** 12
DIGITS = "零壹贰叁肆伍陆柒捌玖"
PLACES = ("", "拾", "佰", "仟")
SECTIONS = ("", "万", "亿")


def amount(value: object) -> Decimal:
    """Return the exact yuan of a text such as "4286.30" or "4,286.3", of an int, Decimal or float as written.

    Raise ValueError, in Chinese, for anything else, for a third decimal other than zero, for 10^12 and more.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise ValueError("金额应当写成数字，如 4286.30")  # noqa: TRY004 - one kind of refusal for the caller
    try:
        number = Decimal(str(value).strip().replace(",", ""))
    except InvalidOperation:
        raise ValueError(f"“{value}”不是金额，应当写成数字，如 4286.30") from None
    if not number.is_finite() or abs(number) >= LIMIT:
        raise ValueError(f"金额“{value}”超出范围")
    cents = number.quantize(CENT, rounding=ROUND_HALF_UP)
    if cents != number:
        raise ValueError(f"金额“{value}”的小数超过两位，应当先按规则舍入到分")
    return cents


def total(values: Iterable[object]) -> Decimal:
    """Return the exact sum of amounts, 0.00 for none."""
    return sum((amount(value) for value in values), Decimal("0.00"))


def figures(value: object) -> str:
    """Return "13,545.60"."""
    return f"{amount(value):,.2f}"


def capitals(value: object) -> str:
    """Return "人民币壹万叁仟伍佰肆拾伍元陆角"; read back and compared before it is given out."""
    number = amount(value)
    yuan, cents = divmod(int(abs(number) * 100), 100)
    jiao, fen = divmod(cents, 10)
    words = _yuan(yuan) + "元" if yuan or not cents else ""
    if not cents:
        words += "整"
    elif jiao:
        words += DIGITS[jiao] + "角" + (DIGITS[fen] + "分" if fen else "")
    else:
        words += ("零" if yuan else "") + DIGITS[fen] + "分"
    written = "人民币" + ("负" if number < 0 else "") + words
    if value_of(written) != number:
        raise ArithmeticError(f"{written} is not {number}")
    return written


def _yuan(yuan: int) -> str:
    """Return whole yuan in capitals, without the unit."""
    digits = str(yuan)
    words = ""
    for position, digit in enumerate(digits):
        place = len(digits) - 1 - position
        if digit != "0":
            words += DIGITS[int(digit)] + PLACES[place % 4]
        elif words and not words.endswith("零"):
            words += "零"
        if place % 4 == 0 and yuan // 10**place % 10000:
            words = words.removesuffix("零") + SECTIONS[place // 4]
    return words.rstrip("零") or "零"


def value_of(words: str) -> Decimal:
    """Return the yuan that capitals stand for; the way back, written independently of the way there."""
    text = words.removeprefix("人民币")
    sign = -1 if text.startswith("负") else 1
    yuan, _, rest = text.removeprefix("负").rpartition("元")
    whole = section = digit = 0
    for word in yuan:
        if word in DIGITS:
            digit = DIGITS.index(word)
        elif word in PLACES[1:]:
            section += digit * 10 ** PLACES.index(word)
            digit = 0
        else:
            whole += (section + digit) * (10**4 if word == "万" else 10**8)
            section = digit = 0
    whole += section + digit
    cents = 0
    for unit, worth in (("角", 10), ("分", 1)):
        if unit in rest:
            cents += DIGITS.index(rest[rest.index(unit) - 1]) * worth
    return sign * (Decimal(whole) + Decimal(cents) * CENT)
