"""Reading an answer: what was typed, laid over what the form started with, judged field by field.

A field counts as form-js would submit it: hidden ones are dropped; locked ones keep what the case has,
whatever the browser says; computed ones are computed here. A visible field that the answer does not mention
keeps its value; a list that it does not mention has no rows: that is how form-js submits an emptied list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import jsonschema_rs

from forms import conditions, initial, messages, tree
from forms.components import Component, path_text
from forms.conditions import Instance, State
from forms.ports import FeelPort
from forms.values import Limits, Wrong, cleaned, empty, objections

Path = tuple[str | int, ...]
ROUNDS = 8
#: What the schema can say only roughly: whether a field is asked for, and lengths without outer blanks.
CHECKED_BEFORE = frozenset({"required", "minLength", "maxLength"})
MOST_IGNORED = 50
MOST_ROWS_TO_LOOK_AT = 1_000


class Reader:
    """Reads one answer, once."""

    def __init__(
        self,
        components: Sequence[Component],
        expressions: Mapping[str, Mapping[str, str]],
        validator: jsonschema_rs.Draft202012Validator,
        feel: FeelPort,
        *,
        now: datetime,
    ) -> None:
        self._components = components
        self._expressions = expressions
        self._validator = validator
        self._feel = feel
        self._now = now
        self._variables: Mapping[str, Any] = {}
        self._first: dict[str, Any] = {}
        self._before: dict[str, Any] = {}
        self._wrong: dict[Path, str] = {}
        self._absent: set[Path] = set()
        self.answers: dict[str, Any] = {}
        self.errors: dict[str, list[str]] = {}

    def read(self, raw: Mapping[str, Any], variables: Mapping[str, Any], known: frozenset[tuple[str, ...]]) -> None:
        """Fill `answers` and `errors`. `known`: every path of the form and of what leads to its fields."""
        self._variables = variables
        self._before = initial.state(self._components, variables)
        self._first = tree.copy(self._before)
        data = tree.copy(self._before)
        self._lay_over(self._components, data, raw, ())
        state = self._settle(data)
        for n, hidden in enumerate(state.hidden):
            if not hidden:
                self._take(n, state, data)
        self._check_shape(state)
        _fill_in(self.answers, self._before, known)

    # What was typed

    def _lay_over(self, components: Sequence[Component], data: dict[str, Any], raw: Any, path: Path) -> None:
        """Lay the given values over the form's own, noting what cannot be read."""
        for component in components:
            own = (*path, *component.steps)
            given = tree.get(raw, component.steps)
            if component.repeats:
                self._rows(component, data, given, own)
            elif component.children:
                self._lay_over(component.children, tree.get(data, component.steps), given, own)
            elif component.writable and given is not tree.MISSING:
                tree.put(data, component.steps, self._cleaned(component, given, own))

    def _cleaned(self, component: Component, given: Any, path: Path) -> Any:
        try:
            return cleaned(component, given)
        except Wrong as wrong:
            self._wrong[path] = str(wrong)
            # Conditions still see what was typed, as they do in the browser.
            if isinstance(given, str):
                return given[:1_000].encode("utf-8", "replace").decode("utf-8")
            number = isinstance(given, int | float) and abs(given) < 1e15
            return given if number else None

    def _rows(self, component: Component, data: dict[str, Any], given: Any, path: Path) -> None:
        if not component.writable:
            return
        if given is tree.MISSING:
            self._absent.add(path)
            return
        present = tree.get(data, component.steps)
        origins = [one for one in present if isinstance(one, dict)] if isinstance(present, list) else []
        rows: list[Any] = given[:MOST_ROWS_TO_LOOK_AT] if isinstance(given, list) else []
        if component.readonly is True or component.attributes.get("allowAddRemove") is False:
            rows = [rows[n] if n < len(rows) else {} for n in range(len(origins))]
        came_from = [_origin(component, one, n, rows, origins) for n, one in enumerate(rows)]
        tree.put(self._before, path, [tree.copy(origin) for origin in came_from])
        fresh = [
            initial.row(component.children, _locked_values(component.children, origin, computed=True), self._variables)
            for origin in came_from
        ]
        tree.put(data, component.steps, fresh)
        for n, one in enumerate(rows):
            self._lay_over(component.children, fresh[n], one, (*path, n))

    # What follows from it

    def _settle(self, data: dict[str, Any]) -> State:
        """Compute the computed fields and put locked ones back, until nothing changes any more."""
        for _ in range(ROUNDS):
            state = conditions.evaluate(
                self._components, data, self._first, self._expressions, self._feel, now=self._now
            )
            changed = False
            for n, instance in enumerate(state.layout.instances):
                due = self._due_value(n, instance, state)
                if due is not tree.MISSING and tree.get(data, instance.path) != due:
                    tree.put(data, instance.path, due)
                    self._wrong.pop(instance.path, None)
                    changed = True
            if not changed:
                break
        return state

    def _due_value(self, n: int, instance: Instance, state: State) -> Any:
        """Return the value a field must have, `MISSING` where it may have any."""
        component = instance.component
        if component.repeats and instance.path in self._absent and not state.hidden[n]:
            # Absent although it is asked for: emptied. Absent because it is hidden: conditions still see it.
            self._absent.discard(instance.path)
            return []
        if component.type == "expression" and not state.hidden[n] and not _at_the_end(component):
            return tree.plain(state.values[n].get("expression"))
        if component.keyed and isinstance(component.readonly, str) and state.readonly[n]:
            return tree.copy(tree.get(self._before, instance.path))
        return tree.MISSING

    # What comes out

    def _take(self, n: int, state: State, data: Mapping[str, Any]) -> None:
        """Put a visible field's value into the answers, or what is wrong with it into the errors."""
        instance = state.layout.instances[n]
        component, path = instance.component, instance.path
        value = tree.plain(state.values[n]["expression"]) if _at_the_end(component) else tree.get(data, path)
        if component.repeats and component.answers:
            tree.put(self.answers, path, [{} for _ in value] if isinstance(value, list) else [])
        if not component.keyed or (component.disabled and (empty(value) or not _in_row(path))):
            return
        if path in self._wrong:
            self.errors[path_text(path)] = [self._wrong[path]]
            return
        if not component.disabled:
            locked = state.readonly[n] or component.type == "expression"
            limits = Limits(state.values[n], self._variables, self._now, tree.get(self._before, path), locked)
            if found := self._judged(component, value, limits):
                self.errors[path_text(path)] = found
                return
        if self._list_is_kept(n, state):
            tree.put(self.answers, path, tree.copy(None if value is tree.MISSING else value))

    def _list_is_kept(self, n: int, state: State) -> bool:
        """Say whether every list around an instance is in the answers: one that nobody fills in is not."""
        container = state.layout.instances[n].container
        while container is not None:
            around = state.layout.instances[container]
            if around.component.repeats and not around.component.answers:
                return False
            container = around.container
        return True

    def _judged(self, component: Component, value: Any, limits: Limits) -> list[str]:
        if empty(value) or (component.type == "checkbox" and value is False):
            return [messages.required(component)] if component.required else []
        return objections(component, value, limits)

    def _check_shape(self, state: State) -> None:
        """Check what was entered against the schema; one sentence a field, the first to be found."""
        components = {
            instance.path: instance.component
            for n, instance in enumerate(state.layout.instances)
            if instance.component.steps and not state.readonly[n] and instance.component.writable
        }
        entered = _entered(self.answers, components)
        for error in self._validator.iter_errors(entered):
            path = tuple(error.instance_path)
            while path and path not in components:
                path = path[:-1]
            keyword = str(error.schema_path[-1]) if error.schema_path else ""
            if not path or keyword in CHECKED_BEFORE or path_text(path) in self.errors:
                continue
            self.errors[path_text(path)] = [messages.by_keyword(components[path], keyword)]
            if components[path].keyed:
                _drop(self.answers, path)


def _at_the_end(component: Component) -> bool:
    """Say whether form-js computes it on submission only, when nothing is hidden or shown any more."""
    return component.type == "expression" and component.attributes.get("computeOn") == "presubmit"


def unknown_keys(raw: Any, known: frozenset[Path], path: Path = ()) -> list[str]:
    """Return the paths in `raw` that are not in `known`: the paths of fields and of what leads to them."""
    found: list[str] = []
    if isinstance(raw, Mapping):
        for key, inner in raw.items():
            own = (*path, key)
            if _generic(own) not in known:
                found.append(path_text(own))
            else:
                found += unknown_keys(inner, known, own)
            if len(found) >= MOST_IGNORED:
                break
    elif isinstance(raw, list) and (*_generic(path), "*") in known:
        for n, inner in enumerate(raw[:MOST_ROWS_TO_LOOK_AT]):
            found += unknown_keys(inner, known, (*path, n))
    return found[:MOST_IGNORED]


def _generic(path: Path) -> Path:
    return tuple("*" if isinstance(step, int) else step for step in path)


def _fill_in(answers: Any, before: Any, known: frozenset[tuple[str, ...]], path: tuple[str, ...] = ()) -> None:
    """Add what objects and rows of the case hold besides what the form asks.

    A variable is replaced as a whole when a task is completed: a form that asks for `product.serial` alone would
    otherwise take `product.name` away.
    """
    if isinstance(answers, list) and isinstance(before, list):
        for row, row_before in zip(answers, before, strict=False):
            _fill_in(row, row_before, known, (*path, "*"))
    elif isinstance(answers, dict) and isinstance(before, Mapping):
        for key, value in before.items():
            if key in answers:
                _fill_in(answers[key], value, known, (*path, key))
            elif path and (*path, key) not in known:
                answers[key] = tree.copy(value)


def _in_row(path: Path) -> bool:
    return any(isinstance(step, int) for step in path)


def _origin(
    component: Component, one: Any, number: int, rows: Sequence[Any], origins: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the row of the case that a given row continues: rows may have been removed before it.

    That is the one with the same locked values, else the one at the same place if none was removed.
    """
    locked = _locked_values(component.children, one if isinstance(one, dict) else {})
    for origin in origins:
        if locked and _locked_values(component.children, origin) == locked:
            return origin
    return origins[number] if len(rows) == len(origins) else {}


def _locked_values(
    components: Sequence[Component], row: Mapping[str, Any], *, computed: bool = False
) -> dict[str, Any]:
    """Return the values of a row that nobody may ever write, on request with the computed ones."""
    values: dict[str, Any] = {}
    for component in components:
        if component.children and not component.repeats:
            inner = tree.get(row, component.steps)
            found = _locked_values(component.children, inner if isinstance(inner, Mapping) else {}, computed=computed)
            if found and component.steps:
                tree.put(values, component.steps, found)
            else:
                values |= found
        elif component.keyed and not component.writable and (computed or component.type != "expression"):
            value = tree.get(row, component.steps)
            if value is not tree.MISSING:
                tree.put(values, component.steps, value)
    return values


def _entered(answers: Mapping[str, Any], components: Mapping[Path, Component]) -> dict[str, Any]:
    """Return the answers without what was left blank or is not this person's to write."""
    entered: dict[str, Any] = {}
    for path, component in components.items():
        value = tree.get(answers, path)
        if component.repeats and isinstance(value, list):
            tree.put(entered, path, [{} for _ in value])
        elif component.keyed and value is not tree.MISSING and not empty(value):
            tree.put(entered, path, value)
    return entered


def _drop(answers: dict[str, Any], path: Path) -> None:
    holder = tree.get(answers, path[:-1]) if len(path) > 1 else answers
    if isinstance(holder, dict):
        holder.pop(str(path[-1]), None)
