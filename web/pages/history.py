"""A case's journal as a history to read: who did what when, what was answered and how it was decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext

from engine.worklist import TimelineEntry
from forms import Form
from web.wording import plain


@dataclass(frozen=True)
class Entry:
    """One line of the history."""

    at: datetime
    actor_name: str
    text: str
    kind: str
    """task, deadline, decision, document, incident, comment, case or step: how it is drawn."""
    icon: str
    quote: str = ""
    """What somebody wrote, in full."""
    details: tuple[tuple[str, str], ...] = ()
    details_label: str = ""


FormOf = Callable[[str | None, str | None], Form | None]
"""Process and element id to the task's form in the case's own bundle; None if it has none."""

_ICONS = {
    "task": "user",
    "deadline": "clock",
    "decision": "table",
    "document": "file",
    "incident": "alert",
    "comment": "note",
    "case": "flow",
    "attachment": "clip",
    "message": "bell",
    "flow": "chevron",
}


def entries(timeline: Iterable[TimelineEntry], form_of: FormOf) -> list[Entry]:
    """Return the history of `timeline`, in its order."""
    return [_entry(each, form_of) for each in timeline if not each.facts.get("implicitly")]


def _entry(entry: TimelineEntry, form_of: FormOf) -> Entry:
    kind = "comment" if entry.event == "case:comment" else entry.event.partition(":")[0]
    label, details = _details(entry, form_of)
    return Entry(
        at=entry.at,
        actor_name=entry.actor_name,
        text=entry.text,
        kind=kind if kind in _ICONS else "step",
        icon=_ICONS.get(kind, "chevron"),
        quote=str(entry.facts.get("text", "")) if kind == "comment" else "",
        details=details,
        details_label=label,
    )


def _details(entry: TimelineEntry, form_of: FormOf) -> tuple[str, tuple[tuple[str, str], ...]]:
    facts = entry.facts
    if entry.event == "task:completed":
        return gettext("填写的内容"), _answers(entry, form_of)
    if entry.event == "decision:evaluated":
        return gettext("依据"), tuple(_decision(facts))
    if entry.event == "flow:taken" and facts.get("condition"):
        read = facts.get("values") or {}
        return gettext("条件"), (
            (gettext("条件"), str(facts["condition"])),
            *((str(name), plain(value)) for name, value in read.items()),
            (gettext("结果"), plain(facts.get("result"))),
        )
    return "", ()


def _answers(entry: TimelineEntry, form_of: FormOf) -> tuple[tuple[str, str], ...]:
    answers = entry.facts.get("answers") or {}
    form = form_of(entry.process_id, entry.element_id)
    if form is not None:
        return tuple((label, text) for label, text in form.display(answers) if text)
    return tuple((str(name), plain(value)) for name, value in answers.items())


def _decision(facts: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for evaluation in facts.get("evaluations", [facts]):
        name = evaluation.get("name") or evaluation.get("decision_id") or ""
        for each in evaluation.get("inputs", []):
            label, value = _input(each)
            yield f"{name} · {label}", plain(value)
        for match in evaluation.get("matched", []):
            rule = gettext("命中第 %(number)s 行", number=match["rule"])
            notes = "；".join(str(note) for note in match.get("annotations", []) if note)
            yield f"{name} · {rule}", f"{plain(match.get('outputs'))}{'（' + notes + '）' if notes else ''}"
        yield f"{name} · {gettext('结果')}", plain(evaluation.get("value"))


def _input(each: Any) -> tuple[str, Any]:
    if isinstance(each, Mapping):
        return str(each.get("label") or each.get("expression") or ""), each.get("value")
    label, expression, value = each
    return str(label or expression), value
