"""What a diagram says of other files: forms, tables, processes, verbs, templates; and the FEEL it holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from engine import numbering
from engine.check.contents import Contents, suggestion
from engine.dialect import Element, Process
from engine.feel import Feel


class Parameter(Protocol):
    """A header or an input that a verb understands."""

    @property
    def name(self) -> str: ...
    @property
    def required(self) -> bool: ...
    @property
    def choices(self) -> Mapping[str, str]: ...


class Verb(Protocol):
    """What the check needs to know of an operation."""

    @property
    def headers(self) -> tuple[Parameter, ...]: ...
    @property
    def inputs(self) -> tuple[Parameter, ...]: ...


SYSTEM_FACTS = frozenset({"document", "org", "meta", "deadlines"})
"""Facts of a template that the system fills in."""

PROPERTIES = frozenset(
    {
        "case_title",
        "case_complainant",
        "case_phone",
        "case_product",
        "case_summary",
        "case_number",
        "case_starters",
        "case_entry",
        "case_answer_due",
        "case_carried",
        "case_email",
        "case_import_form",
        "case_import_reference",
    }
)
"""The process properties that mean something; other names are anybody's own."""

DIMENSION = re.compile(r"case_dimension_[a-z][a-z0-9_]{0,49}")
"""Properties by which cases are counted; the name after the prefix is the dimension's."""

READERS, PERIOD, TARGETS = "report_readers", "report_period", "report_targets"
REPORT_PROPERTIES = frozenset({READERS, "report_processes", "report_by", PERIOD, TARGETS, "report_hot"})
"""What makes a process a report (see `engine.reports`)."""
PERIODS = ("day", "week", "month", "quarter")

COMMON_TARGETS = "report_targets"
"""The decision with the targets of the report over everything, which no diagram uses."""

TASK_HEADERS = frozenset({"not_completed_by", "similar_cases"})

WITH_TEMPLATE, WITH_SERIES, WITH_DEADLINE = "template", "series", "deadline"
"""Headers that are checked wherever a verb has them."""

OPENS_DEADLINE = "open_deadline"
"""The verb that a deadline's id comes from; the others name one."""

EVERY_DEADLINE = "*"


def check(contents: Contents, feel: Feel, verbs: Mapping[str, Verb]) -> None:
    """Add what is wrong with the diagrams' references and expressions."""
    for process in contents.processes.values():
        _check_properties(process, contents, feel)
        for element in process.elements.values():
            _check_feel(element, process, contents, feel)
            for rule in _RULES:
                for code, message in rule(element, process, contents):
                    contents.add(process.file, element.id, code, message)
            _check_job(element, process, contents, verbs)
            _check_people(element, process, contents)
            _check_gateway(element, process, contents)


# --- expressions and properties


def _check_feel(element: Element, process: Process, contents: Contents, feel: Feel) -> None:
    for where, text in element.expressions:
        fault = feel.syntax_error(text)
        if fault:
            # The condition stands at the flow, which has an id of its own.
            place = where.removeprefix("condition ") if where.startswith("condition ") else element.id
            label = "条件" if place != element.id else where
            contents.add(process.file, place, "feel-invalid", f"{label}的表达式“{text}”有误：{fault}。")


def _check_properties(process: Process, contents: Contents, feel: Feel) -> None:
    for name, value in process.properties.items():
        counted = DIMENSION.fullmatch(name) is not None
        if name.startswith("case_") and name not in PROPERTIES and not counted:
            message = f"流程属性“{name}”没有用处{suggestion(name, PROPERTIES)}。"
            contents.warn(process.file, process.id, "property-unknown", message)
        fault = feel.syntax_error(value[1:]) if value.startswith("=") else None
        if fault and (name in PROPERTIES or counted):
            message = f"流程属性“{name}”的表达式有误：{fault}。"
            contents.add(process.file, process.id, "feel-invalid", message)
    _check_report(process, contents)
    pattern = process.properties.get("case_number", "")
    fault = numbering.pattern_problem(pattern) if pattern else None
    if fault:
        message = f"案件编号格式“{pattern}”有误：{fault}。"
        contents.add(process.file, process.id, "number-pattern", message)


def _check_report(process: Process, contents: Contents) -> None:
    given = process.properties
    for name in given:
        if name.startswith("report_") and name not in REPORT_PROPERTIES:
            message = f"流程属性“{name}”没有用处{suggestion(name, REPORT_PROPERTIES)}。"
            contents.warn(process.file, process.id, "property-unknown", message)
    if given.get(PERIOD, PERIODS[0]).strip() not in PERIODS:
        message = f"报表的时段只能是 {'、'.join(PERIODS)}，不是“{given[PERIOD]}”。"
        contents.add(process.file, process.id, "report-period", message)
    targets, known = given.get(TARGETS, "").strip(), contents.decisions.decisions
    if targets and targets not in known and targets not in contents.decisions.broken:
        message = f"指标表“{targets}”不存在{suggestion(targets, known)}。"
        contents.add(process.file, process.id, "decision-not-found", message)
    for name in filter(None, (part.strip() for part in given.get("report_processes", "").split(","))):
        if name not in contents.processes:
            message = f"报表要统计的流程“{name}”不存在{suggestion(name, contents.processes)}。"
            contents.add(process.file, process.id, "process-not-found", message)


# --- references

_Finding = tuple[str, str]


def _is_fixed(text: str | None) -> bool:
    """Say whether a reference is written out, so that it can be looked up now."""
    return bool(text) and not str(text).startswith("=")


def _form(element: Element, process: Process, contents: Contents) -> Iterator[_Finding]:
    form_id = element.form_id or ""
    if _is_fixed(form_id) and form_id not in contents.forms:
        yield "form-not-found", f"表单“{form_id}”不存在{suggestion(form_id, contents.forms)}。"


def _decision(element: Element, process: Process, contents: Contents) -> Iterator[_Finding]:
    decision_id = element.decision_id or ""
    known = contents.decisions.decisions
    if _is_fixed(decision_id) and decision_id not in known and decision_id not in contents.decisions.broken:
        yield "decision-not-found", f"决策“{decision_id}”不存在{suggestion(decision_id, known)}。"


def _called_process(element: Element, process: Process, contents: Contents) -> Iterator[_Finding]:
    called_id = element.called_process or ""
    if not _is_fixed(called_id):
        return
    called = contents.processes.get(called_id)
    if called is None:
        yield (
            "process-not-found",
            f"被调用的流程“{called_id}”不存在{suggestion(called_id, contents.processes)}。",
        )
    elif not any(start.event.kind == "none" for start in called.start_events):
        yield "process-not-callable", f"被调用的流程“{called_id}”没有空开始事件，无法从这里开始。"


def _four_eyes(element: Element, process: Process, contents: Contents) -> Iterator[_Finding]:
    if element.type != "userTask":
        return
    for name in filter(None, (part.strip() for part in element.headers.get("not_completed_by", "").split(","))):
        tasks = [other.id for other in process.elements.values() if other.type == "userTask"]
        if name not in tasks:
            yield (
                "task-not-found",
                f"not_completed_by 所指的用户任务“{name}”不在本流程里{suggestion(name, tasks)}。",
            )


def _error_code(element: Element, process: Process, contents: Contents) -> Iterator[_Finding]:
    """A boundary event that waits for an error code which nothing in its activity can throw."""
    event = element.event
    if element.type != "boundaryEvent" or event is None or event.kind != "error" or not event.name:
        return
    host = process.elements.get(element.attached_to or "")
    if host is None or host.type not in {"subProcess", "callActivity"}:
        return  # a job may throw any code
    thrown = _thrown(host, process, contents, set())
    if thrown is not None and event.name not in thrown:
        yield (
            "error-code-unknown",
            f"错误代码“{event.name}”在“{host.name or host.id}”里没有人抛出{suggestion(event.name, thrown)}。",
        )


def _thrown(host: Element, process: Process, contents: Contents, seen: set[str]) -> set[str] | None:
    """Return the error codes thrown inside `host`, `None` if a job inside could throw any."""
    if host.type == "callActivity":
        called = contents.processes.get(host.called_process or "")
        if called is None:
            return None
        if called.id in seen:
            return set()
        seen.add(called.id)
        process, inside = called, called.children(None)
    else:
        inside = process.children(host.id)
    codes: set[str] = set()
    for element in inside:
        if element.job_type:
            return None
        if element.event is not None and element.event.kind == "error" and element.type == "endEvent":
            codes.add(element.event.name)
        if element.type in {"subProcess", "callActivity"}:
            deeper = _thrown(element, process, contents, seen)
            if deeper is None:
                return None
            codes |= deeper
    return codes


_Rule = Callable[[Element, Process, Contents], Iterator[_Finding]]
_RULES: tuple[_Rule, ...] = (_form, _decision, _called_process, _four_eyes, _error_code)


# --- jobs


def _check_job(element: Element, process: Process, contents: Contents, verbs: Mapping[str, Verb]) -> None:
    job_type = element.job_type or ""
    if not _is_fixed(job_type):
        return
    verb = verbs.get(job_type)
    if verb is None:
        message = f"作业类型“{job_type}”不存在{suggestion(job_type, verbs)}；可用的有：{'、'.join(sorted(verbs))}。"
        contents.add(process.file, element.id, "job-type-unknown", message)
        return
    _check_headers(element, process, contents, verb)
    _check_inputs(element, process, contents, verb)
    if WITH_TEMPLATE in {header.name for header in verb.headers}:
        _check_template(element, process, contents)


def _check_headers(element: Element, process: Process, contents: Contents, verb: Verb) -> None:
    names = {header.name for header in verb.headers}
    for header in verb.headers:
        value = element.headers.get(header.name, "").strip()
        if value and header.choices and value not in header.choices:
            message = f"任务头“{header.name}”只能是 {'、'.join(header.choices)}，不是“{value}”。"
            contents.add(process.file, element.id, "header-value", message)
        if header.required and not element.headers.get(header.name, "").strip():
            message = f"作业“{element.job_type}”缺少必填的任务头“{header.name}”。"
            contents.add(process.file, element.id, "header-missing", message)
    for name in element.headers:
        if name not in names:
            message = f"作业“{element.job_type}”不认识任务头“{name}”{suggestion(name, names)}。"
            contents.warn(process.file, element.id, "header-unknown", message)
    if WITH_DEADLINE in names and element.job_type != OPENS_DEADLINE:
        _check_deadline(element, process, contents)
    pattern = element.headers.get(WITH_SERIES, "").strip() if WITH_SERIES in names else ""
    fault = numbering.pattern_problem(pattern) if pattern else None
    if fault:
        message = f"编号格式“{pattern}”有误：{fault}。"
        contents.add(process.file, element.id, "number-pattern", message)


def _check_deadline(element: Element, process: Process, contents: Contents) -> None:
    """A deadline that no diagram of the bundle opens never runs, so that nothing would happen."""
    name = element.headers.get(WITH_DEADLINE, "").strip()
    opened = {
        other.headers.get(WITH_DEADLINE, "").strip()
        for _, other in contents.elements()
        if other.job_type == OPENS_DEADLINE
    }
    if name and name != EVERY_DEADLINE and name not in opened:
        message = f"没有任何流程打开期限“{name}”{suggestion(name, opened)}。"
        contents.add(process.file, element.id, "deadline-unknown", message)


def _targets(element: Element) -> set[str]:
    return {mapping.target.split(".")[0] for mapping in element.inputs}


def _check_inputs(element: Element, process: Process, contents: Contents, verb: Verb) -> None:
    """Without a mapping a job sees every variable, so that nothing can be said."""
    given = _targets(element)
    for item in verb.inputs:
        if item.required and given and item.name not in given:
            message = f"作业“{element.job_type}”缺少必填的输入“{item.name}”。"
            contents.add(process.file, element.id, "input-missing", message)


def _check_template(element: Element, process: Process, contents: Contents) -> None:
    name = element.headers.get(WITH_TEMPLATE, "").strip()
    template = contents.templates.get(name)
    if template is None:
        if name:
            message = f"文书模板“{name}”不存在{suggestion(name, contents.templates)}。"
            contents.add(process.file, element.id, "template-not-found", message)
        return
    given = _targets(element)
    if not given:
        return
    for fact in sorted(template.required - given - SYSTEM_FACTS):
        message = f"文书模板“{name}”必需的事实“{fact}”没有由输入映射提供{suggestion(fact, given)}。"
        contents.add(process.file, element.id, "fact-missing", message)
    for fact in sorted(given - template.facts) if template.facts else ():
        message = f"文书模板“{name}”不认识输入映射给出的“{fact}”{suggestion(fact, template.facts)}。"
        contents.warn(process.file, element.id, "fact-unknown", message)


# --- people and gateways


def _check_people(element: Element, process: Process, contents: Contents) -> None:
    if element.type != "userTask" or element.job_type:
        return
    if not (element.lane or element.assignee or element.candidate_groups or element.candidate_users):
        if process.lanes:
            message = "用户任务不在任何泳道里，也没有指定办理人或候选组，没有人能看到它。"
            contents.add(process.file, element.id, "task-without-lane", message)
        else:
            message = "流程没有泳道，用户任务也没有指定办理人或候选组，任何人都可以办理。"
            contents.warn(process.file, element.id, "task-without-candidate", message)
    if not element.form_id:
        message = "用户任务没有表单，办理人只能按“完成”，不能填写任何内容。"
        contents.warn(process.file, element.id, "task-without-form", message)
    for name in element.headers:
        close = suggestion(name, TASK_HEADERS)
        if name not in TASK_HEADERS and close:
            contents.warn(process.file, element.id, "header-unknown", f"用户任务不认识任务头“{name}”{close}。")


def _check_gateway(element: Element, process: Process, contents: Contents) -> None:
    if element.type not in {"exclusiveGateway", "inclusiveGateway"} or len(element.outgoing) < 2:
        return
    if not any(flow.is_default for flow in element.outgoing):
        message = "网关没有默认流向：所有条件都不成立时，案件会停在这里。"
        contents.warn(process.file, element.id, "default-missing", message)
