"""Compiled forms, kept: a form of a bundle never changes, and compiling costs more than reading an answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from threading import Lock

from forms import Form


class FormLibrary:
    """`FormLibrary(lambda file, content: compile_form(file, content, feel))`."""

    def __init__(self, compile_form: Callable[[str, bytes], Form], *, size: int = 256) -> None:
        self._compile = compile_form
        self._size = size
        self._forms: OrderedDict[tuple[str, bytes], Form] = OrderedDict()
        self._lock = Lock()

    def get(self, file: str, content: bytes) -> Form:
        """Return the form, compiled once while in use. Raise `forms.FormInvalid` as the compiler does."""
        key = (file, sha256(content).digest())
        with self._lock:
            if key in self._forms:
                self._forms.move_to_end(key)
                return self._forms[key]
        form = self._compile(file, content)
        with self._lock:
            self._forms[key] = form
            while len(self._forms) > self._size:
                self._forms.popitem(last=False)
        return form
