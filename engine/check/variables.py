"""Variables that nothing makes, where one with nearly the same name exists.

Data also come from outside (a start by the API, a message, a job), so that an unknown name alone says
nothing. A name that is unknown and almost like a known one is a slip of the pen.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from engine.check.contents import Contents
from engine.dialect import Element, Process
from engine.feel import Feel

ALIKE = 0.84
"""How alike two names must be to be taken for one: a letter missing, doubled or swapped."""

SHORTEST = 4
"""Shorter names are alike by chance."""

SYSTEM = frozenset({"case", "user", "loopCounter", "item", "partial"})


def check(contents: Contents, feel: Feel) -> None:
    """Add a warning for every expression that reads what is probably misspelt."""
    known = {name for process, element in contents.elements() for name in _made(element, feel)} | SYSTEM
    for form in contents.forms.values():
        known |= form.keys
    for decision in contents.decisions.decisions.values():
        known |= {decision.id, decision.name, decision.variable} | {output.name for output in decision.outputs}
    for process, element in contents.elements():
        _check_element(element, process, contents, feel, known)


def _check_element(element: Element, process: Process, contents: Contents, feel: Feel, known: set[str]) -> None:
    for where, text in element.expressions:
        for name in sorted(feel.names(text) - known):
            close = get_close_matches(name, known, n=1, cutoff=ALIKE) if len(name) >= SHORTEST else []
            if close and not _is_plural(name, close[0]):
                place = where.removeprefix("condition ") if where.startswith("condition ") else element.id
                message = f"变量“{name}”没有任何地方给出，是不是指“{close[0]}”。"
                contents.warn(process.file, place, "variable-unknown", message)


def _is_plural(one: str, other: str) -> bool:
    """Say whether the names differ by an s: a list and its item."""
    return one + "s" == other or other + "s" == one


def _made(element: Element, feel: Feel) -> Iterator[str]:
    """Yield the names of the variables that an element makes, its local ones included."""
    for mapping in (*element.inputs, *element.outputs):
        yield mapping.target.split(".")[0]
    yield from filter(None, (element.result_variable, element.headers.get("result_variable")))
    yield from filter(None, (element.headers.get("template"),))
    for _where, text in element.expressions:
        yield from feel.entries(text)  # what a message or a result carries becomes variables elsewhere
    if element.loop is not None:
        yield from filter(None, (element.loop.input_element, element.loop.output_collection))
