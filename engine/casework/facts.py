"""What a case is called and found by: the process-level properties, evaluated after every step."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.deployments import Bundle
from engine.feel import Feel, FeelError
from engine.runtime import Happening, Run
from engine.tables import AnyRow

PROPERTIES = {
    "case_title": "title",
    "case_complainant": "complainant",
    "case_phone": "phone",
    "case_product": "product",
    "case_summary": "summary",
}
"""Process property -> column of the case."""

DIMENSION = "case_dimension_"
"""Beginning of the process properties by which cases are counted; the rest of the name is the dimension's."""

_LONGEST = 500
_LONGEST_VALUE = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Told:
    """Variables that no step has written yet."""

    variables: Mapping[str, Any]


def case_facts(
    feel: Feel, bundle: Bundle, case: AnyRow, run: Run | Told, now: datetime, *, written: Collection[str] | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the values of the columns in `PROPERTIES`, and of the dimensions those that were computed anew.

    A property that gives null keeps what the case has. `written` names the variables this step has written, None for
    a new case: a property whose text mentions none of them, nor the time, is not evaluated again.
    """
    process = bundle.diagrams.get(case.process_id)
    facts = {column: getattr(case, column) for column in PROPERTIES.values()}
    due = {
        name: text
        for name, text in ({} if process is None else process.properties).items()
        if (name in PROPERTIES or name.startswith(DIMENSION)) and (written is None or _may_read(text, written))
    }
    if not due:
        return facts, {}
    expressions = {name: text[1:] for name, text in due.items() if text.startswith("=")}
    values: dict[str, Any] = {name: text for name, text in due.items() if not text.startswith("=")}
    values.update(_evaluate(feel, expressions, run.variables, now))
    known = {name: value for name, value in values.items() if value is not None}
    facts.update({PROPERTIES[name]: _shown(value) for name, value in known.items() if name in PROPERTIES})
    counted = {
        name.removeprefix(DIMENSION): text
        for name, value in known.items()
        if name.startswith(DIMENSION) and (text := _counted(value))
    }
    return facts, counted


def _counted(value: Any) -> str:
    """Return a dimension's value as one short text; "" for nothing."""
    match value:
        case bool():
            return "是" if value else "否"
        case float() if value.is_integer():
            return str(int(value))
        case list():
            return "、".join(filter(None, map(_counted, value)))[:_LONGEST_VALUE]
    return _shown(value).strip()[:_LONGEST_VALUE]


def _shown(value: Any) -> str:
    return "".join(char for char in str(value)[:_LONGEST] if char >= " ")


def written_variables(happened: Sequence[Happening]) -> set[str]:
    """Return the names of the variables that a run has written."""
    return {
        name
        for happening in happened
        if happening.event == "variables:set"
        for name in happening.facts.get("values", ())
    }


def _may_read(text: str, written: Collection[str]) -> bool:
    return text.startswith("=") and any(name in text for name in ("now(", "today(", *written))


def _evaluate(
    feel: Feel, expressions: Mapping[str, str], variables: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    if not expressions:
        return {}
    try:
        return dict(zip(expressions, feel.evaluate_all(list(expressions.values()), variables, now=now), strict=True))
    except FeelError:
        return {column: _value(feel, text, variables, now) for column, text in expressions.items()}


def _value(feel: Feel, expression: str, variables: Mapping[str, Any], now: datetime) -> Any:
    try:
        return feel.evaluate(expression, variables, now=now)
    except FeelError as error:
        # A title that cannot be computed must not stop the work. The text may hold personal data: not logged.
        _log.warning("case property not evaluated: %s", type(error).__name__)
        return None


def search_terms(number: str, facts: Mapping[str, str]) -> set[str]:
    """Return what a case is found by: two-character pieces of its texts, the ends of its number and phone, and
    a sketch of its summary."""
    terms: set[str] = set()
    for column in ("title", "complainant", "product"):
        terms |= pieces(facts[column])
    terms |= {f"#{number.casefold()[-length:]}" for length in (3, 4, 5, 6)}
    phone = digits(facts["phone"])
    if len(phone) >= 4:
        terms |= {f"@{phone}", f"@{phone[-4:]}"}
    return terms | sketch(facts["summary"])


_SHINGLE, _SKETCH = 4, 8


def sketch(text: str) -> set[str]:
    """Return terms that two texts are the likelier to share the more alike they are.

    Of all runs of four characters, those whose checksums are smallest: a fixed choice that looks random (a bottom-k
    sketch), so that nearly the same text, told by somebody else, is found without comparing it with every case.
    """
    plain = "".join(char for char in text.casefold() if char.isalnum())
    shingles = {plain[i : i + _SHINGLE] for i in range(len(plain) - _SHINGLE + 1)}
    return {f"~{number:08x}" for number in sorted(zlib.crc32(each.encode()) for each in shingles)[:_SKETCH]}


def pieces(text: str) -> set[str]:
    """Return every two neighbouring characters of every word, and of a one-character word itself."""
    found: set[str] = set()
    for word in text.casefold().split():
        found |= {word[i : i + 2] for i in range(len(word) - 1)} or {word}
    return found


def digits(text: str) -> str:
    return "".join(char for char in text if char.isascii() and char.isdigit())
