"""A compiled form: what it asks, what it is filled with, and how an answer is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from forms import display, initial
from forms.components import Component, walk
from forms.ports import FeelPort
from forms.reading import Reader, unknown_keys
from forms.schema import schema_of, validator


@dataclass(frozen=True)
class Reading:
    """What somebody's answers come to.

    `answers`: the values of the visible fields, nested as the form's keys say, beside what the case's objects hold
    that the form does not ask for; hidden fields are left out, and values that have errors too. `errors`: path of the
    field (`items[0].amount`) -> sentences; empty when all is well. `ignored`: keys that the form does not ask for.
    `raw`: what was given, untouched.
    """

    answers: dict[str, Any]
    errors: dict[str, list[str]]
    ignored: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


class Form:
    """Made by `compile_form`; never changes, and is safe to share between threads."""

    def __init__(
        self,
        *,
        file: str,
        form_id: str,
        components: tuple[Component, ...],
        expressions: Mapping[str, Mapping[str, str]],
        document: Mapping[str, Any],
        mentioned: frozenset[str],
        feel: FeelPort,
    ) -> None:
        self.file = file
        self.id = form_id
        self.components = components
        self.document = document
        """The file's own JSON, for form-js."""
        self.schema = schema_of(form_id, components)
        """The answers as JSON Schema 2020-12, as far as no answer depends on another."""
        self._expressions = expressions
        self._mentioned = mentioned
        self._text = json.dumps(document, ensure_ascii=False)
        self._feel = feel
        self._validator = validator(self.schema)
        self._known = frozenset(
            component.path[: length + 1] for component in walk(components) for length in range(len(component.path))
        )

    @property
    def fields(self) -> tuple[Component, ...]:
        """The components that ask for a value, in the order of the form."""
        return tuple(component for component in walk(self.components) if component.keyed)

    def read(self, raw: Mapping[str, Any], variables: Mapping[str, Any], *, now: datetime) -> Reading:
        """Return the answers and everything wrong with them. Never raises, whatever `raw` is."""
        given = raw if isinstance(raw, Mapping) else {}
        reader = Reader(self.components, self._expressions, self._validator, self._feel, now=now)
        reader.read(given, self._seen(variables), self._known)
        ignored = tuple(unknown_keys(given, self._known))
        return Reading(reader.answers, reader.errors, ignored, given)

    def initial(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data for form-js: the fields' values and the variables that the form mentions."""
        return initial.state(self.components, self._seen(variables))

    def labels(self) -> dict[str, str]:
        """Return the label of each field and list by its path (`items[].amount` within a list)."""
        return display.labels(self.components)

    def display(self, answers: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return answers to be read: label and text, in the order of the form; rows are numbered from 1."""
        return list(display.lines(self.components, answers))

    def _seen(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the variables the form mentions: a page holds no more of a case than its task needs."""
        return {
            name: value
            for name, value in variables.items()
            if name in self._mentioned or (not name.isidentifier() and name in self._text)
        }
