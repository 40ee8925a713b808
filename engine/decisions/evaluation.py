"""How a decision is evaluated, and the record of it that the journal keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from engine.decisions import hit_policies
from engine.decisions.hit_policies import HitPolicyBroken, canonical
from engine.decisions.model import Decision, Output, Rule
from engine.errors import EngineError
from engine.feel import Feel, FeelError, to_json

if TYPE_CHECKING:
    from engine.decisions.bundle import DecisionModel


class DecisionError(EngineError):
    """决策无法得出结果。"""

    def __init__(self, decision_id: str, cause: str) -> None:
        super().__init__(f"决策“{decision_id}”无法得出结果：{cause}")
        self.decision_id = decision_id
        self.cause = cause


@dataclass(frozen=True)
class Match:
    """A rule that matched: its position from 0, its id, its annotations and its outputs by name, as JSON."""

    rule_index: int
    rule_id: str
    annotations: tuple[str, ...]
    outputs: Mapping[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """One decision evaluated.

    `inputs` are (label, expression, value); for an expression the variables that it reads. `warnings` are
    clauses that explain empty values (`变量“x”不存在`). `value` is JSON. `hit_policy` is "" for an
    expression.
    """

    decision_id: str
    name: str
    hit_policy: str
    inputs: tuple[tuple[str, str, Any], ...]
    matched: tuple[Match, ...]
    value: Any
    warnings: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return the record as JSON for the journal."""
        return {
            "decision": self.decision_id,
            "name": self.name,
            "hit_policy": self.hit_policy,
            "inputs": [
                {"label": label, "expression": expression, "value": value} for label, expression, value in self.inputs
            ],
            "matched": [
                {
                    "rule": match.rule_index + 1,
                    "rule_id": match.rule_id,
                    "annotations": list(match.annotations),
                    "outputs": dict(match.outputs),
                }
                for match in self.matched
            ],
            "value": self.value,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class DecisionResult:
    """The value (JSON) and the record of every decision evaluated for it, required ones first, the asked
    one last.
    """

    value: Any
    evaluations: tuple[Evaluation, ...]


class Evaluator:
    """One request: a decision with everything it requires, each evaluated once."""

    def __init__(self, model: DecisionModel, variables: Mapping[str, Any], feel: Feel, now: datetime) -> None:
        self._model = model
        self._variables = variables
        self._feel = feel
        self._now = now
        self._done: dict[str, Evaluation] = {}
        self._open: list[str] = []

    def run(self, decision_id: str) -> DecisionResult:
        """Return the result of the decision with this id. Raise `DecisionError`."""
        evaluation = self._evaluate(decision_id)
        return DecisionResult(evaluation.value, tuple(self._done.values()))

    def _evaluate(self, decision_id: str) -> Evaluation:
        if decision_id in self._done:
            return self._done[decision_id]
        decision = self._model.decisions.get(decision_id)
        if decision is None:
            raise DecisionError(decision_id, "部署中没有这个决策，或者它有错误")
        if decision_id in self._open:
            raise DecisionError(decision_id, f"决策互相依赖：{' → '.join([*self._open, decision_id])}")
        self._open.append(decision_id)
        scope = dict(self._variables)
        for required in decision.requires:
            value = self._evaluate(required).value
            source = self._model.decisions[required]
            scope |= dict.fromkeys({source.id, source.name, source.variable} - {""}, value)
        try:
            evaluation = (self._table if decision.kind == "table" else self._expression)(decision, scope)
        except FeelError as error:
            raise DecisionError(decision_id, error.message) from error
        except HitPolicyBroken as error:
            raise DecisionError(decision_id, str(error)) from error
        self._open.pop()
        self._done[decision_id] = evaluation
        return evaluation

    def _ask(
        self,
        function: str,
        request: dict[str, Any],
        texts: list[str],
        decision: Decision,
        scope: Mapping[str, Any],
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        knowledge = self._model.knowledge_for(decision)
        functions = [{"name": item.name, "parameters": list(item.parameters), "body": item.body} for item in knowledge]
        bodies = [item.body for item in knowledge]
        return self._feel.ask_with_warnings(
            function, {**request, "knowledge": functions}, [*texts, *bodies], scope, self._now
        )

    def _expression(self, decision: Decision, scope: Mapping[str, Any]) -> Evaluation:
        text = decision.expression
        reply, warnings = self._ask("values", {"expressions": [text]}, [text], decision, scope)
        read = sorted(self._feel.names(text) & scope.keys())
        inputs = tuple((name, name, to_json(scope[name])) for name in read)
        value = to_json(reply["values"][0])
        return Evaluation(decision.id, decision.name, "", inputs, (), value, warnings)

    def _table(self, decision: Decision, scope: Mapping[str, Any]) -> Evaluation:
        defaults = [output.default for output in decision.outputs]
        request = {
            "inputs": [
                {"expression": item.expression or "null", "type": item.type, "allowed": item.values}
                for item in decision.inputs
            ],
            "rules": [{"tests": rule.tests, "outputs": rule.outputs} for rule in decision.rules],
            "allowedOutputs": [output.values for output in decision.outputs],
            "first": decision.hit_policy == "FIRST",
            "defaults": defaults if any(defaults) else None,
        }
        reply, warnings = self._ask("table", request, _texts(decision), decision, scope)
        inputs = tuple(
            (item.label, item.expression, to_json(value))
            for item, value in zip(decision.inputs, reply["inputs"], strict=True)
        )
        _check_values(decision, inputs, reply)
        matched = tuple(_match(decision, found) for found in reply["matched"])
        value = self._value(decision, matched, reply["defaults"])
        return Evaluation(decision.id, decision.name, decision.hit_policy, inputs, matched, value, warnings)

    def _value(self, decision: Decision, matched: tuple[Match, ...], defaults: list[Any] | None) -> Any:
        if not matched:
            if defaults is None:
                return 0 if decision.hit_policy == "COLLECT COUNT" else None
            return _shape(decision, _named(decision, defaults))
        names = [_rule_name(decision.rules[match.rule_index], match.rule_index) for match in matched]
        results = [_shape(decision, match.outputs) for match in matched]
        ranks = {
            canonical(result): self._rank(decision, match.outputs)
            for result, match in zip(results, matched, strict=True)
        }
        return hit_policies.apply(
            decision.hit_policy or "UNIQUE", results, names, lambda result: ranks[canonical(result)]
        )

    def _rank(self, decision: Decision, outputs: Mapping[str, Any]) -> tuple[int, ...]:
        """Return where the outputs stand in the columns' lists of values, the first column first."""
        if decision.hit_policy not in {"PRIORITY", "OUTPUT ORDER"}:
            return ()
        return tuple(
            _position(outputs[_key(output)], self._order(output)) for output in decision.outputs if output.values
        )

    def _order(self, output: Output) -> list[str]:
        values = self._feel.evaluate(f"[{output.values}\n]", {}, now=self._now)
        return [canonical(to_json(value)) for value in values]


def _position(value: Any, order: list[str]) -> int:
    text = canonical(value)
    return order.index(text) if text in order else len(order)


def _texts(decision: Decision) -> list[str]:
    texts = [text for item in decision.inputs for text in (item.expression, item.values)]
    texts += [text for rule in decision.rules for text in (*rule.tests, *rule.outputs)]
    texts += [text for output in decision.outputs for text in (output.values, output.default)]
    return list(dict.fromkeys(texts))


def _match(decision: Decision, found: Mapping[str, Any]) -> Match:
    rule = decision.rules[found["rule"]]
    return Match(found["rule"], rule.id, rule.annotations, _named(decision, found["outputs"]))


def _key(output: Output) -> str:
    return output.name or output.label or "result"


def _named(decision: Decision, values: list[Any]) -> dict[str, Any]:
    return {_key(output): to_json(value) for output, value in zip(decision.outputs, values, strict=True)}


def _shape(decision: Decision, outputs: Mapping[str, Any]) -> Any:
    """Return a single output bare, several as a context."""
    return dict(outputs) if len(decision.outputs) > 1 else next(iter(outputs.values()))


def _rule_name(rule: Rule, index: int) -> str:
    note = f"（{rule.annotations[0]}）" if rule.annotations else ""
    return f"第{index + 1}条{note}"


def _check_values(decision: Decision, inputs: tuple[tuple[str, str, Any], ...], reply: Mapping[str, Any]) -> None:
    """Raise `DecisionError` for a value outside the list that its column allows."""
    for index in reply["refusedInputs"]:
        label, _expression, value = inputs[index]
        allowed = decision.inputs[index].values
        raise DecisionError(decision.id, f"输入“{label}”的值“{value}”不在允许的值里（{allowed}）")
    for found in reply["matched"]:
        for index in found["refusedOutputs"]:
            output = decision.outputs[index]
            name = _rule_name(decision.rules[found["rule"]], found["rule"])
            value = to_json(found["outputs"][index])
            cause = f"{name}的结果“{output.label}”得出“{value}”，不在允许的值里（{output.values}）"
            raise DecisionError(decision.id, cause)
