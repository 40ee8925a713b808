"""The Camunda 8 extension elements of one BPMN element."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.dialect import xml
from engine.dialect.findings import Findings
from engine.dialect.model import IoMapping

# What each extension element may stand on. "*" stands for any flow node.
_TASKS_WITH_JOBS = {"serviceTask", "sendTask", "scriptTask", "businessRuleTask"}
_THROWS = {"intermediateThrowEvent", "endEvent"}
_MAPPED = (
    _TASKS_WITH_JOBS
    | _THROWS
    | {"task", "manualTask", "userTask", "receiveTask", "subProcess", "callActivity"}
    | {"startEvent", "intermediateCatchEvent", "boundaryEvent"}
)
KNOWN: Mapping[str, set[str]] = {
    "taskDefinition": _TASKS_WITH_JOBS | _THROWS,
    "taskHeaders": _TASKS_WITH_JOBS | _THROWS | {"userTask"},
    "ioMapping": _MAPPED,
    "properties": {"*"},
    "userTask": {"userTask"},
    "formDefinition": {"userTask", "startEvent", "intermediateCatchEvent", "boundaryEvent"},
    "assignmentDefinition": {"userTask"},
    "taskSchedule": {"userTask"},
    "priorityDefinition": {"userTask"},
    "calledElement": {"callActivity"},
    "calledDecision": {"businessRuleTask"},
    "script": {"scriptTask"},
    "publishMessage": {"sendTask"} | _THROWS,
}

REFUSED: Mapping[str, str] = {
    "executionListeners": "执行监听器",
    "taskListeners": "任务监听器",
    "linkedResources": "关联资源",
    "adHoc": "即席子流程",
    "conditionalFilter": "条件事件过滤器",
}

_VARIABLE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


class Extensions:
    """The `zeebe:` elements of a node by their names, the unknown and misplaced ones refused."""

    def __init__(self, node: xml.Node, element_id: str, findings: Findings) -> None:
        self.element_id = element_id
        self.findings = findings
        self._found: dict[str, xml.Node] = {}
        kind = xml.name(node)
        for attribute in node.attrib:
            self._refuse_foreign_name(str(attribute))
        extensions = xml.child(node, "extensionElements")
        if extensions is None:
            return
        for child in extensions:
            if isinstance(child.tag, str):
                self._add(kind, child)

    def _add(self, kind: str, child: xml.Node) -> None:
        name = xml.name(child)
        if xml.namespace(child) != xml.ZEEBE:
            self._refuse_foreign_name(str(child.tag))
        elif name in REFUSED:
            self.findings.add(
                self.element_id,
                "unsupported-extension",
                f"不支持{REFUSED[name]}（zeebe:{name}），请将其删除。",
            )
        elif name not in KNOWN:
            self.findings.add(self.element_id, "unsupported-extension", f"不认识扩展元素 zeebe:{name}。")
        elif not KNOWN[name] & {"*", kind}:
            self.findings.add(
                self.element_id, "misplaced-extension", f"zeebe:{name} 不能用在 {kind} 上，它在这里不起作用。"
            )
        elif name in self._found:
            self.findings.add(self.element_id, "duplicate-extension", f"zeebe:{name} 出现了两次。")
        else:
            self._found[name] = child

    def _refuse_foreign_name(self, tag: str) -> None:
        space, _, name = tag[1:].partition("}") if tag.startswith("{") else ("", "", tag)
        if space in xml.FOREIGN:
            self.findings.add(
                self.element_id,
                "foreign-extension",
                f"“{name}”是 {xml.FOREIGN[space]} 的扩展，这里不会执行；请改用 Camunda 8 的写法或将其删除。",
            )

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def get(self, name: str, attribute: str) -> str | None:
        """Return an attribute of an extension element, None if missing or empty."""
        node = self._found.get(name)
        return (node.get(attribute) or "").strip() or None if node is not None else None

    def headers(self) -> dict[str, str]:
        """Return the task headers."""
        return self._pairs("taskHeaders", "header", "key")

    def properties(self) -> dict[str, str]:
        """Return the properties."""
        return self._pairs("properties", "property", "name")

    def _pairs(self, group: str, item: str, key: str) -> dict[str, str]:
        node = self._found.get(group)
        if node is None:
            return {}
        items = [child for child in xml.children(node, xml.ZEEBE) if xml.name(child) == item]
        return {child.get(key, ""): child.get("value", "") for child in items if child.get(key)}

    def mappings(self, direction: str) -> tuple[IoMapping, ...]:
        """Return the `input` or `output` mappings, in order."""
        node = self._found.get("ioMapping")
        if node is None:
            return ()
        found = []
        for child in xml.children(node, xml.ZEEBE):
            if xml.name(child) not in {"input", "output"}:
                self.findings.add(self.element_id, "unsupported-extension", f"不认识变量映射 zeebe:{xml.name(child)}。")
            elif xml.name(child) == direction:
                mapping = IoMapping(child.get("source", ""), child.get("target", "").strip())
                self._check(mapping)
                found.append(mapping)
        return tuple(found)

    def _check(self, mapping: IoMapping) -> None:
        if not _VARIABLE.fullmatch(mapping.target):
            self.findings.add(self.element_id, "mapping-target", f"变量映射的目标“{mapping.target}”不是可用的变量名。")
        if mapping.source.strip() == "=":
            self.findings.add(self.element_id, "mapping-source", f"变量映射“{mapping.target}”的来源是空表达式。")

    def check_binding(self, name: str) -> None:
        """Refuse a binding to a version tag: what is called always comes from the case's own deployment."""
        binding = self.get(name, "bindingType")
        if binding not in {None, "latest", "deployment"}:
            self.findings.add(
                self.element_id,
                "unsupported-binding",
                f"不支持绑定方式“{binding}”：引用总是取自案件所在的同一次部署，请改为 deployment 或 latest。",
            )

    def fields(self, **attributes: tuple[str, str]) -> dict[str, Any]:
        """Return several attributes at once: field name = (extension element, attribute)."""
        return {field: self.get(*where) for field, where in attributes.items()}
