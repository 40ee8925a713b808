"""Where the readers put what they find wrong."""

from __future__ import annotations

from engine.problems import Problem, Severity


class Findings:
    """The problems of one file, in the order they were found."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._problems: dict[Problem, None] = {}

    def add(self, element_id: str, code: str, message: str, severity: Severity = "error") -> None:
        """Note a problem once."""
        self._problems.setdefault(Problem(self.file, element_id, code, message, severity))

    def warn(self, element_id: str, code: str, message: str) -> None:
        """Note something that runs, but hardly as it was meant."""
        self.add(element_id, code, message, "warning")

    def all(self) -> tuple[Problem, ...]:
        """Return what was found."""
        return tuple(self._problems)
