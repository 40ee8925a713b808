"""What the forms need from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol


class FeelPort(Protocol):
    """FEEL as the browser evaluates it. Expressions come without the leading `=`."""

    def evaluate_all(self, expressions: Sequence[str], variables: Mapping[str, Any], *, now: datetime) -> list[Any]:
        """Return the value of each expression; a missing variable is null."""

    def unary_tests(
        self, tests: Sequence[tuple[str, Any]], variables: Mapping[str, Any], *, now: datetime
    ) -> list[bool]:
        """Return for each (test, input value) whether the value passes."""

    def syntax_error(self, expression: str, *, unary: bool = False) -> str | None:
        """Return what is wrong with the expression, None when it can be read."""
