"""Values nested as a form's keys say: `complainant.name` is `{"complainant": {"name": …}}`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, time
from itertools import pairwise
from typing import Any

MISSING: Any = object()


def get(data: Any, steps: Sequence[str | int]) -> Any:
    """Return the value at `steps`, `MISSING` where there is none."""
    for step in steps:
        if isinstance(step, int):
            if not isinstance(data, list) or step >= len(data):
                return MISSING
            data = data[step]
        elif isinstance(data, Mapping) and step in data:
            data = data[step]
        else:
            return MISSING
    return data


def put(data: Any, steps: Sequence[str | int], value: Any) -> None:
    """Set the value at `steps`, making the objects and rows on the way."""
    for here, after in pairwise(steps):
        data = _slot(data, here, list if isinstance(after, int) else dict)
    last = steps[-1]
    if isinstance(last, int):
        data.extend({} for _ in range(last + 1 - len(data)))
    data[last] = value


def _slot(data: Any, step: str | int, kind: type) -> Any:
    if isinstance(step, int):
        data.extend({} for _ in range(step + 1 - len(data)))
    elif step not in data:
        data[step] = kind()
    if not isinstance(data[step], kind):
        data[step] = kind()
    return data[step]


def remove(data: Any, steps: Sequence[str | int]) -> None:
    """Take the value at `steps` away, and the objects and lists around it that have nothing left.

    A row that is taken away leaves None, so that the rows after it keep their places.
    """
    holder = get(data, steps[:-1])
    last = steps[-1]
    if isinstance(last, int) and isinstance(holder, list) and last < len(holder):
        holder[last] = None
        left = any(one is not None for one in holder)
    elif isinstance(holder, dict):
        holder.pop(str(last), None)
        left = bool(holder)
    else:
        return
    if not left and len(steps) > 1:
        remove(data, steps[:-1])


def shallow(value: Any, deepest: int = 6, most: int = 1_000) -> bool:
    """Say whether JSON is no deeper and no larger than any answer could be."""
    level = [value]
    for _ in range(deepest):
        inner: list[Any] = []
        for one in level:
            inner.extend(one.values() if isinstance(one, Mapping) else one if isinstance(one, list) else ())
            if len(inner) > most:
                return False
        if not inner:
            return True
        level = inner
    return False


def plain(value: Any) -> Any:
    """Return the result of an expression as JSON: moments in ISO 8601, what is no number as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def copy(value: Any) -> Any:
    """Return a deep copy of plain JSON, with mappings as dicts and tuples as lists."""
    if isinstance(value, Mapping):
        return {str(key): copy(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [copy(inner) for inner in value]
    return value
