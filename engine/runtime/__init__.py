"""Running cases: start, restore, complete, fire, deliver, save. SpiffWorkflow is called from here only."""

from engine.runtime.model import (
    Bundle,
    Happening,
    RuntimeProblem,
    Thrown,
    UnknownItem,
    UnknownProcess,
    UnreadableState,
    Waiting,
    WrongKind,
)
from engine.runtime.run import Run, Runtime

__all__ = [
    "Bundle",
    "Happening",
    "Run",
    "Runtime",
    "RuntimeProblem",
    "Thrown",
    "UnknownItem",
    "UnknownProcess",
    "UnreadableState",
    "Waiting",
    "WrongKind",
]
