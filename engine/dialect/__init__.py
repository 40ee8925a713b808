"""BPMN with the Camunda 8 extension elements, read into plain data, with everything found wrong named."""

from engine.dialect.model import (
    Diagram,
    Element,
    Event,
    Expression,
    Flow,
    IoMapping,
    Loop,
    Process,
    StartEvent,
    Timer,
)
from engine.dialect.reader import read

__all__ = [
    "Diagram",
    "Element",
    "Event",
    "Expression",
    "Flow",
    "IoMapping",
    "Loop",
    "Process",
    "StartEvent",
    "Timer",
    "read",
]
