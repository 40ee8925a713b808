"""One procedure in words: who does what until when, with which form, decided by what, ending in which documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from lxml import etree

from engine.check.diagrams import OPENS_DEADLINE
from engine.deployments import Bundle
from engine.dialect import Element, Process
from engine.operations.open_deadline import KINDS as DEADLINE_KINDS
from engine.permissions import EVERYBODY
from engine.runtime.values import names
from web.handbook.decisions import decision_section
from web.handbook.markdown import CONFIDENCES, code, literal, table
from web.handbook.parameters import Parameter, read_by, required, tables, texts, variables

_STARTS = {"message": "消息", "timer": "时间", "signal": "信号"}
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|.', re.DOTALL)
_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"|[^"\s]')


def procedure_page(bundle: Bundle, process: Process) -> str:
    """Return the page of one process of the bundle."""
    known = variables(bundle)
    parts = [
        f"# {process.name or process.id}",
        f"流程 `{process.id}`，图 `{process.file}`。{process.documentation}",
        _beginning(bundle, process),
        _lanes(process),
        _tasks(bundle, process, known),
        _limits(process, known),
        _documents(bundle, process),
        _calls(bundle, process),
        _decisions(bundle, process),
        _parameters(bundle, process, known),
    ]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def in_order(process: Process) -> list[Element]:
    """Return the elements as the flows reach them from the start, boundary events after what they guard."""
    guards: dict[str, list[str]] = {}
    for element in process.elements.values():
        if element.attached_to:
            guards.setdefault(element.attached_to, []).append(element.id)
    inside = {element.id: process.children(element.id) for element in process.elements.values()}
    todo = [element.id for element in process.children(None) if element.type == "startEvent"]
    todo += [one.id for one in process.children(None) if not one.incoming and one.id not in todo]
    seen: dict[str, Element] = {}
    while todo:
        element = process.elements[todo.pop(0)]
        if element.id in seen:
            continue
        seen[element.id] = element
        starts = [one.id for one in inside[element.id] if not one.incoming and not one.attached_to]
        todo = [*guards.get(element.id, []), *starts, *todo]
        todo += [flow.target for flow in element.outgoing]
    return [*seen.values(), *(one for one in process.elements.values() if one.id not in seen)]


def _beginning(bundle: Bundle, process: Process) -> str:
    lines = []
    for start in process.start_events:
        kind = start.event.kind
        if kind == "none":
            continue
        when = start.event.timer.text if start.event.timer else start.event.name
        lines.append(f"- {start.name or start.id}：由{_STARTS.get(kind, kind)}开始（{code(when)}）。")
    groups = bundle.starters(process.id)
    if groups:
        who = "任何人" if EVERYBODY in groups else "、".join(sorted(groups))
        lines.insert(0, f"- 手工开始：{who}。")
    callers = [
        f"[{other.name or other.id}]({other.id}.md)"
        for other in bundle.diagrams.values()
        if any(element.called_process == process.id for element in other.elements.values())
    ]
    if callers:
        lines.append(f"- 由别的流程调用：{'、'.join(callers)}。")
    return "## 怎样开始\n\n" + "\n".join(lines) if lines else ""


def _lanes(process: Process) -> str:
    if not process.lanes:
        return ""
    rows = []
    for lane in process.lanes:
        tasks = [one.name or one.id for one in in_order(process) if one.type == "userTask" and one.lane == lane]
        rows.append([lane, "、".join(tasks) or "（只有自动步骤）"])
    return "## 岗位\n\n" + table(["岗位（泳道）", "任务"], rows)


def _tasks(bundle: Bundle, process: Process, known: Mapping[str, Mapping[str, Parameter]]) -> str:
    tasks = [element for element in in_order(process) if element.type == "userTask"]
    return "\n\n".join(["## 任务", *(_task(bundle, process, task, known) for task in tasks)]) if tasks else ""


def _task(bundle: Bundle, process: Process, task: Element, known: Mapping[str, Mapping[str, Parameter]]) -> str:
    lines = [f"### {task.name or task.id} `{task.id}`", ""]
    if task.documentation:
        lines += [task.documentation, ""]
    lines.append(f"- 岗位：{_who(task)}")
    if task.due_date:
        lines += _deadline("期限", task.due_date, known)
    for guard in process.elements.values():
        if guard.attached_to == task.id and guard.timer:
            then = "、".join(process.elements[flow.target].name or flow.target for flow in guard.outgoing)
            kind = "中断任务" if guard.interrupting else "任务照常"
            lines += _deadline(f"到时（{guard.name or guard.id}，{kind}）→ {then}", guard.timer.text, known)
    path = bundle.forms.get(task.form_id or "")
    if path:
        lines.append(f"- 表单 `{path}`：{'、'.join(_fields(bundle.files[path])) or '（没有要填的）'}")
    else:
        lines.append("- 没有表单，办完点“完成”。")
    return "\n".join(lines)


def _limits(process: Process, known: Mapping[str, Mapping[str, Parameter]]) -> str:
    """Return the limits that run on the whole case: what opens each, whom it tells."""
    lines: list[str] = []
    for element in in_order(process):
        if element.job_type != OPENS_DEADLINE:
            continue
        given, inputs = element.headers, {mapping.target: mapping.source for mapping in element.inputs}
        kind = DEADLINE_KINDS.get(given.get("kind", "").strip() or "internal", "")
        name = f"{given.get('title') or given.get('deadline', '')}（{kind}，`{given.get('deadline', '')}`）"
        lines += _deadline(name, inputs.get("due", ""), known)
        if given.get("notify"):
            night = "，夜间和节假日也通知" if given.get("must") == "yes" else ""
            lines.append(f"  - 提醒和超期时通知：{'、'.join(names(given['notify'], 'notify'))}{night}")
    return "## 案件期限\n\n" + "\n".join(lines) if lines else ""


def _who(task: Element) -> str:
    if task.assignee:
        return f"指定给 {code(task.assignee)}"
    named = [text for text in (task.candidate_groups, task.candidate_users) if text]
    if named:
        return "；".join(literal(text[1:]) if text.startswith('="') else code(text) for text in named)
    return task.lane or "任何人"


def _deadline(label: str, text: str, known: Mapping[str, Mapping[str, Parameter]]) -> list[str]:
    """Return the lines of a deadline: the rule's text as the diagram has it, the parameters, the expression."""
    said = "／".join(rule_texts(text))
    read = "；".join(f"{row.in_words}（{row.status}）" for row in read_by(text, known).values())
    lines = [f"- {label}" + (f"：{said}" if said else "")]
    if read:
        lines.append(f"  - 参数：{read}")
    lines.append(f"  - 写法：{code(text)}")
    return lines


def rule_texts(expression: str) -> list[str]:
    """Return the texts of `rule(deadline, text)`: the string literals of the second argument.

    What is only compared with (`x = "…"`) is no text of the rule.
    """
    found = []
    for match in re.finditer(r"\brule\(", expression):
        _, *rest = split_arguments(expression[match.end() :])
        parts = _PARTS.findall(",".join(rest))
        for before, part in zip(["", *parts], parts, strict=False):
            if part.startswith('"') and before != "=":
                found.append(literal(part))
    return [text for text in found if text]


def split_arguments(text: str) -> list[str]:
    """Return the arguments of a call whose opening bracket stands just before `text`."""
    depth, arguments, current = 0, [], ""
    for part in _TOKENS.findall(text):
        if part in ")]}" and depth == 0:
            break
        depth += (part in "([{") - (part in ")]}")
        if part == "," and depth == 0:
            arguments.append(current)
            current = ""
        else:
            current += part
    return [*arguments, current]


def _fields(form: bytes) -> list[str]:
    """Return the labels of what is to be filled in; * marks what must be."""
    return list(dict.fromkeys(_labels(json.loads(form).get("components", ()))))


def _labels(components: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in components:
        if one.get("key") and not one.get("disabled") and not one.get("readonly"):
            must = "*" if one.get("validate", {}).get("required") else ""
            if label := one.get("label") or one.get("dateLabel"):
                yield f"{label}{must}"
        if one.get("type") == "dynamiclist":
            rows = "、".join(_labels(one.get("components", ())))
            yield f"{one.get('label') or one.get('path')}（可填多行：{rows}）"
        else:
            yield from _labels(one.get("components", ()))


def _documents(bundle: Bundle, process: Process) -> str:
    rows = []
    for element in in_order(process):
        template = element.headers.get("template")
        meta = bundle.template(template).get("meta.yaml") if template else None
        if template and meta:
            said = yaml.safe_load(meta)
            rows.append(
                [
                    f"{said['title']}" + ("（草稿）" if element.headers.get("draft") == "true" else ""),
                    element.name or element.id,
                    code(said.get("series", "")),
                    "；".join(_basis(one) for one in said.get("legal_basis", ())),
                    "、".join(said.get("signers", ())),
                    str(said.get("copies", "")),
                    code(f"documents/templates/{template}/"),
                ]
            )
    head = ["文书", "出具的步骤", "编号", "依据", "签署", "份数", "模板"]
    return f"## 文书\n\n{table(head, rows)}" if rows else ""


def _basis(one: Mapping[str, str]) -> str:
    confidence = CONFIDENCES.get(one.get("confidence", ""), "")
    return one["text"] + (f"（{confidence}）" if confidence and not one["text"].startswith(confidence) else "")


def _calls(bundle: Bundle, process: Process) -> str:
    lines = []
    for element in in_order(process):
        if element.called_process:
            other = bundle.diagrams.get(element.called_process)
            name = f"[{other.name or other.id}]({other.id}.md)" if other else code(element.called_process)
            lines.append(f"- {element.name or element.id}：{name}")
    return "## 调用的流程\n\n" + "\n".join(lines) if lines else ""


def _decisions(bundle: Bundle, process: Process) -> str:
    """Return the decisions that the process asks for, parameter tables left to their own page."""
    model, sections = bundle.decisions, []
    called = dict.fromkeys(one.decision_id for one in in_order(process) if one.decision_id)
    wanted = [one for decision_id in called for one in required(model, decision_id or "")]
    apart = {one for one in wanted if set(required(model, one)) & set(tables(model))}
    beside = {one for decision_id in apart for one in required(model, decision_id)}
    for decision_id in dict.fromkeys(wanted):
        decision = model.decisions[decision_id]
        if decision_id not in beside:
            sections.append(decision_section(decision, _description(bundle.files[decision.file], decision_id)))
    return "\n\n".join(["## 决策", *sections]) if sections else ""


def _description(dmn: bytes, decision_id: str) -> str:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    found = etree.fromstring(dmn, parser).xpath(
        "//*[local-name()='decision'][@id=$id]/*[local-name()='description']/text()", id=decision_id
    )
    return str(found[0]).strip() if isinstance(found, list) and found else ""


def _parameters(bundle: Bundle, process: Process, known: Mapping[str, Mapping[str, Parameter]]) -> str:
    read: dict[str, Parameter] = {}
    for text in texts(bundle, process):
        read |= read_by(text, known)
    whole = [
        f"{element.name or element.id}（整份 `{variable}`）"
        for element in in_order(process)
        for variable in known
        if element.job_type and any(one.source.lstrip("= ") == variable for one in element.inputs)
    ]
    if not read and not whole:
        return ""
    ordered = [name for variable, rows in known.items() for row in rows if (name := f"{variable}.{row}") in read]
    rows = [[code(name), read[name].label, read[name].value, read[name].unit, read[name].status] for name in ordered]
    head = ["参数", "含义", "数值", "单位", "状态"]
    handed = f"交给自动步骤的：{'、'.join(whole)}。" if whole else ""
    return f"## 读取的参数\n\n全部参数和出处见[参数](../parameters.md)。{handed}\n\n{table(head, rows)}"
