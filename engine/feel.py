"""FEEL, evaluated by feelin in a V8 isolate with a time and a memory limit.

Time comes from the caller (`now`), never from the machine; local times are Chinese. Deadline functions are
computed in Python (`engine/deadlines.py`) and the expression is then evaluated again: once for each level
of nesting, which the arguments of deadlines rarely have. Expressions have no effects, so that evaluating
twice gives the same answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from engine.deadlines import resolve
from engine.errors import EngineError
from engine.feel_replies import Replies
from engine.feel_values import Duration, tag, to_json, untag
from engine.isolate import IsolateDied, IsolatePool
from engine.ports import Calendar

__all__ = ["Duration", "Evaluated", "Feel", "FeelError", "text_value", "to_json"]

MOST_ROUNDS = 12
"""How deep deadline functions may be nested."""

MOST_DEADLINES = 2_000
"""How many deadlines one evaluation may compute."""

LONGEST_EXPRESSION = 50_000
"""Characters of one expression; parsing a longer one would use up the time limit."""


class FeelError(EngineError):
    """表达式无法求值。"""

    def __init__(self, expression: str, cause: str) -> None:
        super().__init__(f"表达式“{expression}”无法求值：{cause}" if expression else f"表达式无法求值：{cause}")
        self.expression = expression
        self.cause = cause


TIME_LIMIT = timedelta(seconds=3)
"""Wall time for one call. An honest expression takes a millisecond; the rest is for a machine busy elsewhere."""


@dataclass(frozen=True)
class Evaluated:
    """A value and what may explain it.

    `warnings` are Chinese clauses for values that FEEL made null: `变量“x”不存在`. `read` holds the
    variables that the expression names and their values as given (absent ones are left out).
    """

    value: Any
    warnings: tuple[str, ...]
    read: Mapping[str, Any]


@dataclass(frozen=True)
class Analysis:
    """What can be said of an expression without evaluating it."""

    error: str | None
    names: frozenset[str] = frozenset()
    entries: frozenset[str] = frozenset()


class Feel:
    """The interpreter. A context manager; safe to share between threads; closed at exit at the latest.

    `script` is the bundle of `engine/feel.mjs`. The limits hold for one evaluation; what exceeds them
    raises `FeelError`, and the next evaluation runs in a fresh isolate. `isolates` is how many threads can
    evaluate at once.
    """

    def __init__(
        self,
        script: Path,
        calendar: Calendar,
        *,
        time_limit: timedelta = TIME_LIMIT,
        memory_limit_bytes: int = 64 * 1024 * 1024,
        isolates: int = 2,
    ) -> None:
        self.calendar = calendar
        self._pool = IsolatePool(
            script.read_text(encoding="utf-8"),
            size=isolates,
            time_limit=time_limit,
            memory_limit_bytes=memory_limit_bytes,
        )
        self._time_limit = time_limit
        self._memory_limit_bytes = memory_limit_bytes
        self._replies = Replies()
        self._analysis = lru_cache(maxsize=4_096)(self._analyse)

    def evaluate(self, expression: str, variables: Mapping[str, Any], *, now: datetime) -> Any:
        """Return the value of `expression` (without a leading `=`).

        Values are `None`, `bool`, `int`, `float`, `str`, `list`, `dict`, `date`, aware `datetime`, `time`,
        `timedelta`, `Duration` (with months) and `Deadline`. A variable that does not exist is `None`, as
        FEEL says. Raise `FeelError` for a syntax error, an unknown function, a deadline that cannot be
        computed or a limit.
        """
        return self.evaluate_all([expression], variables, now=now)[0]

    def evaluate_all(self, expressions: Sequence[str], variables: Mapping[str, Any], *, now: datetime) -> list[Any]:
        """Return the values of `expressions`, in order, in one call.

        Raise `FeelError` for the first that fails.
        """
        reply = self._values(expressions, variables, now)
        values: list[Any] = reply["values"]
        return values

    def explain(self, expression: str, variables: Mapping[str, Any], *, now: datetime) -> Evaluated:
        """Return the value with feelin's warnings and the variables read.

        Raise `FeelError` like `evaluate`.
        """
        request = {"expressions": [expression]}
        reply, warnings = self.ask_with_warnings("values", request, [expression], variables, now)
        read = {name: variables[name] for name in sorted(self.names(expression)) if name in variables}
        return Evaluated(reply["values"][0], warnings, read)

    def unary_tests(
        self, tests: Sequence[tuple[str, Any]], variables: Mapping[str, Any], *, now: datetime
    ) -> list[bool]:
        """Return for each (unary tests, input value) whether the value passes, in one call.

        Empty text and `-` pass everything; `?` is the input value. Raise `FeelError` like `evaluate`.
        """
        cells = [[cell_text(cell), value] for cell, value in tests]
        request = {"tests": cells}
        reply = self.ask("tests", request, [str(cell) for cell, _ in cells], variables, now)
        results: list[bool] = reply["values"]
        return results

    def syntax_error(self, expression: str, *, unary: bool = False) -> str | None:
        """Return what is wrong with the text of `expression` as a Chinese clause, `None` if nothing is.

        Reports syntax, functions that do not exist and constructs that feelin does not evaluate rightly.
        With `unary` the text is the cell of a decision table.
        """
        return self._analysis(expression, unary).error

    def names(self, expression: str) -> set[str]:
        """Return the variables that `expression` reads: top-level names, without those it makes itself.

        Best effort: a name that contains an operator cannot be told from arithmetic. Empty on a syntax error.
        """
        return set(self._analysis(expression, False).names)

    def entries(self, expression: str) -> set[str]:
        """Return the names of the context entries that `expression` writes: `{a: {b: x}}` has a and b."""
        return set(self._analysis(expression, False).entries)

    def close(self) -> None:
        """Free the isolates. Evaluating afterwards raises `FeelError`."""
        self._pool.close()
        self._replies.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(
        self,
        function: str,
        request: Mapping[str, Any],
        texts: Sequence[str],
        variables: Mapping[str, Any],
        now: datetime,
    ) -> dict[str, Any]:
        """Return what the isolate's `function` (of feel.mjs) answers, computing the deadlines it needs.

        `texts` are all expressions of the request; only variables that they can name are sent. For this
        package. Raise `FeelError`.
        """
        subject = texts[0] if len(texts) == 1 else ""
        for text in texts:
            if len(text) > LONGEST_EXPRESSION:
                raise FeelError(f"{text[:40]}…", f"超过{LONGEST_EXPRESSION}个字符")
        if now.tzinfo is None:
            raise ValueError("now must be aware")
        message = {
            **request,
            "variables": _nameable(variables, texts),
            "resolved": {},
        }
        for _round in range(MOST_ROUNDS):
            reply = self._call(function, message, now, subject)
            if not reply["needs"]:
                return _accepted(reply)
            for need in reply["needs"]:
                message["resolved"][need["key"]] = self._deadline(need)
            if len(message["resolved"]) > MOST_DEADLINES:
                raise FeelError(subject, f"一次求值计算的期限超过{MOST_DEADLINES}个")
        raise FeelError(subject, f"期限函数的嵌套超过{MOST_ROUNDS}层")

    def ask_with_warnings(
        self,
        function: str,
        request: Mapping[str, Any],
        texts: Sequence[str],
        variables: Mapping[str, Any],
        now: datetime,
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return what `ask` returns, and feelin's warnings as Chinese clauses, each once.

        Raise `FeelError`.
        """
        reply = self.ask(function, request, texts, variables, now)
        return reply, tuple(dict.fromkeys(_warning_text(warning) for warning in reply["warnings"]))

    def _values(self, expressions: Sequence[str], variables: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        return self.ask("values", {"expressions": list(expressions)}, expressions, variables, now)

    def _call(self, function: str, message: dict[str, Any], now: datetime, subject: str) -> dict[str, Any]:
        encoder = _Encoder()
        text = encoder.encode(message, subject)
        lasting = not encoder.tagged and self._replies.lasting(function, text)
        answered = self._replies.get(function, text) if lasting else None
        if answered is None:
            timed = {**message, "now": round(now.timestamp() * 1000), "tagged": encoder.tagged}
            answered = self._run(function, encoder.encode(timed, subject), subject)
            if lasting:
                self._replies.keep(function, text, answered)
        reply: dict[str, Any] = json.loads(answered)
        return reply

    def _run(self, function: str, text: str, subject: str) -> str:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise FeelError(subject, "变量或表达式里有无法表示的字符") from None
        try:
            with self._pool.isolate() as isolate:
                return isolate.call(f"hejie.{function}", text)
        except IsolateDied as death:
            raise FeelError(subject, self._death_text(death)) from death

    def _death_text(self, death: IsolateDied) -> str:
        match death.limit:
            case "time":
                return f"超过时间限制（{self._time_limit.total_seconds():g}秒）"
            case "memory":
                return f"超过内存限制（{self._memory_limit_bytes // (1024 * 1024)}MB）"
            case "closed":
                return "解释器已经关闭"
            case other:
                return f"解释器意外停止（{other}）"

    def _deadline(self, need: Mapping[str, Any]) -> Any:
        """Return the deadline for the isolate, or why there is none: a branch not taken must not fail."""
        try:
            return resolve({**need, "arguments": untag(need["arguments"])}, self.calendar)
        except EngineError as error:
            return {"error": error.message}

    def _analyse(self, expression: str, unary: bool) -> Analysis:
        if unary and cell_text(expression) == "-":
            return Analysis(None)
        if len(expression) > LONGEST_EXPRESSION:
            return Analysis(f"超过{LONGEST_EXPRESSION}个字符")
        try:
            reply = json.loads(self._run("analyse", json.dumps({"expression": expression, "unary": unary}), expression))
        except FeelError as error:
            return Analysis(error.cause)
        if reply["failure"]:
            return Analysis(_fault(reply))
        return Analysis(_fault(reply), frozenset(reply["names"]), frozenset(reply["entries"]))


def text_value(feel: Feel, text: str, variables: Mapping[str, Any], now: datetime) -> Any:
    """Return the value of an attribute:

    FEEL if it starts with `=`, else the literal text. Raise `FeelError`.
    """
    return feel.evaluate(text[1:], variables, now=now) if text.startswith("=") else text


def cell_text(cell: str) -> str:
    """Return a table cell as feelin takes it: an empty one means anything, like `-`."""
    return cell.strip() or "-"


class _Encoder:
    """JSON for the isolate; `tagged` says whether any value had to be tagged, so that plain ones need no
    reviving.
    """

    def __init__(self) -> None:
        self.tagged = False

    def encode(self, message: Mapping[str, Any], subject: str) -> str:
        try:
            return json.dumps(message, default=self._tag, allow_nan=False, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise FeelError(subject, f"变量的值不能用于表达式（{error}）") from None

    def _tag(self, value: Any) -> Any:
        self.tagged = True
        return tag(value)


@lru_cache(maxsize=4_096)
def _squeezed(text: str) -> str:
    return "".join(text.split())


def _nameable(variables: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    """Return the variables that `texts` can name: a case's data are large, and feelin looks through all of
    them.

    A name counts if its letters occur in a text; blanks are left out, since FEEL normalises them.
    """
    squeezed = [_squeezed(text) for text in texts]
    return {name: value for name, value in variables.items() if any(_squeezed(name) in text for text in squeezed)}


def _accepted(reply: dict[str, Any]) -> dict[str, Any]:
    """Return the reply with Python's values. Raise `FeelError` for a failure."""
    failure = reply.get("failure")
    if failure:
        raise FeelError(failure["expression"], _failure_text(failure))
    return {key: untag(value) for key, value in reply.items()} if reply["tagged"] else reply


def _failure_text(failure: Mapping[str, Any]) -> str:
    detail = failure["detail"]
    texts: Mapping[str, Callable[[], str]] = {
        "syntax": lambda: _syntax_text(failure),
        "too-large": lambda: "得出的文字或列表太大",
        "too-deep": lambda: "嵌套或递归太深",
        "function-value": lambda: "它的值是函数，不能保存",
        "argument-count": lambda: f"参数个数不对，应写成 {detail}",
        "deadline": lambda: detail.rstrip("。"),
        "NO_FUNCTION_FOUND": lambda: f"“{detail}”里的函数不存在",
        "FUNCTION_INVOCATION_FAILURE": lambda: f"“{detail}”的参数与函数不符",
    }
    return texts.get(failure["code"], lambda: f"解释器报告：{detail}")()


def _syntax_text(failure: Mapping[str, Any]) -> str:
    position, detail = failure.get("position"), failure["detail"]
    place = "" if position is None else f"第{position + 1}个字符处"
    return f"语法错误，{place}的“{detail}”不合语法" if detail.strip() else f"语法错误，{place or '末尾'}没有写完"


def _fault(reply: Mapping[str, Any]) -> str | None:
    if reply["failure"]:
        return _failure_text(reply["failure"])
    if reply["functions"]:
        return f"函数{'、'.join(f'“{name}”' for name in reply['functions'])}不存在"
    if reply["unsupported"]:
        return f"不支持“{'、'.join(reply['unsupported'])}”"
    return None


_WARNINGS = {
    "NO_VARIABLE_FOUND": "变量“{text}”不存在",
    "NO_CONTEXT_ENTRY_FOUND": "没有名为“{text}”的项",
    "NO_PROPERTY_FOUND": "取不到“{text}”，因为它前面的值为空或没有这一项",
    "NOT_COMPARABLE": "“{text}”两边的类型不能比较",
    "INVALID_TYPE": "“{text}”两边的类型不能这样计算",
}


def _warning_text(warning: Mapping[str, str]) -> str:
    return _WARNINGS.get(warning["type"], "“{text}”没有得到值").format(text=warning["text"])
