"""What may be answered from memory, and what must be computed again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from engine.feel import Feel, FeelError
from engine.feel_replies import Replies

NOW = datetime(2026, 1, 5, 2, tzinfo=UTC)


def asked(feel: Feel, expression: str, variables: dict[str, object], now: datetime = NOW) -> tuple[object, int]:
    """Return the value, and how often the isolate was asked for it."""
    with patch.object(feel, "_run", wraps=feel._run) as run:
        return feel.evaluate(expression, variables, now=now), run.call_count


def test_the_same_question_is_asked_once(feel: Feel) -> None:
    kind = {"kind": "refund", "other": "not named"}
    assert asked(feel, 'kind = "refund" or false', kind) == (True, 1)
    assert asked(feel, 'kind = "refund" or false', kind) == (True, 0)
    assert asked(feel, 'kind = "refund" or false', {**kind, "other": 1}, NOW + timedelta(days=1)) == (True, 0)
    assert asked(feel, 'kind = "refund" or false', {"kind": "repair"}) == (False, 1)


@pytest.mark.parametrize(
    "expression", ["now() != null", "today() != null", 'date("2026-01-05") = today()', '@"2026-01-05" != null']
)
def test_what_has_to_do_with_time_is_computed_each_time(feel: Feel, expression: str) -> None:
    assert [asked(feel, expression, {}) for _ in range(2)] == [(True, 1), (True, 1)]


def test_values_are_never_shared(feel: Feel) -> None:
    first = feel.evaluate("[{a: x}]", {"x": 1}, now=NOW)
    first[0]["a"] = 2
    assert feel.evaluate("[{a: x}]", {"x": 1}, now=NOW) == [{"a": 1}]


def test_a_failure_is_told_again(feel: Feel) -> None:
    for _ in range(2):
        with pytest.raises(FeelError, match="不存在"):
            feel.evaluate("nonsense(1)", {}, now=NOW)


def test_only_the_last_are_kept() -> None:
    replies = Replies(2)
    for number in "123":
        replies.keep("values", number, number)
    assert [replies.get("values", number) for number in "123"] == [None, "2", "3"]
    assert replies.get("tests", "3") is None


def test_long_ones_are_not_kept() -> None:
    assert Replies.lasting("values", "x" * 100)
    assert not Replies.lasting("values", "x" * 10_000)
    assert not Replies.lasting("table", "x")
