"""What the use cases return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CaseRef:
    key: int
    number: str
    next_item_keys: tuple[int, ...] = ()
    """Open user tasks of the new case that whoever started it may complete."""


@dataclass(frozen=True)
class Outcome:
    """What completing a task led to."""

    case_key: int
    next_item_keys: tuple[int, ...]
    """Open user tasks of the case that this person may complete now: own ones first, then their groups'."""
    finished: bool
    """The case has ended."""


@dataclass(frozen=True)
class Attachment:
    """A stored file. `as_answer()` is the value of a file field."""

    key: int
    name: str
    content_type: str
    """Found from the content, not from the name."""
    size: int
    """Bytes."""
    sha256: str

    def as_answer(self) -> dict[str, Any]:
        return {
            "key": str(self.key),
            "name": self.name,
            "content_type": self.content_type,
            "size": self.size,
            "sha256": self.sha256,
        }


@dataclass(frozen=True)
class ProcessVersion:
    process_id: str
    name: str
    version: int
    """Counted up when the process's own file, or anything else it uses, has changed."""


@dataclass(frozen=True)
class DeploymentInfo:
    key: int
    hash: str
    """SHA-256 over the names and contents of the whole bundle."""
    new: bool
    """False: this very bundle is the latest one already, and nothing was done."""
    processes: tuple[ProcessVersion, ...]
    """All executable processes of the bundle."""
