"""Diagrams for tests, drawn in a few words: each function gives the XML of one element."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from html import escape

_ROOT = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" id="defs" targetNamespace="http://test">'
)


def diagram(*parts: str) -> bytes:
    """A file of processes and root elements."""
    return ('<?xml version="1.0" encoding="UTF-8"?>' + _ROOT + "".join(parts) + "</bpmn:definitions>").encode()


def process(process_id: str, *parts: str, ext: str = "", executable: bool = True, name: str = "") -> str:
    flag = "true" if executable else "false"
    return (
        f'<bpmn:process id="{process_id}" name="{name}" isExecutable="{flag}">'
        f"{_ext(ext)}{''.join(parts)}</bpmn:process>"
    )


def el(tag: str, element_id: str, *inside: str, ext: str = "", **attributes: str) -> str:
    """Any element; `ext` goes into its extension elements."""
    attrs = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f'<bpmn:{tag} id="{element_id}"{attrs}>{_ext(ext)}{"".join(inside)}</bpmn:{tag}>'


def _ext(ext: str) -> str:
    return f"<bpmn:extensionElements>{ext}</bpmn:extensionElements>" if ext else ""


def z(tag: str, *inside: str, **attributes: str) -> str:
    """A zeebe element."""
    attrs = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<zeebe:{tag}{attrs}>{''.join(inside)}</zeebe:{tag}>"


def flow(source: str, target: str, condition: str = "", flow_id: str = "") -> str:
    flow_id = flow_id or f"{source}__{target}"
    inside = (
        f'<bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">{escape(condition)}</bpmn:conditionExpression>'
        if condition
        else ""
    )
    attributes = f'id="{flow_id}" sourceRef="{source}" targetRef="{target}"'
    return f"<bpmn:sequenceFlow {attributes}>{inside}</bpmn:sequenceFlow>"


def chain(path: str) -> str:
    """Flows along ids separated by blanks: `"s a e"` is s->a, a->e."""
    ids = path.split()
    return "".join(flow(source, target) for source, target in itertools.pairwise(ids))


def start(element_id: str = "s", *inside: str, **attributes: str) -> str:
    return el("startEvent", element_id, *inside, **attributes)


def end(element_id: str = "e", *inside: str, ext: str = "") -> str:
    return el("endEvent", element_id, *inside, ext=ext)


def user(element_id: str, *inside: str, ext: str = "", **attributes: str) -> str:
    return el("userTask", element_id, *inside, ext=z("userTask") + ext, **attributes)


def job(element_id: str, *inside: str, kind: str = "work", tag: str = "serviceTask", ext: str = "") -> str:
    return el(tag, element_id, *inside, ext=z("taskDefinition", type=kind) + ext)


def script(element_id: str, expression: str, result: str) -> str:
    return el("scriptTask", element_id, ext=z("script", expression=expression, resultVariable=result))


def io(inputs: Mapping[str, str] | None = None, outputs: Mapping[str, str] | None = None) -> str:
    """An ioMapping: target -> source."""
    return z(
        "ioMapping",
        *(z("input", source=source, target=target) for target, source in (inputs or {}).items()),
        *(z("output", source=source, target=target) for target, source in (outputs or {}).items()),
    )


def timer(text: str, kind: str = "timeDuration") -> str:
    return (
        f'<bpmn:timerEventDefinition><bpmn:{kind} xsi:type="bpmn:tFormalExpression">{escape(text)}'
        f"</bpmn:{kind}></bpmn:timerEventDefinition>"
    )


def event(kind: str, ref: str = "") -> str:
    """An event definition: `event("message", "M1")`, `event("terminate")`."""
    key = {"message": "messageRef", "signal": "signalRef", "error": "errorRef", "escalation": "escalationRef"}
    attribute = f' {key[kind]}="{ref}"' if ref else ""
    return f"<bpmn:{kind}EventDefinition{attribute}/>"


def link(name: str) -> str:
    return f'<bpmn:linkEventDefinition name="{name}"/>'


def message(message_id: str, name: str, key: str = "=key") -> str:
    return el("message", message_id, ext=z("subscription", correlationKey=key) if key else "", name=name)


def signal(signal_id: str, name: str) -> str:
    return el("signal", signal_id, name=name)


def error(error_id: str, code: str) -> str:
    return el("error", error_id, name=code, errorCode=code)


def escalation(escalation_id: str, code: str) -> str:
    return el("escalation", escalation_id, name=code, escalationCode=code)


def boundary(element_id: str, host: str, *inside: str, interrupting: bool = True, ext: str = "") -> str:
    flag = "true" if interrupting else "false"
    return el("boundaryEvent", element_id, *inside, ext=ext, attachedToRef=host, cancelActivity=flag)


def multi(collection: str, element: str = "", *inside: str, sequential: bool = False, **loop: str) -> str:
    """Multi-instance; `loop` takes outputCollection and outputElement."""
    names = {"inputCollection": collection, **({"inputElement": element} if element else {}), **loop}
    flag = "true" if sequential else "false"
    characteristics = _ext(z("loopCharacteristics", **names))
    return (
        f'<bpmn:multiInstanceLoopCharacteristics isSequential="{flag}">{characteristics}'
        f"{''.join(inside)}</bpmn:multiInstanceLoopCharacteristics>"
    )


def until(condition: str) -> str:
    return f"<bpmn:completionCondition>{escape(condition)}</bpmn:completionCondition>"


def loop(condition: str = "", **attributes: str) -> str:
    attrs = "".join(f' {key}="{value}"' for key, value in attributes.items())
    inside = f"<bpmn:loopCondition>{escape(condition)}</bpmn:loopCondition>" if condition else ""
    return f"<bpmn:standardLoopCharacteristics{attrs}>{inside}</bpmn:standardLoopCharacteristics>"


def lanes(**members: str) -> str:
    """A lane set: name = ids separated by blanks."""
    drawn = "".join(
        el(
            "lane",
            f"lane_{index}",
            *(f"<bpmn:flowNodeRef>{node}</bpmn:flowNodeRef>" for node in nodes.split()),
            name=name,
        )
        for index, (name, nodes) in enumerate(members.items())
    )
    return f'<bpmn:laneSet id="lanes">{drawn}</bpmn:laneSet>'
