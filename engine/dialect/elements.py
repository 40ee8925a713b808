"""One flow node: from its XML to an `Element`."""

from __future__ import annotations

from typing import Any

from engine.dialect import xml
from engine.dialect.events import EventReader
from engine.dialect.findings import Findings
from engine.dialect.model import Element, Flow, Loop
from engine.dialect.zeebe import Extensions

EVENTS = {"startEvent", "endEvent", "intermediateCatchEvent", "intermediateThrowEvent", "boundaryEvent"}
GATEWAYS = {"exclusiveGateway", "parallelGateway", "inclusiveGateway", "eventBasedGateway"}
TASKS = {
    "task",
    "userTask",
    "manualTask",
    "serviceTask",
    "sendTask",
    "receiveTask",
    "scriptTask",
    "businessRuleTask",
}
ACTIVITIES = TASKS | {"subProcess", "callActivity"}
FLOW_NODES = EVENTS | GATEWAYS | ACTIVITIES

REFUSED = {
    "complexGateway": "复杂网关",
    "transaction": "事务子流程",
    "adHocSubProcess": "即席子流程",
    "implicitThrowEvent": "隐式抛出事件",
    "event": "未定类型的事件",
    "choreographyTask": "编排任务",
    "callChoreography": "编排调用",
    "subChoreography": "子编排",
}

# Parts of an activity that an engine of another make would execute: saying nothing would lose them.
_REFUSED_PARTS = {
    "potentialOwner": "potentialOwner（请改用 zeebe:assignmentDefinition）",
    "humanPerformer": "humanPerformer（请改用 zeebe:assignmentDefinition）",
    "performer": "performer（请改用 zeebe:assignmentDefinition）",
    "resourceRole": "resourceRole（请改用 zeebe:assignmentDefinition）",
}

_NO_FLOWS: tuple[Flow, ...] = ()


class ElementReader:
    """Reads the flow nodes of one file."""

    def __init__(self, events: EventReader, findings: Findings) -> None:
        self.events = events
        self.findings = findings

    def read(
        self,
        node: xml.Node,
        *,
        parent: str | None,
        lane: str | None,
        incoming: tuple[Flow, ...] = _NO_FLOWS,
        outgoing: tuple[Flow, ...] = _NO_FLOWS,
    ) -> Element:
        """Return the element, everything it holds that would not be executed being refused."""
        element_id, kind = node.get("id", ""), xml.name(node)
        extensions = Extensions(node, element_id, self.findings)
        fields: dict[str, Any] = {}
        if kind in EVENTS:
            fields["event"] = self.events.read(node, element_id, extensions)
        elif kind == "receiveTask":
            fields["event"] = self.events.message(node.get("messageRef"), element_id, extensions, throws=False)
        if kind in ACTIVITIES:
            fields |= self._activity(node, element_id)
        fields |= self._data(kind, extensions)
        fields |= self._by_type(node, kind, element_id, extensions)
        return Element(
            id=element_id,
            name=" ".join(node.get("name", "").split()),
            type=kind,
            parent=parent,
            lane=lane,
            documentation=xml.text(xml.child(node, "documentation")),
            incoming=incoming,
            outgoing=outgoing,
            **fields,
        )

    def _data(self, kind: str, extensions: Extensions) -> dict[str, Any]:
        inputs = extensions.mappings("input")
        if inputs and kind in {"startEvent", "boundaryEvent"}:
            self.findings.add(
                extensions.element_id,
                "mapping-direction",
                "开始事件与边界事件没有输入映射，请改用输出映射。",
            )
        return {
            "inputs": inputs,
            "outputs": extensions.mappings("output"),
            "headers": extensions.headers(),
            "properties": extensions.properties(),
        }

    def _by_type(self, node: xml.Node, kind: str, element_id: str, extensions: Extensions) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        match kind:
            case "userTask":
                fields = self._user_task(element_id, extensions)
            case "callActivity":
                fields = self._call_activity(node, element_id, extensions)
            case "businessRuleTask" | "scriptTask" | "serviceTask" | "sendTask":
                fields = self._work(node, kind, element_id, extensions)
            case "intermediateThrowEvent" | "endEvent":
                fields = self._message_sent(element_id, extensions) | self._job(extensions)
            case "boundaryEvent":
                fields = {
                    "attached_to": node.get("attachedToRef", ""),
                    "interrupting": xml.flag(node, "cancelActivity", default=True),
                    **self._asked(extensions),
                }
            case "intermediateCatchEvent":
                fields = self._asked(extensions)
            case "startEvent":
                fields = {
                    "interrupting": xml.flag(node, "isInterrupting", default=True),
                    **self._asked(extensions),
                }
            case "subProcess":
                fields = {"triggered_by_event": xml.flag(node, "triggeredByEvent", default=False)}
            case "receiveTask" | "eventBasedGateway":
                self._refuse_instantiation(node, element_id)
        return fields

    def _asked(self, extensions: Extensions) -> dict[str, Any]:
        """An event's form: what is asked when somebody brings about by hand what it waits for."""
        return extensions.fields(form_id=("formDefinition", "formId"))

    def _activity(self, node: xml.Node, element_id: str) -> dict[str, Any]:
        if xml.flag(node, "isForCompensation", default=False):
            self.findings.add(element_id, "unsupported-compensation", "不支持补偿活动（isForCompensation）。")
        for attribute in ("startQuantity", "completionQuantity"):
            if node.get(attribute, "1") != "1":
                self.findings.add(element_id, "unsupported-attribute", f"不支持 {attribute}，请将其删除。")
        loops = [child for child in xml.children(node) if xml.name(child).endswith("LoopCharacteristics")]
        for child in xml.children(node):
            if xml.name(child) in _REFUSED_PARTS:
                self.findings.add(element_id, "unsupported-part", f"不支持 {_REFUSED_PARTS[xml.name(child)]}。")
        return {"loop": self._loop(loops[0], element_id) if loops else None}

    def _loop(self, node: xml.Node, element_id: str) -> Loop:
        if xml.name(node) == "standardLoopCharacteristics":
            return self._standard_loop(node, element_id)
        for tag in ("loopCardinality", "loopDataInputRef", "loopDataOutputRef", "complexBehaviorDefinition"):
            if xml.child(node, tag) is not None:
                self.findings.add(
                    element_id, "unsupported-loop", f"多实例不支持 {tag}，请改用 zeebe:loopCharacteristics。"
                )
        if node.get("behavior", "All") != "All":
            self.findings.add(element_id, "unsupported-loop", "多实例不支持 behavior 属性。")
        found = node.find(f"{{{xml.BPMN}}}extensionElements/{{{xml.ZEEBE}}}loopCharacteristics")
        attributes = {str(key): str(value) for key, value in found.attrib.items()} if found is not None else {}
        loop = Loop(
            kind="sequential" if xml.flag(node, "isSequential", default=False) else "parallel",
            input_collection=attributes.get("inputCollection", "").strip(),
            input_element=attributes.get("inputElement", "").strip(),
            output_collection=attributes.get("outputCollection", "").strip(),
            output_element=attributes.get("outputElement", "").strip(),
            condition=xml.text(xml.child(node, "completionCondition")),
        )
        if not loop.input_collection:
            self.findings.add(element_id, "loop-collection-missing", "多实例没有写明输入集合（inputCollection）。")
        if bool(loop.output_collection) != bool(loop.output_element):
            self.findings.add(
                element_id,
                "loop-output",
                "多实例的输出集合与输出元素须同时写明（outputCollection、outputElement）。",
            )
        return loop

    def _standard_loop(self, node: xml.Node, element_id: str) -> Loop:
        maximum = node.get("loopMaximum")
        if maximum is not None and not (maximum.isdecimal() and int(maximum) > 0):
            self.findings.add(element_id, "loop-maximum", f"循环次数上限“{maximum}”不是正整数。")
            maximum = None
        condition = xml.text(xml.child(node, "loopCondition"))
        if not condition and maximum is None:
            self.findings.add(
                element_id, "loop-endless", "循环既没有条件（loopCondition）也没有次数上限（loopMaximum）。"
            )
        return Loop(
            kind="standard",
            condition=condition,
            test_before=xml.flag(node, "testBefore", default=False),
            maximum=int(maximum) if maximum is not None else None,
        )

    def _user_task(self, element_id: str, extensions: Extensions) -> dict[str, Any]:
        for attribute, label in (
            ("formKey", "表单键 formKey"),
            ("externalReference", "外部表单 externalReference"),
        ):
            if extensions.get("formDefinition", attribute):
                self.findings.add(
                    element_id,
                    "unsupported-form",
                    f"不支持{label}，请把表单存为 .form 文件并用 formId 引用。",
                )
        extensions.check_binding("formDefinition")
        return extensions.fields(
            form_id=("formDefinition", "formId"),
            assignee=("assignmentDefinition", "assignee"),
            candidate_groups=("assignmentDefinition", "candidateGroups"),
            candidate_users=("assignmentDefinition", "candidateUsers"),
            due_date=("taskSchedule", "dueDate"),
            follow_up_date=("taskSchedule", "followUpDate"),
            priority=("priorityDefinition", "priority"),
        )

    def _call_activity(self, node: xml.Node, element_id: str, extensions: Extensions) -> dict[str, Any]:
        called = extensions.get("calledElement", "processId")
        if called is None:
            hint = "（BPMN 的 calledElement 属性不起作用）" if node.get("calledElement") else ""
            self.findings.add(
                element_id,
                "called-process-missing",
                f"调用活动没有写明 zeebe:calledElement 的 processId{hint}。",
            )
        extensions.check_binding("calledElement")
        flags = {
            f"propagate_all_{side.lower()}_variables": extensions.get("calledElement", f"propagateAll{side}Variables")
            != "false"
            for side in ("Parent", "Child")
        }
        return {"called_process": called, **flags}

    def _job(self, extensions: Extensions) -> dict[str, Any]:
        return {
            "job_type": extensions.get("taskDefinition", "type"),
            "retries": extensions.get("taskDefinition", "retries") or "3",
        }

    def _work(self, node: xml.Node, kind: str, element_id: str, extensions: Extensions) -> dict[str, Any]:
        fields = self._job(extensions)
        if kind == "scriptTask":
            fields["script"] = extensions.get("script", "expression")
            fields["result_variable"] = extensions.get("script", "resultVariable")
            if xml.child(node, "script") is not None or node.get("scriptFormat"):
                self.findings.add(
                    element_id,
                    "unsupported-script",
                    "脚本任务只执行 FEEL（zeebe:script），不执行其他脚本语言。",
                )
        elif kind == "businessRuleTask":
            fields["decision_id"] = extensions.get("calledDecision", "decisionId")
            fields["result_variable"] = extensions.get("calledDecision", "resultVariable")
            extensions.check_binding("calledDecision")
        elif kind == "sendTask" and "taskDefinition" not in extensions:
            fields["event"] = self.events.message(node.get("messageRef"), element_id, extensions, throws=True)
            fields |= self._message_sent(element_id, extensions)
        return fields

    def _message_sent(self, element_id: str, extensions: Extensions) -> dict[str, Any]:
        if "publishMessage" in extensions and "taskDefinition" in extensions:
            self.findings.add(
                element_id, "double-definition", "zeebe:publishMessage 与 zeebe:taskDefinition 只能有一个。"
            )
        return extensions.fields(
            message_id=("publishMessage", "messageId"), time_to_live=("publishMessage", "timeToLive")
        )

    def _refuse_instantiation(self, node: xml.Node, element_id: str) -> None:
        if xml.flag(node, "instantiate", default=False):
            self.findings.add(
                element_id, "unsupported-instantiate", "不支持由此处开始流程（instantiate），请改用开始事件。"
            )
        if node.get("eventGatewayType", "Exclusive") != "Exclusive":
            self.findings.add(element_id, "unsupported-gateway", "不支持并行的事件网关。")
