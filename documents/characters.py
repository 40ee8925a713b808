"""Which characters a document may contain."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from documents.errors import PrivateUseCharacter, WrongFact

#: Marks that turn the direction of what follows: they can make an amount read otherwise than it is stored.
TURNING = frozenset([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x61C])

#: Characters that are never drawn, so that no font needs to have them: white space, joiners, byte order mark,
#: and variation selectors, which pick the variant of a rare character in a name.
INVISIBLE = frozenset(
    [
        *map(ord, "\t\n\r \u00a0\u00ad\u034f\u200b\u200c\u200d\u2060\u3000\ufeff"),
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    ]
)


def code(character: str) -> str:
    """Return "U+4DAE"."""
    return f"U+{ord(character):04X}"


def refuse(text: str, name: str) -> None:
    """Raise `PrivateUseCharacter` or `WrongFact` if `text`, called `name`, cannot stand in a document."""
    for character in text:
        if character < "\x7f" and (character >= " " or character in "\t\n\r"):
            continue
        category = unicodedata.category(character)
        if category == "Co":
            raise PrivateUseCharacter(name=name, code=code(character))
        if category in ("Cc", "Cs") or ord(character) in TURNING:
            raise WrongFact(name=name, path=code(character), cause="含有不可见的控制字符")


def strings(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every string within plain facts with the keys that lead to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from strings(inner, (*path, str(key)))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from strings(inner, (*path, str(index)))
