"""Exact numbers. Between input and result everything is a fraction, so nothing is rounded before its line is.

A repeating decimal (the multiple of grade 4 is 16.666…) cut after any number of digits can fall on the
wrong side of half a cent; a fraction cannot. Amounts leave as `Decimal`, rounded half up once a line.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor

CENT = Decimal("0.01")


def round_to_cents(value: Fraction) -> Decimal:
    """Return `value` (yuan, not negative) with two decimals, half a cent rounded up."""
    return Decimal(floor(value * 100 + Fraction(1, 2))).scaleb(-2)


def money(value: Fraction | Decimal) -> str:
    """Return an amount as it is stored and printed: two decimals, no separators."""
    amount = round_to_cents(value) if isinstance(value, Fraction) else value.quantize(CENT, ROUND_HALF_UP)
    return f"{amount:f}"


def plain(value: Fraction) -> str:
    """Return a factor for a formula: `0.35`, or `16.6667(50/3)` where no short decimal is exact."""
    if value.denominator == 1:
        return str(value.numerator)
    rounded = Decimal(floor(value * 10_000 + Fraction(1, 2))).scaleb(-4)
    return f"{rounded.normalize():f}{'' if Fraction(rounded) == value else f'({value})'}"
