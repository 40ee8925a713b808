"""Which characters an answer may hold: what cannot be stored, printed or trusted is refused at the field."""

from __future__ import annotations

import unicodedata

#: Marks that turn the direction of what follows: an amount could read otherwise than it is stored.
TURNING = frozenset([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x61C])
LAYOUT = frozenset("\n\t")


def objection(text: str) -> str | None:
    """Return a sentence's second half about the first character that cannot be kept, None when all can."""
    for character in text:
        if " " <= character < "\x7f" or character in LAYOUT:
            continue
        code = ord(character)
        category = unicodedata.category(character)
        if category == "Co":
            return f"含有自造字 U+{code:04X}，别处看不到，请改用国际标准编码的字，或用拼音、描述代替"
        if category in ("Cc", "Cs") or code in TURNING or code & 0xFFFE == 0xFFFE:
            return f"含有看不见的控制字符 U+{code:04X}，请删去后重新输入"
    return None


def one_line(text: str) -> str:
    """Return the text as a single line, as form-js does for a text field."""
    return text.replace("\r\n", " ").replace("\r", " ").replace("\n", " ").replace("\t", " ")


def lines(text: str) -> str:
    """Return the text with every kind of line end as one newline."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
