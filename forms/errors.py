"""What is wrong with a form file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class FormProblem:
    """One finding: `element_id` is a component's id ("" for the whole file), `message` a Chinese sentence."""

    element_id: str
    code: str
    message: str


class FormInvalid(Exception):
    """The form file cannot be used; `problems` lists everything found, as the file has it."""

    def __init__(self, file: str, problems: Sequence[FormProblem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        lines = (f"{file}  {one.element_id}：{one.message}" for one in self.problems)
        super().__init__("\n".join(lines))
