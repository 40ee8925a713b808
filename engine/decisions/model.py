"""What a decision says, as read from a DMN file: plain values, nothing evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HitPolicy = Literal[
    "UNIQUE",
    "ANY",
    "PRIORITY",
    "FIRST",
    "RULE ORDER",
    "OUTPUT ORDER",
    "COLLECT",
    "COLLECT SUM",
    "COLLECT MIN",
    "COLLECT MAX",
    "COLLECT COUNT",
]
"""As DMN writes them, the aggregation of COLLECT added: U A P F R O C C+ C< C> C#."""


@dataclass(frozen=True)
class Input:
    """A column of conditions.

    `values` are unary tests for what it may be ("" if not said); `type` the typeRef.
    """

    id: str
    label: str
    expression: str
    values: str = ""
    type: str = ""


@dataclass(frozen=True)
class Output:
    """A column of results.

    `values` are the allowed ones in order of priority; `default` FEEL for "no rule matched".
    """

    id: str
    name: str
    label: str
    values: str = ""
    default: str = ""


@dataclass(frozen=True)
class Rule:
    """A row:

    a unary test for each input, an expression for each output ("" for none), the reader's annotations.
    """

    id: str
    tests: tuple[str, ...]
    outputs: tuple[str, ...]
    annotations: tuple[str, ...]


@dataclass(frozen=True)
class Knowledge:
    """A business knowledge model: a function in FEEL that decisions may call."""

    id: str
    name: str
    file: str
    parameters: tuple[str, ...]
    body: str
    requires: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """A decision table or an expression. `requires` and `knowledge` are ids in the order of the file.

    `variable` is the name under which other decisions read the result, besides its id and its name.
    `expression` is FEEL for the kind "expression" ("" for tables).
    """

    id: str
    name: str
    file: str
    kind: Literal["table", "expression"]
    hit_policy: HitPolicy | Literal[""] = ""
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    rules: tuple[Rule, ...] = ()
    requires: tuple[str, ...] = ()
    knowledge: tuple[str, ...] = ()
    variable: str = ""
    expression: str = ""
