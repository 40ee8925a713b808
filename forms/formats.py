"""Checks that a form asks for by the property `format`, and how such a value is kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import phonenumbers
from stdnum.cn import ric, uscc
from stdnum.exceptions import ValidationError

BLANKS = re.compile(r"[\s\u00a0\u3000]+")
# As browsers read <input type=email> (HTML Living Standard, 4.10.5.1.5), within the lengths of RFC 5321.
EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?){0,10}"
)
MONEY = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,2})?")
MONTH = re.compile(r"((?:19|20)[0-9]{2})[-/.年](1[0-2]|0?[1-9])月?")
HOTLINE = re.compile(r"(?:95\d{3,7}|96\d{3,4}|1[0-2]\d{1,4}|100\d{2,3}|400\d{7}|800\d{7})")


@dataclass(frozen=True)
class Format:
    """`canonical` returns the value as it is kept, None when it is invalid; `objection` follows the label."""

    canonical: Callable[[str], str | None]
    objection: str


def _phone(text: str) -> str | None:
    compact = BLANKS.sub("", text).replace("－", "-").replace("—", "-").replace("转", ";ext=")
    digits = compact.replace("-", "")
    if HOTLINE.fullmatch(digits):
        return digits
    try:
        number = phonenumbers.parse(compact, "CN")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    extension = f"转{number.extension}" if number.extension else ""
    if number.country_code != 86:
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) + extension
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    if phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE:
        return str(number.national_number) + extension
    area, _, rest = national.split(" ext.")[0].partition(" ")
    return f"{area}-{rest.replace(' ', '')}{extension}" if rest else area + extension


def _international(text: str) -> str | None:
    compact = BLANKS.sub("", text)
    if not compact.startswith(("+", "00")):
        return None
    try:
        number = phonenumbers.parse("+" + compact.removeprefix("+").removeprefix("00"))
    except phonenumbers.NumberParseException:
        return None
    return text.strip() if phonenumbers.is_possible_number(number) else None


def _checked(check: Callable[[str], str]) -> Callable[[str], str | None]:
    def canonical(text: str) -> str | None:
        try:
            return check(BLANKS.sub("", text).upper())
        except ValidationError:
            return None

    return canonical


def _identity(text: str) -> str:
    return str(ric.validate(text))


def _company(text: str) -> str:
    return str(uscc.validate(text))


def _email(text: str) -> str | None:
    return text.strip() if len(text) <= 254 and EMAIL.fullmatch(text.strip()) else None


def _money(text: str) -> str | None:
    # A Chinese input method types full-width digits as readily as plain ones.
    plain = unicodedata.normalize("NFKC", text.strip())
    return f"{Decimal(plain):.2f}" if MONEY.fullmatch(plain) else None


def _month(text: str) -> str | None:
    found = MONTH.fullmatch(unicodedata.normalize("NFKC", text.strip()))
    return f"{found[1]}-{int(found[2]):02}" if found else None


FORMATS = {
    "cn_phone": Format(_phone, "不是有效的电话号码，请填写手机号、带区号的固定电话或服务热线"),
    "cn_id_number": Format(_checked(_identity), "不是有效的居民身份证号码，请核对十八位号码"),
    "uscc": Format(_checked(_company), "不是有效的统一社会信用代码，请核对十八位代码"),
    "money": Format(_money, "应当是不小于 0、最多两位小数的金额，例如 1280.50，不写单位和千分号"),
    "year_month": Format(_month, "应当是年和月，例如 2026-11"),
    "email": Format(_email, "不是有效的电子邮箱地址，例如 name@example.cn"),
    "phone": Format(_international, "应当以国际区号开头，例如 +86 13800000000"),
}
#: What the property `format` may name; `email` and `phone` belong to form-js's own `validationType`.
CUSTOM = ("cn_phone", "cn_id_number", "uscc", "money", "year_month")
