"""Decision tables and decision requirements (DMN 1.1 to 1.5), evaluated with FEEL."""

from engine.decisions.bundle import DecisionModel
from engine.decisions.evaluation import DecisionError, DecisionResult, Evaluation, Match
from engine.decisions.model import Decision, HitPolicy, Input, Knowledge, Output, Rule

__all__ = [
    "Decision",
    "DecisionError",
    "DecisionModel",
    "DecisionResult",
    "Evaluation",
    "HitPolicy",
    "Input",
    "Knowledge",
    "Match",
    "Output",
    "Rule",
]
