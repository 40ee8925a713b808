"""What nobody uses or waits for: mostly a slip of the pen in the name on the other side."""

from __future__ import annotations

from engine.check.contents import TEMPLATES, Contents, suggestion
from engine.check.diagrams import COMMON_TARGETS, TARGETS
from engine.entries import IMPORT_FORM


def check(contents: Contents) -> None:
    """Add warnings for forms, tables and templates that no diagram uses, and for what is sent to nobody."""
    if not contents.unread:
        _check_unused(contents)
    for kind, word in (("message", "消息"), ("signal", "信号")):
        _check_sent(contents, kind, word)


def _check_unused(contents: Contents) -> None:
    used_forms = {element.form_id for _, element in contents.elements()}
    used_forms |= {process.properties.get(IMPORT_FORM) for process in contents.processes.values()}
    used_decisions = {element.decision_id for _, element in contents.elements()}
    used_decisions |= {COMMON_TARGETS, *(each.properties.get(TARGETS, "") for each in contents.processes.values())}
    used_templates = {element.headers.get("template", "").strip() for _, element in contents.elements()}
    if not any(str(form_id).startswith("=") for form_id in used_forms):
        for form in contents.forms.values():
            if form.id not in used_forms:
                contents.warn(form.file, form.id, "form-unused", "没有任何任务使用这个表单。")
    if not any(str(decision_id).startswith("=") for decision_id in used_decisions):
        for decision in contents.decisions.decisions.values():
            used_decisions |= set(decision.requires)
        for decision in contents.decisions.decisions.values():
            if decision.id not in used_decisions:
                contents.warn(decision.file, decision.id, "decision-unused", "没有任何任务或决策使用这个决策。")
    for name in contents.templates:
        if name not in used_templates:
            path = f"{TEMPLATES}{name}/meta.yaml"
            contents.warn(path, "", "template-unused", "没有任何任务使用这个文书模板。")


def _check_sent(contents: Contents, kind: str, word: str) -> None:
    """What comes from outside is awaited without being sent here; what is sent here should be awaited."""
    awaited: set[str] = set()
    sent: list[tuple[str, str, str]] = []
    for process, element in contents.elements():
        event = element.event
        throws = element.type in {"intermediateThrowEvent", "endEvent", "sendTask"}
        if event is not None and event.kind == kind:
            if throws:
                sent.append((process.file, element.id, event.name))
            else:
                awaited.add(event.name)
        if kind == "message" and element.headers.get("message_name"):
            sent.append((process.file, element.id, element.headers["message_name"].strip()))
    if any(name.startswith("=") for name in awaited):
        return
    for file, element_id, name in sent:
        if name and not name.startswith("=") and name not in awaited:
            message = f"发出的{word}“{name}”没有任何流程等待{suggestion(name, awaited)}。"
            contents.warn(file, element_id, f"{kind}-not-awaited", message)
