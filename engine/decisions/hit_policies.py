"""What a table answers when several rules match: the hit policies of DMN 1.3, section 8.2.8."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.decisions.model import HitPolicy

Value = Any
"""JSON: the value of a single output, a mapping of several."""


class HitPolicyBroken(Exception):
    """The matched rules contradict the hit policy. The text is a Chinese clause."""


def apply(  # noqa: PLR0911 - one answer for each policy
    policy: HitPolicy, results: Sequence[Value], names: Sequence[str], priority: Callable[[Value], Any]
) -> Value:
    """Return the table's value for the `results` of the matched rules (at least one), in the order of the
    rules.

    `names` are the rules' names for the reader; `priority` gives a sort key, smallest first, by the order
    of the output values. Raise `HitPolicyBroken` for UNIQUE with two matches, ANY with different results,
    an aggregation that the results do not allow.
    """
    match policy:
        case "UNIQUE":
            if len(results) > 1:
                raise HitPolicyBroken(f"命中策略是UNIQUE，却有{len(results)}条规则同时命中：{'、'.join(names)}")
            return results[0]
        case "ANY":
            return _agreed(results, names)
        case "FIRST":
            return results[0]
        case "PRIORITY":
            return min(results, key=priority)
        case "OUTPUT ORDER":
            return sorted(results, key=priority)
        case "RULE ORDER" | "COLLECT":
            return list(results)
        case "COLLECT COUNT":
            return len(results)
        case "COLLECT SUM":
            return _plain(sum(_numbers(results, policy)))
        case "COLLECT MIN":
            return _extreme(min, results, policy)
        case "COLLECT MAX":
            return _extreme(max, results, policy)


def canonical(value: Value) -> str:
    """Return text that is equal for equal values (1 and 1.0 are, 1 and true are not)."""
    return json.dumps(_normal(value), sort_keys=True, ensure_ascii=False)


def _normal(value: Value) -> Value:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _normal(item) for key, item in value.items()}
    return [_normal(item) for item in value] if isinstance(value, list) else value


def _agreed(results: Sequence[Value], names: Sequence[str]) -> Value:
    if len({canonical(result) for result in results}) > 1:
        raise HitPolicyBroken(f"命中策略是ANY，但命中的规则结果不一致：{'、'.join(names)}")
    return results[0]


def _numbers(results: Sequence[Value], policy: str) -> list[Decimal]:
    if any(isinstance(result, bool) or not isinstance(result, int | float) for result in results):
        raise HitPolicyBroken(f"{policy} 只能汇总数字，而结果是：{results}")
    return [Decimal(str(result)) for result in results]


def _plain(number: Decimal | int) -> int | float:
    """Return the exact sum as the number that FEEL knows: 0.1 + 0.2 is 0.3 here."""
    return int(number) if number == int(number) else float(number)


def _extreme(choose: Callable[[Sequence[Any]], Any], results: Sequence[Value], policy: str) -> Value:
    if all(isinstance(result, str) for result in results):
        return choose(results)  # dates in ISO 8601, as variables keep them, sort as text
    return _plain(choose(_numbers(results, policy)))
