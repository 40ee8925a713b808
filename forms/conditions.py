"""Which fields are hidden or locked, evaluated as form-js does.

form-js evaluates hide conditions twice. First on all values, to find what hidden fields hold; these values
are then taken away, and what is drawn (and submitted, and checked) follows from the conditions evaluated on
the rest. A field in a list row sees the row as `this`, what is around it as `parent`, its numbers as `i`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from forms import tree
from forms.components import Component
from forms.ports import FeelPort


@dataclass(frozen=True)
class Scope:
    """What `this`, `parent` and `i` mean to some instances."""

    this: Any
    parent: Any
    i: tuple[int, ...]


@dataclass(frozen=True)
class Instance:
    """A component where it is asked: once for each row of the lists around it."""

    component: Component
    path: tuple[str | int, ...]
    scope: int
    container: int | None
    """Index of the group or list around it among the instances."""


@dataclass(frozen=True)
class Layout:
    instances: tuple[Instance, ...]
    scopes: tuple[Scope, ...]


@dataclass(frozen=True)
class State:
    """What came out for each instance of a layout."""

    layout: Layout
    hidden: tuple[bool, ...]
    readonly: tuple[bool, ...]
    values: tuple[Mapping[str, Any], ...]
    """The values of the other expressions of the component, by property."""
    filtered: Mapping[str, Any]
    """The values without those of hidden fields: what expressions see."""


def lay_out(components: Sequence[Component], data: Mapping[str, Any]) -> Layout:
    """Return the form's instances for the rows that `data` has."""
    instances: list[Instance] = []
    scopes = [Scope(data, None, ())]

    def place(found: Sequence[Component], path: tuple[str | int, ...], scope: int, container: int | None) -> None:
        for component in found:
            own = (*path, *component.steps)
            instances.append(Instance(component, own, scope, container))
            if component.repeats:
                rows(component, own, scope, len(instances) - 1)
            elif component.children:
                place(component.children, own, scope, len(instances) - 1)

    def rows(component: Component, path: tuple[str | int, ...], scope: int, container: int) -> None:
        found = tree.get(data, path)
        for number, row in enumerate(found if isinstance(found, list) else ()):
            outer = scopes[scope]
            scopes.append(Scope(row, outer, (*outer.i, number + 1)))
            place(component.children, (*path, number), len(scopes) - 1, container)

    place(components, (), 0, None)
    return Layout(tuple(instances), tuple(scopes))


def evaluate(
    components: Sequence[Component],
    data: Mapping[str, Any],
    before: Mapping[str, Any],
    expressions: Mapping[str, Mapping[str, str]],
    feel: FeelPort,
    *,
    now: datetime,
) -> State:
    """Return what is hidden and locked. `expressions`: component id -> property -> FEEL to evaluate too."""
    layout = lay_out(components, data)
    first = _tests(layout, data, feel, now, [instance.component.hide for instance in layout.instances])
    filtered = _without(layout, data, _inherited(layout, first), before)
    hides = [instance.component.hide for instance in layout.instances]
    locks = [_text(instance.component.readonly) for instance in layout.instances]
    both = _tests(layout, filtered, feel, now, hides, locks)
    count = len(layout.instances)
    return State(
        layout=layout,
        hidden=_inherited(layout, both[:count]),
        readonly=tuple(
            instance.component.readonly is True or locked
            for instance, locked in zip(layout.instances, both[count:], strict=True)
        ),
        values=_values(layout, filtered, expressions, feel, now),
        filtered=filtered,
    )


def _text(readonly: bool | str) -> str | None:
    return readonly if isinstance(readonly, str) else None


WORD = re.compile(r"\w+")


def _context(scope: Scope, root: Mapping[str, Any], spread: Mapping[str, Any], words: Set[str]) -> dict[str, Any]:
    """Return the variables of a scope, the special ones only where `words` has them: they repeat the form.

    A form's own `this` or `i` comes before the special one; `_this_` is always the special one.
    """
    special: dict[str, Any] = {}
    if words & {"this", "_this_"}:
        special["this"] = scope.this if scope.parent else root
    if words & {"i", "_i_"}:
        special["i"] = list(scope.i)
    if words & {"parent", "_parent_"}:
        special["parent"] = _surroundings(scope.parent, root, words)
    return {**special, **spread, **{f"_{name}_": value for name, value in special.items()}}


def _surroundings(scope: Scope | None, root: Mapping[str, Any], words: Set[str]) -> Any:
    if scope is None:
        return None
    this = scope.this if scope.parent else root
    return _context(scope, root, this if isinstance(this, Mapping) else {}, words)


@dataclass(frozen=True)
class _Task:
    """One thing to evaluate, and where its result goes."""

    slot: int
    scope: int
    expression: str


def _tests(
    layout: Layout, root: Mapping[str, Any], feel: FeelPort, now: datetime, *columns: Sequence[str | None]
) -> list[bool]:
    """Return the result of each test of each column, False where there is none."""
    scopes = [instance.scope for instance in layout.instances] * len(columns)
    flat = [test for column in columns for test in column]
    tasks = [_Task(n, scopes[n], test) for n, test in enumerate(flat) if test]

    def ask(expressions: Sequence[str], context: Mapping[str, Any]) -> list[Any]:
        return list(feel.unary_tests([(expression, None) for expression in expressions], context, now=now))

    results = _by_scope(layout, root, tasks, ask)
    # form-js tests without an input value: the literal is itself, and not compared with the value.
    return [results.get(n) is True or (test or "").strip() == "true" for n, test in enumerate(flat)]


def _values(
    layout: Layout,
    root: Mapping[str, Any],
    expressions: Mapping[str, Mapping[str, str]],
    feel: FeelPort,
    now: datetime,
) -> tuple[Mapping[str, Any], ...]:
    wanted = [
        (n, instance.scope, name, expression)
        for n, instance in enumerate(layout.instances)
        for name, expression in expressions.get(instance.component.id, {}).items()
    ]
    tasks = [_Task(slot, scope, expression) for slot, (_, scope, _, expression) in enumerate(wanted)]
    results = _by_scope(layout, root, tasks, lambda some, context: feel.evaluate_all(some, context, now=now))
    values: list[dict[str, Any]] = [{} for _ in layout.instances]
    for slot, (n, _, name, _) in enumerate(wanted):
        values[n][name] = results.get(slot)
    return tuple(values)


def _by_scope(
    layout: Layout,
    root: Mapping[str, Any],
    tasks: Sequence[_Task],
    ask: Callable[[Sequence[str], Mapping[str, Any]], list[Any]],
) -> dict[int, Any]:
    """Evaluate the tasks, one call for each scope that has any."""
    words = {word for task in tasks for word in WORD.findall(task.expression)}
    results: dict[int, Any] = {}
    for number, scope in enumerate(layout.scopes):
        chosen = [task for task in tasks if task.scope == number]
        if chosen:
            texts = list(dict.fromkeys(task.expression for task in chosen))
            answers = dict(zip(texts, _asked(texts, _context(scope, root, root, words), ask), strict=True))
            results.update((task.slot, answers[task.expression]) for task in chosen)
    return results


def _asked(
    expressions: Sequence[str],
    context: Mapping[str, Any],
    ask: Callable[[Sequence[str], Mapping[str, Any]], list[Any]],
) -> list[Any]:
    """Return the results; an expression that fails is null, as in the browser, and takes no other with it."""
    try:
        return ask(expressions, context)
    except Exception:  # noqa: BLE001 - the error class belongs to whoever implements the port
        if len(expressions) == 1:
            return [None]
        return [_asked([expression], context, ask)[0] for expression in expressions]


def _inherited(layout: Layout, own: Sequence[bool]) -> tuple[bool, ...]:
    """Return for each instance whether it or anything around it is hidden; containers come first."""
    hidden: list[bool] = []
    for n, instance in enumerate(layout.instances):
        around = instance.container is not None and hidden[instance.container]
        hidden.append(own[n] or around)
    return tuple(hidden)


def _without(
    layout: Layout, data: Mapping[str, Any], hidden: Sequence[bool], before: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what expressions see: the values but those of hidden fields, over the form's first values.

    That is form-js's way: what a hidden field had at the start is seen again, what was typed into it is not.
    """
    kept: dict[str, Any] = tree.copy(data)
    for instance, gone in zip(layout.instances, hidden, strict=True):
        if gone and (instance.component.keyed or instance.component.repeats):
            tree.remove(kept, instance.path)
    return {**before, **kept}
