"""What diagrams say about the ways in: where cases come from, and which processes a table may choose."""

from __future__ import annotations

from collections.abc import Iterator

from engine.check.contents import Contents, suggestion
from engine.dialect import Element, Process
from engine.entries import ENTRIES, ENTRY_PROPERTY, IMPORT, IMPORT_FORM, IMPORT_REFERENCE, entries_of

CHOSEN_FROM = "process_from"
"""Property of a call activity whose process is computed: the column of a table that it comes from, as
`decision.column`."""


def check(contents: Contents) -> None:
    """Add what is wrong with entries, and with the processes that tables name."""
    taken: dict[str, str] = {}
    for process in contents.processes.values():
        for code, message in _entries(process, contents, taken):
            contents.add(process.file, process.id, code, message)
        for element in process.elements.values():
            for code, message in _chosen(element, contents):
                contents.add(process.file, element.id, code, message)


def _entries(process: Process, contents: Contents, taken: dict[str, str]) -> Iterator[tuple[str, str]]:
    for entry in entries_of(process):
        if entry not in ENTRIES:
            yield "entry-unknown", f"流程属性“{ENTRY_PROPERTY}”不认识“{entry}”{suggestion(entry, ENTRIES)}。"
        elif entry in taken:
            yield "entry-taken", f"“{entry}”的来件已经由流程“{taken[entry]}”接收，只能有一个。"
        taken.setdefault(entry, process.id)
    form = process.properties.get(IMPORT_FORM, "")
    if form and form not in contents.forms:
        yield "form-not-found", f"流程属性“{IMPORT_FORM}”所指的表单“{form}”不存在{suggestion(form, contents.forms)}。"
    if IMPORT in entries_of(process) and not (form and process.properties.get(IMPORT_REFERENCE)):
        yield "entry-without-form", f"接收批量来函的流程须写明 {IMPORT_FORM} 和 {IMPORT_REFERENCE}。"
    plain = [start for start in process.start_events if start.event.kind == "none"]
    if entries_of(process) and not plain:
        yield "entry-without-start", "接收来件的流程须有一个空开始事件。"
    elif "public" in entries_of(process) and not process.elements[plain[0].id].form_id:
        yield "entry-without-form", "接收公众来件的流程，空开始事件须写明表单。"


def _chosen(element: Element, contents: Contents) -> Iterator[tuple[str, str]]:
    place = element.properties.get(CHOSEN_FROM, "")
    if element.type != "callActivity" or not place:
        return
    decision_id, _, column = place.partition(".")
    decision = contents.decisions.decisions.get(decision_id)
    names = [] if decision is None else [output.name for output in decision.outputs]
    if decision is None or column not in names:
        yield "column-not-found", f"{CHOSEN_FROM} 所指的“{place}”不存在，应写作“决策.输出列”。"
        return
    for rule in decision.rules:
        named = rule.outputs[names.index(column)].strip().strip('"')
        called = contents.processes.get(named)
        if called is None:
            hint = suggestion(named, contents.processes)
            yield "process-not-found", f"决策“{decision_id}”的“{rule.id}”所写的流程“{named}”不存在{hint}。"
        elif not any(start.event.kind == "none" for start in called.start_events):
            yield "process-not-callable", f"决策“{decision_id}”所写的流程“{named}”没有空开始事件，无法从这里开始。"
