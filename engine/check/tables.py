"""The FEEL of decision tables, and rules that can never count."""

from __future__ import annotations

from collections.abc import Iterator

from engine.check.contents import Contents
from engine.clock import EPOCH
from engine.decisions import Decision
from engine.feel import Feel, FeelError


def check(contents: Contents, feel: Feel) -> None:
    """Add what is wrong inside the tables."""
    for decision in contents.decisions.decisions.values():
        for element_id, label, text, unary in _expressions(decision):
            fault = feel.syntax_error(text, unary=unary)
            if fault:
                message = f"{label}“{text}”有误：{fault}。"
                contents.add(decision.file, element_id, "feel-invalid", message)
        _check_rules(decision, contents)
        _check_outputs(decision, contents, feel)
    for item in contents.decisions.knowledge.values():
        fault = feel.syntax_error(f"function({', '.join(item.parameters)}) {item.body}")
        if fault:
            contents.add(item.file, item.id, "feel-invalid", f"业务知识模型的表达式有误：{fault}。")


def _expressions(decision: Decision) -> Iterator[tuple[str, str, str, bool]]:
    """Yield (element id, label, FEEL, is a unary test) for everything that is written."""
    if decision.expression:
        yield decision.id, "表达式", decision.expression, False
    for item in decision.inputs:
        if item.expression:
            yield item.id, "条件列的表达式", item.expression, False
        if item.values:
            yield item.id, "条件列的允许值", item.values, True
    for output in decision.outputs:
        if output.values:
            yield output.id or decision.id, "结果列的允许值", output.values, True
        if output.default:
            yield output.id or decision.id, "默认结果", output.default, False
    for rule in decision.rules:
        for test in rule.tests:
            if test != "-":
                yield rule.id, "条件", test, True
        for text in rule.outputs:
            if text:
                yield rule.id, "结果", text, False


def _check_rules(decision: Decision, contents: Contents) -> None:
    """Two rules with the same conditions contradict UNIQUE; under FIRST the later one never counts."""
    seen: dict[tuple[str, ...], int] = {}
    for number, rule in enumerate(decision.rules, start=1):
        earlier = seen.setdefault(rule.tests, number)
        if decision.hit_policy == "UNIQUE" and earlier != number:
            message = f"第{number}条规则与第{earlier}条的条件完全相同，UNIQUE 只许一条命中。"
            contents.add(decision.file, rule.id, "rules-identical", message)
        elif decision.hit_policy == "FIRST":
            before = seen.get(("-",) * len(rule.tests), number)
            if earlier != number or before < number:
                message = f"第{number}条规则永远轮不到：第{min(earlier, before)}条总是先命中。"
                contents.warn(decision.file, rule.id, "rule-unreachable", message)


def _check_outputs(decision: Decision, contents: Contents, feel: Feel) -> None:
    """A result that is written out must be one of the values that its column allows."""
    for rule in decision.rules:
        for output, text in zip(decision.outputs, rule.outputs, strict=True):
            if not output.values or not text or feel.names(text):
                continue
            try:
                value = feel.evaluate(text, {}, now=EPOCH)
                allowed = value is None or feel.unary_tests([(output.values, value)], {}, now=EPOCH)[0]
            except FeelError:
                continue  # reported as feel-invalid, or depends on what is only known later
            if not allowed:
                message = f"结果“{text}”不在结果列“{output.label}”允许的值里（{output.values}）。"
                contents.add(decision.file, rule.id, "output-not-allowed", message)
