"""Personal numbers made unreadable for who may see a case but need not ring anybody up.

What is masked is found by what it looks like, wherever it stands: procedures name their fields as they like, and
people type numbers into free text. Looks: mobile and fixed-line phones of China and international ones, resident
identity numbers (GB 11643: eighteen characters, or the fifteen digits of before 1999), bank cards (sixteen to nineteen
digits, ISO/IEC 7812; a mistyped one is one too, so that no check digit is asked for), e-mail addresses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import TypeVar, cast

from engine.identity import mask_number

_ALONE = r"(?<![0-9A-Za-z])"
"""Not the end of a longer number or code, such as a checksum."""
_ENDS = r"(?![0-9A-Za-z]|\.\d{1,2}(?!\d))"
"""Nor the beginning of one, or an amount."""

_DATE = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_IDENTITY = re.compile(
    rf"{_ALONE}(?:[1-9]\d{{5}}(?:1[89]|20)\d\d{_DATE}\d{{3}}[\dXx]|[1-9]\d{{7}}{_DATE}\d{{3}}){_ENDS}"
)
_CARD = re.compile(rf"{_ALONE}[3-6]\d{{3}}(?:[ -]?\d{{4}}){{3}}(?:[ -]?\d{{1,3}})?{_ENDS}")
_PHONE = re.compile(
    rf"{_ALONE}(?:(?:(?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{{4}}[ -]?\d{{4}}"
    rf"|0\d{{2,3}}[ -]?\d{{3,4}}[ -]?\d{{4}}"
    rf"|(?:\+|00)[1-9]\d{{0,2}}(?:[ -]?\d{{2,4}}){{2,4}}){_ENDS}"
)
_FEWEST_DIGITS = 10
_EMAIL = re.compile(r"(?<![\w.+-])([\w.+-]{1,64})@([\w-]{1,63}(?:\.[\w-]{1,63}){1,8})")

T = TypeVar("T")


def masked(value: T) -> T:
    """Return a JSON value with the personal numbers in its texts masked; names of members stay as they are."""
    if isinstance(value, str):
        return cast("T", _text(value))
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10 ** (_FEWEST_DIGITS - 1):
        shown = _text(str(value))
        return value if shown == str(value) else cast("T", shown)
    if isinstance(value, Mapping):
        return cast("T", {name: masked(inner) for name, inner in value.items()})
    if isinstance(value, list):
        return cast("T", [masked(inner) for inner in value])
    return value


def _text(text: str) -> str:
    plain = text if text.isascii() else "".join(map(_plain, text))
    if sum(char.isdigit() for char in plain) >= _FEWEST_DIGITS:
        for look in (_IDENTITY, _CARD, _PHONE):
            plain = look.sub(lambda found: mask_number(found[0]), plain)
        text = "".join(new if new == "*" else old for old, new in zip(text, plain, strict=True))
    return _EMAIL.sub(lambda found: f"{found[1][:1]}***@{found[2]}", text) if "@" in text else text


def _plain(char: str) -> str:
    """Return a full-width or otherwise dressed-up letter or digit as the plain one: it is as personal."""
    found = unicodedata.normalize("NFKC", char)
    return found if len(found) == 1 and found.isascii() else char
