"""What a template can do with a fact: money, dates, masking. Names here are the names in the templates."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from documents import amounts, moments
from documents.errors import AmountsDiffer
from documents.facts import Missing

#: Family names of two characters, so that masking a name keeps the whole family name.
DOUBLE_SURNAMES = frozenset(
    re.findall(
        "..",
        "欧阳司马上官诸葛东方皇甫尉迟公孙慕容令狐长孙宇文司徒夏侯轩辕端木百里南宫东郭西门独孤"
        "拓跋呼延钟离闻人申屠公羊澹台濮阳淳于太叔单于万俟赫连完颜纳兰",
    )
)
#: A Chinese character or full-width mark, for a regular expression.
HAN = "\u3000-\u303f\u3400-\u9fff\uff00-\uffef“”"
BLANK = Markup('<span class="blank{}"></span>')


def _reading(read: Callable[..., Any]) -> Callable[..., Any]:
    """Let what is missing in a preview pass through unread, and a wrong value stop with its own sentence."""

    @functools.wraps(read)
    def passing(value: Any, *more: Any) -> Any:
        return value if isinstance(value, Missing) else read(value, *more)

    return passing


@_reading
def money(value: object) -> str:
    """13,545.60"""
    return amounts.figures(value)


@_reading
def capitals(value: object) -> str:
    """人民币壹万叁仟伍佰肆拾伍元陆角"""
    return amounts.capitals(value)


@_reading
def day(value: object) -> str:
    """2026年11月21日"""
    return moments.day(value)


@_reading
def minute(value: object) -> str:
    """2026年11月21日 09:30"""
    return moments.minute(value)


@_reading
def deadline(value: object) -> str:
    """2026年11月21日24:00"""
    return moments.deadline(value)


@_reading
def masked_phone(value: object) -> str:
    """138****1234; a number of fewer than 7 figures is hidden wholly."""
    text = str(value)
    return text[:3] + "****" + text[-4:] if len(text) >= 7 else "****"


@_reading
def masked_id(value: object) -> str:
    """3301**********5417; a shorter number keeps its last two."""
    text = str(value)
    return text[:4] + "*" * (len(text) - 8) + text[-4:] if len(text) >= 12 else "*" * len(text[:-2]) + text[-2:]


@_reading
def masked_name(value: object) -> str:
    """周某, 欧阳某"""
    text = str(value).strip()
    return (text[:2] if text[:2] in DOUBLE_SURNAMES else text[:1]) + "某"


@_reading
def lines(value: object) -> Markup:
    """Show each line of a text as typed on a line of its own."""
    return Markup("<br>").join(escape(line.strip()) for line in str(value).strip().splitlines() if line.strip())


@_reading
def sentence(value: object) -> str:
    """End a text with a full stop, whatever it ended with."""
    return str(value).strip().rstrip("。；;，,.、 ") + "。"


@_reading
def clause(value: object) -> str:
    """Take the full stop off a text, so that the sentence can go on."""
    return str(value).strip().rstrip("。；;，,.、 ")


def blank(value: object, size: str = "") -> object:
    """Show a fact, or a line to be filled in by hand where there is none. Sizes: "", "short", "long"."""
    return BLANK.format(" " + size if size else "") if value is None or value == "" else value


def total_of(value: object, details: Sequence[Mapping[str, Any]], key: str = "amount") -> object:
    """Return `value` if it is the sum of `details`. Raise `AmountsDiffer` otherwise."""
    figures = [line.get(key) for line in details]
    if any(isinstance(figure, Missing) for figure in (value, *figures)):
        return value
    computed = amounts.total(figures)
    if amounts.amount(value) != computed:
        raise AmountsDiffer(what="总额", stated=amounts.figures(value), computed=amounts.figures(computed))
    return value


def equal_to(value: object, other: object, what: str) -> object:
    """Return `value` if it is the same amount as `other`. Raise `AmountsDiffer` about `what` otherwise."""
    if not isinstance(value, Missing) and not isinstance(other, Missing) and not same_amount(value, other):
        raise AmountsDiffer(what=what, stated=amounts.figures(value), computed=amounts.figures(other))
    return value


def total(details: Iterable[Mapping[str, Any]], key: str = "amount") -> str:
    """Return the sum of one column as a string with two decimals."""
    figures = (line.get(key) for line in details)
    return f"{amounts.total(figure for figure in figures if figure and not isinstance(figure, Missing)):f}"


def less(value: object, taken: object) -> str:
    """Return value - taken as a string with two decimals."""
    if isinstance(value, Missing) or isinstance(taken, Missing):
        return "0.00"
    return f"{amounts.amount(value) - amounts.amount(taken):f}"


def below(value: object, other: object) -> bool:
    """Say whether an amount is less than another; false where one is missing."""
    if isinstance(value, Missing) or isinstance(other, Missing):
        return False
    return amounts.amount(value) < amounts.amount(other)


@_reading
def punctuated(value: object) -> str:
    """Return a generated text (not people's words) with full-width punctuation beside Chinese characters."""
    text = re.sub(rf"\(([^()]*[{HAN}][^()]*)\)", r"（\1）", str(value))
    for half, full in zip(",;:", "，；：", strict=True):
        text = re.sub(rf"(?<=[{HAN}]){re.escape(half)} ?|{re.escape(half)}(?=[{HAN}])", full, text)
    return text


def same_amount(value: object, other: object) -> bool:
    """Say whether two amounts are equal, however they are written."""
    if isinstance(value, Missing) or isinstance(other, Missing):
        return False
    return amounts.amount(value) == amounts.amount(other)


def label(value: object) -> str:
    """Return what an entry is called: a text as it is, an attachment or product by its name."""
    if isinstance(value, Mapping):
        return str(value.get("name") or value.get("number") or "")
    return str(value)


def words(value: object) -> str:
    """Return a fact as bare words, for an attribute, where a missing one cannot be shown in red."""
    return "".join([str(value)])


def ordinal(value: int) -> str:
    """Return 一, 二 … 九十九."""
    tens, ones = divmod(int(value), 10)
    figures = "零一二三四五六七八九"
    return ("" if tens == 0 else "十" if tens == 1 else figures[tens] + "十") + (figures[ones] if ones else "")


FILTERS: Mapping[str, Callable[..., Any]] = {
    one.__name__: one
    for one in (
        *(
            money,
            capitals,
            day,
            minute,
            deadline,
            masked_phone,
            masked_id,
            masked_name,
            lines,
            sentence,
            clause,
        ),
        *(blank, total_of, equal_to, total, less, below, punctuated, label, words, ordinal),
    )
}
TESTS: Mapping[str, Callable[..., bool]] = {"same_amount": same_amount}
