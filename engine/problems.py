"""What is wrong with a file of a bundle:

findings of the readers (diagrams, tables) and of the cross-file check.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Problem:
    """One finding. Sorts by file, element and code; errors and warnings stay together at their element.

    `file` is the path in the bundle (`workflows/refund.bpmn`), `element_id` the id of the BPMN, DMN
    or form element ("" when the whole file is meant), `code` a stable kebab-case name (`form-not-found`),
    `message` one Chinese sentence that says what is wrong and what to do. Only errors stop a deployment.
    """

    file: str
    element_id: str
    code: str
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        """Return the line that `hejie check` prints."""
        where = f"{self.file}  {self.element_id}" if self.element_id else self.file
        return f"{where}: {self.message} [{self.code}]"
