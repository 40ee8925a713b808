"""All decisions of a bundle, and how they hang together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Self, TypeVar

from engine.decisions import dmn
from engine.decisions.evaluation import DecisionResult, Evaluator
from engine.decisions.model import Decision, Knowledge
from engine.feel import Feel
from engine.problems import Problem


@dataclass(frozen=True)
class DecisionModel:
    """The decisions of all DMN files of a bundle.

    `decisions` holds those that can be evaluated, by id; `problems` what is wrong with the others and with
    their requirements.
    """

    problems: tuple[Problem, ...]
    decisions: Mapping[str, Decision]
    knowledge: Mapping[str, Knowledge] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    """Ids of decisions and knowledge that stand in the files but cannot be used."""

    @classmethod
    def parse(cls, files: Mapping[str, bytes]) -> Self:
        """Return the model of `files` (path -> content). Never raises for content: see `problems`."""
        readings = [dmn.read(file, content) for file, content in sorted(files.items())]
        problems = [problem for reading in readings for problem in reading.problems]
        decisions = _by_id((item for reading in readings for item in reading.decisions), problems)
        knowledge = _by_id((item for reading in readings for item in reading.knowledge), problems)
        broken = frozenset(identity for reading in readings for identity in reading.broken)
        problems += _missing(decisions, knowledge, broken)
        problems += _cycles(decisions)
        return cls(tuple(sorted(problems)), decisions, knowledge, broken)

    def evaluate(self, decision_id: str, variables: Mapping[str, Any], *, feel: Feel, now: datetime) -> DecisionResult:
        """Return the value of the decision and the record of it and of everything it requires.

        A single output gives the value, several give a context, the policies with many hits a list (the
        aggregations a number). When no rule matches: the default outputs, else `None` (0 for COLLECT
        COUNT). Required decisions can be read under their id, their name and their variable's name. Raise
        `DecisionError`.
        """
        return Evaluator(self, variables, feel, now).run(decision_id)

    def knowledge_for(self, decision: Decision) -> tuple[Knowledge, ...]:
        """Return the functions that `decision` calls, directly or not, each after those that it needs
        itself.
        """
        ordered: dict[str, Knowledge] = {}

        def visit(identity: str, path: tuple[str, ...]) -> None:
            item = self.knowledge.get(identity)
            if item is None or identity in ordered or identity in path:
                return
            for required in item.requires:
                visit(required, (*path, identity))
            ordered[identity] = item

        for identity in decision.knowledge:
            visit(identity, ())
        return tuple(ordered.values())


Item = TypeVar("Item", Decision, Knowledge)


def _by_id(items: Iterable[Item], problems: list[Problem]) -> dict[str, Item]:
    found: dict[str, Item] = {}
    for item in items:
        if item.id in found:
            message = f"id“{item.id}”与 {found[item.id].file} 里的重复，调用时不知道指哪一个。"
            problems.append(Problem(item.file, item.id, "duplicate-decision-id", message))
        else:
            found[item.id] = item
    return found


def _missing(
    decisions: Mapping[str, Decision], knowledge: Mapping[str, Knowledge], broken: frozenset[str]
) -> list[Problem]:
    found = []
    for decision in decisions.values():
        for required in decision.requires:
            if required not in decisions and required not in broken:
                message = f"依赖的决策“{required}”不存在{_suggestion(required, decisions)}。"
                found.append(Problem(decision.file, decision.id, "required-decision-not-found", message))
        for required in decision.knowledge:
            if required not in knowledge and required not in broken:
                message = f"依赖的业务知识模型“{required}”不存在{_suggestion(required, knowledge)}。"
                found.append(Problem(decision.file, decision.id, "required-knowledge-not-found", message))
    return found


def _suggestion(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"，是不是指“{close[0]}”" if close else ""


def _cycles(decisions: Mapping[str, Decision]) -> list[Problem]:
    """Return a problem for every decision that requires itself, directly or through others."""
    found = []
    for decision in decisions.values():
        seen: set[str] = set()
        ahead = list(decision.requires)
        while ahead:
            required = ahead.pop()
            if required not in seen and required in decisions:
                seen.add(required)
                ahead.extend(decisions[required].requires)
        if decision.id in seen:
            message = "决策通过它所依赖的决策又依赖自己，请去掉其中一条依赖。"
            found.append(Problem(decision.file, decision.id, "decision-cycle", message))
    return found
