"""One family of errors. The docstring is the default message; the facts a caller decides on are fields."""

from __future__ import annotations

import inspect


class EngineError(Exception):
    """发生了错误。"""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or inspect.cleandoc(type(self).__doc__ or ""))

    @property
    def message(self) -> str:
        """The sentence for the reader, in Chinese."""
        return str(self)
