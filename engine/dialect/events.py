"""Event definitions, and the messages, signals, errors and escalations they refer to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from engine.dialect import iso8601, xml
from engine.dialect.findings import Findings
from engine.dialect.model import Event, Timer
from engine.dialect.zeebe import Extensions

_REFUSED = {
    "compensateEventDefinition": "补偿事件",
    "conditionalEventDefinition": "条件事件",
    "cancelEventDefinition": "取消事件（事务）",
}

_TIMER_KINDS: dict[str, Literal["date", "duration", "cycle"]] = {
    "timeDate": "date",
    "timeDuration": "duration",
    "timeCycle": "cycle",
}


@dataclass
class References:
    """What the root elements of a file declare, by id."""

    messages: dict[str, tuple[str, str | None]] = field(default_factory=dict)  # name, correlation key
    signals: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    escalations: dict[str, str] = field(default_factory=dict)


def read_references(root: xml.Node) -> References:
    """Return what `definitions` declares for events to refer to."""
    references = References()
    for node in xml.children(root):
        node_id, tag = node.get("id", ""), xml.name(node)
        if tag == "message":
            references.messages[node_id] = (node.get("name", "").strip(), _correlation_key(node))
        elif tag == "signal":
            references.signals[node_id] = node.get("name", "").strip()
        elif tag == "error":
            references.errors[node_id] = node.get("errorCode", "").strip()
        elif tag == "escalation":
            references.escalations[node_id] = node.get("escalationCode", "").strip()
    return references


def _correlation_key(message: xml.Node) -> str | None:
    subscription = message.find(f"{{{xml.BPMN}}}extensionElements/{{{xml.ZEEBE}}}subscription")
    return (subscription.get("correlationKey") or "").strip() or None if subscription is not None else None


class EventReader:
    """Reads the event definition of an event element and the message of a receive or send task."""

    def __init__(self, references: References, findings: Findings) -> None:
        self.references = references
        self.findings = findings

    def read(self, node: xml.Node, element_id: str, extensions: Extensions) -> Event:
        """Return the event of an event element; the none event where what it holds was refused."""
        definitions = [child for child in xml.children(node) if xml.name(child).lower().endswith("eventdefinition")]
        referenced = xml.child(node, "eventDefinitionRef")
        if referenced is not None:
            self.findings.add(
                element_id, "unsupported-event", "不支持引用式事件定义（eventDefinitionRef），请直接定义。"
            )
        if len(definitions) > 1:
            self.findings.add(element_id, "multiple-events", "一个事件含有多个事件定义，不支持多重事件，请拆开。")
            return Event("none")
        if not definitions:
            return Event("none")
        return self._definition(definitions[0], node, element_id, extensions)

    def _definition(self, node: xml.Node, owner: xml.Node, element_id: str, extensions: Extensions) -> Event:
        tag = xml.name(node)
        throws = xml.name(owner) in {"intermediateThrowEvent", "endEvent"}
        readers: dict[str, Callable[[], Event]] = {
            "messageEventDefinition": lambda: self.message(
                node.get("messageRef"), element_id, extensions, throws=throws
            ),
            "timerEventDefinition": lambda: Event("timer", timer=self._timer(node, element_id)),
            "errorEventDefinition": lambda: self._code("error", node.get("errorRef"), element_id, throws=throws),
            "escalationEventDefinition": lambda: self._code(
                "escalation", node.get("escalationRef"), element_id, throws=throws
            ),
            "signalEventDefinition": lambda: self._signal(node.get("signalRef"), element_id),
            "linkEventDefinition": lambda: self._link(node, element_id),
            "terminateEventDefinition": lambda: Event("terminate"),
        }
        if tag in readers:
            return readers[tag]()
        self.findings.add(element_id, "unsupported-event", f"不支持{_REFUSED.get(tag, tag)}。")
        return Event("none")

    def message(self, reference: str | None, element_id: str, extensions: Extensions, *, throws: bool) -> Event:
        """Return the event of a message caught or thrown."""
        if throws and "taskDefinition" in extensions:  # a worker sends it: the diagram need not name the message
            return Event("message", self.references.messages.get(reference or "", ("", None))[0])
        if reference is None:
            self.findings.add(element_id, "message-missing", "消息事件没有指定消息（messageRef）。")
            return Event("message")
        if reference not in self.references.messages:
            self.findings.add(element_id, "unknown-reference", f"找不到消息“{reference}”。")
            return Event("message")
        name, key = self.references.messages[reference]
        if not name:
            self.findings.add(element_id, "message-unnamed", f"消息“{reference}”没有名称。")
        return Event("message", name, extensions.get("publishMessage", "correlationKey") if throws else key)

    def _timer(self, node: xml.Node, element_id: str) -> Timer | None:
        found = [child for child in xml.children(node) if xml.name(child) in _TIMER_KINDS]
        if len(found) != 1 or not xml.text(found[0]):
            self.findings.add(
                element_id,
                "timer-missing",
                "定时事件须且只须写明一项：日期、时长或周期（timeDate、timeDuration、timeCycle）。",
            )
            return None
        timer = Timer(_TIMER_KINDS[xml.name(found[0])], xml.text(found[0]))
        if not timer.text.startswith("="):
            self._check_literal(timer, element_id)
        return timer

    def _check_literal(self, timer: Timer, element_id: str) -> None:
        parse = {
            "date": iso8601.parse_date,
            "duration": iso8601.parse_duration,
            "cycle": iso8601.parse_cycle,
        }[timer.kind]
        try:
            parse(timer.text)
        except iso8601.NotIso8601 as error:
            self.findings.add(element_id, "timer-invalid", f"定时写法有误：{error}。")

    def _code(
        self, kind: Literal["error", "escalation"], reference: str | None, element_id: str, *, throws: bool
    ) -> Event:
        label = "错误" if kind == "error" else "升级"
        known = self.references.errors if kind == "error" else self.references.escalations
        if reference is None:
            if throws:
                self.findings.add(element_id, f"{kind}-missing", f"抛出{label}的事件没有指定{label}（{kind}Ref）。")
            return Event(kind)
        if reference not in known:
            self.findings.add(element_id, "unknown-reference", f"找不到{label}“{reference}”。")
        elif throws and not known[reference]:
            self.findings.add(element_id, f"{kind}-code-missing", f"{label}“{reference}”没有代码。")
        elif not throws and known[reference].startswith("="):
            self.findings.add(element_id, f"{kind}-code-dynamic", f"捕获{label}的代码不能是表达式。")
        return Event(kind, known.get(reference, ""))

    def _signal(self, reference: str | None, element_id: str) -> Event:
        if reference is None or reference not in self.references.signals:
            self.findings.add(element_id, "unknown-reference", f"找不到信号“{reference or ''}”。")
            return Event("signal")
        name = self.references.signals[reference]
        if not name:
            self.findings.add(element_id, "signal-unnamed", f"信号“{reference}”没有名称。")
        return Event("signal", name)

    def _link(self, node: xml.Node, element_id: str) -> Event:
        name = node.get("name", "").strip()
        if not name:
            self.findings.add(element_id, "link-unnamed", "链接事件没有名称。")
        return Event("link", name)
