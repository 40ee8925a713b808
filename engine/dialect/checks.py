"""What is wrong with the drawing of a process: connections, gateways, events, tasks.

Each check takes one element (or scope) and adds findings; what an element's own XML already got wrong is
found while reading it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from engine.dialect.elements import ACTIVITIES
from engine.dialect.findings import Findings
from engine.dialect.model import Element, Flow, Process

_CATCHES = {"message", "timer", "signal", "link"}
_THROWS = {"none", "message", "signal", "escalation", "link"}
_ENDS = {"none", "message", "signal", "error", "escalation", "terminate"}
_BOUNDARIES = {"message", "timer", "error", "escalation", "signal"}
_PROCESS_STARTS = {"none", "message", "timer", "signal"}
_EVENT_STARTS = {"message", "timer", "error", "escalation", "signal"}

_LABELS = {
    "none": "空",
    "message": "消息",
    "timer": "定时",
    "error": "错误",
    "escalation": "升级",
    "signal": "信号",
    "link": "链接",
    "terminate": "终止",
}


def check(process: Process, findings: Findings) -> None:
    """Add everything wrong with the drawing of `process`."""
    scopes: list[Element | None] = [None]
    scopes += [element for element in process.elements.values() if element.type == "subProcess"]
    for scope in scopes:
        members = process.children(scope.id if scope else None)
        _check_starts(process, scope, members, findings)
        _check_reachable(members, findings)
        _check_links(members, findings)
        _check_boundaries(members, findings)
    for element in process.elements.values():
        for rule in _RULES:
            rule(element, process, findings)


def _check_starts(process: Process, scope: Element | None, members: Iterable[Element], findings: Findings) -> None:
    starts = [element for element in members if element.type == "startEvent"]
    owner = scope.id if scope else process.id
    label = "子流程" if scope else "流程"
    if not starts:
        findings.add(owner, "no-start-event", f"{label}没有开始事件。")
        return
    kinds = [element.event.kind for element in starts if element.event]
    if scope is None:
        if kinds.count("none") > 1:
            findings.add(owner, "several-start-events", "流程有多个空开始事件，无法确定从哪里开始。")
        allowed = _PROCESS_STARTS
    else:
        if len(starts) > 1:
            findings.add(owner, "several-start-events", "子流程只能有一个开始事件。")
        allowed = _EVENT_STARTS if scope.triggered_by_event else {"none"}
    for element in starts:
        kind = element.event.kind if element.event else "none"
        if kind not in allowed:
            where = "事件子流程" if scope and scope.triggered_by_event else label
            findings.add(element.id, "unsupported-start", f"{where}不能以{_LABELS[kind]}事件开始。")


def _check_reachable(members: Iterable[Element], findings: Findings) -> None:
    """Every element can be reached from a start event, an event sub-process, a boundary or a link."""
    by_id = {element.id: element for element in members}
    guards: dict[str, list[str]] = {}
    for element in by_id.values():
        if element.attached_to:
            guards.setdefault(element.attached_to, []).append(element.id)
    open_ends = [
        element.id
        for element in by_id.values()
        if element.type == "startEvent" or element.triggered_by_event or _is_link_catch(element)
    ]
    reached: set[str] = set()
    while open_ends:
        element_id = open_ends.pop()
        if element_id in reached or element_id not in by_id:
            continue
        reached.add(element_id)
        open_ends += [flow.target for flow in by_id[element_id].outgoing] + guards.get(element_id, [])
    for element in by_id.values():
        if element.id in reached:
            continue
        if not element.incoming and not element.attached_to:
            findings.add(element.id, "unconnected", f"“{_label(element)}”没有进入的连线，永远不会执行。")
        else:
            findings.add(element.id, "unreachable", f"从开始事件走不到“{_label(element)}”。")


def _check_links(members: Iterable[Element], findings: Findings) -> None:
    links = [element for element in members if element.event and element.event.kind == "link"]
    catches = Counter(element.event.name for element in links if element.event and _is_link_catch(element))
    for element in links:
        name = element.event.name if element.event else ""
        if _is_link_catch(element):
            if catches[name] > 1:
                findings.add(element.id, "link-ambiguous", f"同一层有多个名为“{name}”的链接捕获事件。")
            if element.incoming:
                findings.add(element.id, "link-incoming", "链接捕获事件不能有进入的连线。")
        else:
            if name not in catches:
                findings.add(element.id, "link-target-missing", f"同一层没有名为“{name}”的链接捕获事件。")
            if element.outgoing:
                findings.add(element.id, "link-outgoing", "链接抛出事件不能有出去的连线。")


def _check_boundaries(members: Iterable[Element], findings: Findings) -> None:
    by_id = {element.id: element for element in members}
    caught: Counter[tuple[str, str, str]] = Counter()
    for element in by_id.values():
        if element.type != "boundaryEvent" or element.event is None:
            continue
        host = by_id.get(element.attached_to or "")
        if host is None:
            findings.add(
                element.id,
                "unknown-reference",
                f"边界事件所依附的活动“{element.attached_to}”在同一层不存在。",
            )
        elif host.type not in ACTIVITIES or host.triggered_by_event:
            findings.add(element.id, "boundary-host", "边界事件只能依附于任务、子流程或调用活动。")
        if element.event.kind in {"error", "escalation"}:
            caught[(element.attached_to or "", element.event.kind, element.event.name)] += 1
    for (host_id, kind, code), count in caught.items():
        if count > 1:
            what = f"代码“{code}”" if code else "所有代码"
            findings.add(
                host_id,
                "boundary-ambiguous",
                f"多个{_LABELS[kind]}边界事件捕获同一活动的{what}，只能有一个。",
            )


def _check_event(element: Element, process: Process, findings: Findings) -> None:
    kind = element.event.kind if element.event else "none"
    allowed, code = {
        "intermediateCatchEvent": (_CATCHES, "unsupported-catch"),
        "intermediateThrowEvent": (_THROWS, "unsupported-throw"),
        "endEvent": (_ENDS, "unsupported-end"),
        "boundaryEvent": (_BOUNDARIES, "unsupported-boundary"),
    }.get(element.type, (None, ""))
    if allowed is not None and kind not in allowed:
        findings.add(element.id, code, f"{_LABELS[kind]}事件不能用在这个位置（{element.type}）。")
    if element.type in {"startEvent", "boundaryEvent"} and element.incoming:
        findings.add(element.id, "event-incoming", "开始事件与边界事件不能有进入的连线。")
    if element.type == "endEvent" and element.outgoing:
        findings.add(element.id, "end-outgoing", "结束事件不能有出去的连线。")
    in_event_sub_process = element.type == "startEvent" and element.parent is not None
    if (element.type == "boundaryEvent" or in_event_sub_process) and kind == "error" and not element.interrupting:
        findings.add(element.id, "error-not-interrupting", "错误事件必须是中断型。")


def _check_message(element: Element, process: Process, findings: Findings) -> None:
    event = element.event
    if event is None or event.kind != "message" or element.job_type:
        return
    at_the_top = element.type == "startEvent" and element.parent is None
    throws = element.type in {"intermediateThrowEvent", "endEvent", "sendTask"}
    if at_the_top and event.name.startswith("="):
        findings.add(element.id, "message-name-dynamic", "流程开始事件的消息名称不能是表达式。")
    if not (event.correlation_key or at_the_top or throws):
        findings.add(element.id, "correlation-missing", "等待消息须写明关联键（zeebe:subscription correlationKey）。")
    if throws and not event.correlation_key:
        findings.add(
            element.id,
            "correlation-missing",
            "发送消息须写明 zeebe:publishMessage 的关联键，或用 zeebe:taskDefinition 交给作业发送。",
        )


def _check_timer(element: Element, process: Process, findings: Findings) -> None:
    timer = element.timer
    if timer is None:
        return
    at_the_top = element.type == "startEvent" and element.parent is None
    if timer.kind == "duration" and at_the_top:
        findings.add(element.id, "timer-kind", "流程开始事件的定时只能是日期或周期。")
    if timer.kind == "cycle" and not at_the_top:
        if element.type == "intermediateCatchEvent":
            findings.add(element.id, "timer-kind", "中间定时事件只能是日期或时长，不能是周期。")
        elif element.interrupting:
            findings.add(element.id, "timer-kind", "中断型定时事件不能是周期，请改用日期或时长。")


def _check_gateway(element: Element, process: Process, findings: Findings) -> None:
    if element.type in {"exclusiveGateway", "inclusiveGateway"} and len(element.outgoing) > 1:
        for flow in element.outgoing:
            if flow.condition is None and not flow.is_default:
                findings.add(flow.id, "condition-missing", f"网关“{_label(element)}”的出线没有条件，也不是默认流向。")
    if element.type in {"parallelGateway", "eventBasedGateway"}:
        for flow in element.outgoing:
            if flow.condition is not None:
                findings.add(flow.id, "condition-not-allowed", "并行网关与事件网关的出线不能有条件。")
    if element.type == "eventBasedGateway":
        _check_event_gateway(element, process, findings)


def _check_event_gateway(element: Element, process: Process, findings: Findings) -> None:
    if len(element.outgoing) < 2:
        findings.add(element.id, "event-gateway", "事件网关至少要有两条出线。")
    for flow in element.outgoing:
        target = process.elements.get(flow.target)
        if target is None:
            continue
        catches = target.type == "receiveTask" or (
            target.type == "intermediateCatchEvent" and target.event and target.event.kind != "link"
        )
        if not catches:
            findings.add(target.id, "event-gateway-target", "事件网关之后只能是消息、定时、信号捕获事件或接收任务。")
        if len(target.incoming) > 1:
            findings.add(target.id, "event-gateway-target", "事件网关之后的事件只能有一条进入的连线。")
        if target.type == "receiveTask" and (
            target.loop or any(other.attached_to == target.id for other in process.elements.values())
        ):
            findings.add(target.id, "event-gateway-target", "事件网关之后的接收任务不能有边界事件或循环。")


def _check_conditions(element: Element, process: Process, findings: Findings) -> None:
    for flow in element.outgoing:
        if flow.condition is not None:
            _check_condition(flow, findings)
        if flow.is_default and element.type in {"parallelGateway", "eventBasedGateway"}:
            findings.add(element.id, "default-not-allowed", "并行网关与事件网关不能有默认流向。")
    loop = element.loop
    if loop is not None and loop.condition and not loop.condition.startswith("="):
        findings.add(element.id, "condition-not-feel", f"循环条件“{loop.condition}”须以 = 开头（FEEL）。")
    if loop is not None and loop.kind != "standard":
        for where, text in (
            ("inputCollection", loop.input_collection),
            ("outputElement", loop.output_element),
        ):
            if text and not text.startswith("="):
                findings.add(element.id, "loop-not-feel", f"多实例的 {where}“{text}”须以 = 开头（FEEL）。")


def _check_condition(flow: Flow, findings: Findings) -> None:
    condition = flow.condition or ""
    if flow.is_default:
        findings.warn(flow.id, "condition-on-default", "默认流向上的条件不会被求值，请删除条件。")
    elif not condition.startswith("="):
        findings.add(flow.id, "condition-not-feel", f"条件“{condition}”须以 = 开头（FEEL 表达式）。")
    elif not condition[1:].strip():
        findings.add(flow.id, "condition-missing", "条件是空表达式。")


def _check_task(element: Element, process: Process, findings: Findings) -> None:
    if element.type == "serviceTask" and not element.job_type:
        findings.add(element.id, "job-type-missing", "服务任务没有写明作业类型（zeebe:taskDefinition type）。")
    if element.type == "sendTask" and not element.job_type and element.event is None:
        findings.add(element.id, "job-type-missing", "发送任务没有写明作业类型，也没有要发送的消息。")
    if element.type == "scriptTask":
        _check_one_of(element, element.script, "脚本任务", "zeebe:script 的 expression", findings)
        if element.script and not element.script.startswith("="):
            findings.add(element.id, "script-not-feel", "脚本须以 = 开头（FEEL 表达式）。")
        if element.script and not element.result_variable:
            findings.add(element.id, "result-variable-missing", "脚本任务没有写明结果变量（resultVariable）。")
    if element.type == "businessRuleTask":
        _check_one_of(element, element.decision_id, "业务规则任务", "zeebe:calledDecision 的 decisionId", findings)
        if element.decision_id and not element.result_variable:
            findings.add(element.id, "result-variable-missing", "业务规则任务没有写明结果变量（resultVariable）。")


def _check_one_of(element: Element, own: str | None, label: str, field: str, findings: Findings) -> None:
    if not own and not element.job_type:
        findings.add(element.id, "implementation-missing", f"{label}没有写明 {field}，也没有作业类型。")
    if own and element.job_type:
        findings.add(element.id, "double-definition", f"{label}的 {field} 与作业类型只能有一个。")


def _check_sub_process(element: Element, process: Process, findings: Findings) -> None:
    if not element.triggered_by_event:
        return
    if element.incoming or element.outgoing:
        findings.add(element.id, "event-sub-process-flow", "事件子流程不能有进入或出去的连线。")
    if element.loop:
        findings.add(element.id, "event-sub-process-loop", "事件子流程不能循环或多实例。")


def _check_ends(element: Element, process: Process, findings: Findings) -> None:
    """A branch may end anywhere; it is seldom meant at a gateway or a start."""
    if element.outgoing or element.type == "endEvent" or element.triggered_by_event:
        return
    if element.event is not None and element.event.kind == "link" and not _is_link_catch(element):
        return
    findings.warn(element.id, "no-outgoing", f"“{_label(element)}”没有出去的连线，这个分支到此结束。")


def _is_link_catch(element: Element) -> bool:
    return element.type == "intermediateCatchEvent" and element.event is not None and element.event.kind == "link"


def _label(element: Element) -> str:
    return element.name or element.id


_Rule = Callable[[Element, Process, Findings], None]
_RULES: tuple[_Rule, ...] = (
    _check_event,
    _check_message,
    _check_timer,
    _check_gateway,
    _check_conditions,
    _check_task,
    _check_sub_process,
    _check_ends,
)
