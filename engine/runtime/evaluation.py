"""FEEL as the elements of a case use it: every failure says which field, which expression, which values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from engine.feel import Feel, FeelError, text_value
from engine.runtime import values, variables
from engine.runtime.values import Trouble
from engine.runtime.workflows import Task


class Evaluation:
    """Evaluates attributes as seen from a task, at one instant."""

    def __init__(self, feel: Feel, now: datetime) -> None:
        self.feel = feel
        self.now = now

    def value(self, text: str | None, task: Task, what: str, *, seen: Mapping[str, Any] | None = None) -> Any:
        """Return the value of an attribute (`=` FEEL, else the text itself), None for none. Raise
        `Trouble`."""
        if text is None or not text.startswith("="):
            return text
        try:
            return text_value(self.feel, text, variables.visible(task) if seen is None else seen, self.now)
        except FeelError as error:
            raise Trouble(f"{what}：{error.message}") from error

    def json(self, text: str, task: Task, what: str, *, seen: Mapping[str, Any] | None = None) -> Any:
        """Return the value of an attribute as a variable keeps it."""
        return values.plain(self.value(text, task, what, seen=seen))

    def text(self, text: str | None, task: Task, what: str, *, required: bool = False) -> str | None:
        """Return a name or key; None for null unless it is `required`. Raise `Trouble`."""
        value = self.value(text, task, what)
        if value in (None, "") and not required:
            return None
        return values.text(value, what)

    def condition(self, text: str, task: Task, what: str, *, extra: Mapping[str, Any] | None = None) -> bool:
        """Return whether a condition holds. Raise `Trouble` unless it gives a boolean."""
        seen = variables.visible(task) if extra is None else {**variables.visible(task), **extra}
        result = self.value(text, task, what, seen=seen)
        if isinstance(result, bool):
            return result
        read = [f"{name}={values.said(value)}" for name, value in self.values_read(text, task).items()]
        given = self.feel.explain(text.removeprefix("="), seen, now=self.now) if text.startswith("=") else None
        why = "；".join(["、".join(read) or "没有读变量", *(given.warnings if given else ())])
        raise Trouble(f"{what}“{text}”须得出真或假，得到的是“{values.said(result)}”（{why}）。")

    def values_read(self, text: str, task: Task) -> dict[str, Any]:
        """Return what an expression reads, by path (`complainant.address`), with the values, long ones
        cut."""
        expression = text.removeprefix("=")
        seen = variables.visible(task)
        found: dict[str, Any] = {}
        for name in sorted(self.feel.names(expression)):
            for path in _paths(name, expression):
                found[path] = values.shown(_at(seen, path))
        return found


@lru_cache(maxsize=4_096)
def _paths(name: str, expression: str) -> tuple[str, ...]:
    """Return the paths below a variable that occur in an expression, the name itself where none is written
    out."""
    pattern = rf"(?<![\w.]){re.escape(name)}((?:\.[^\W\d]\w*)*)"
    return tuple(dict.fromkeys(name + tail for tail in re.findall(pattern, expression))) or (name,)


def _at(values_seen: Mapping[str, Any], path: str) -> Any:
    found: Any = values_seen
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
