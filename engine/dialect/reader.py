"""From the XML of a `.bpmn` file to a `Diagram`."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterator

from engine.dialect import checks, xml
from engine.dialect.elements import FLOW_NODES, REFUSED, ElementReader
from engine.dialect.events import EventReader, read_references
from engine.dialect.expressions import expressions_of
from engine.dialect.findings import Findings
from engine.dialect.lanes import Lanes
from engine.dialect.model import Diagram, Element, Flow, Process, StartEvent
from engine.dialect.zeebe import Extensions

MAX_DEPTH = 20  # sub-processes within sub-processes; nobody reads deeper drawings

# Parts of a process that say nothing to an engine.
_HARMLESS = {
    "documentation",
    "extensionElements",
    "laneSet",
    "sequenceFlow",
    "association",
    "group",
    "textAnnotation",
    "artifact",
    "category",
    "dataObject",
    "dataObjectReference",
    "dataObjectRef",
    "dataState",
    "dataStoreReference",
    "dataInputAssociation",
    "dataOutputAssociation",
    "ioSpecification",
    "ioBinding",
    "property",
    "incoming",
    "outgoing",
    "auditing",
    "monitoring",
    "multiInstanceLoopCharacteristics",
    "standardLoopCharacteristics",
    "correlationSubscription",
    "supports",
    "supportedInterfaceRef",
    "performer",
    "potentialOwner",
    "humanPerformer",
    "resourceRole",
}

_REFUSED_ROOTS = {
    "choreography": "编排图",
    "globalChoreographyTask": "编排任务",
    "conversation": "会话图",
}


def read(file: str, content: bytes) -> Diagram:
    """Return what `content` says, with everything found wrong in `problems`. Never raises for the content."""
    findings = Findings(file)
    root = xml.parse(content, findings)
    if root is None:
        return Diagram(file, findings.all())
    for node in xml.children(root):
        if xml.name(node) in _REFUSED_ROOTS:
            findings.add(node.get("id", ""), "unsupported-element", f"不支持{_REFUSED_ROOTS[xml.name(node)]}。")
    _check_ids(root, findings)
    nodes = [node for node in xml.children(root) if xml.name(node) == "process"]
    executable = [node for node in nodes if xml.flag(node, "isExecutable", default=False)]
    if not executable:
        findings.add("", "no-executable-process", '文件中没有可执行的流程（isExecutable="true"）。', "warning")
    reader = ElementReader(EventReader(read_references(root), findings), findings)
    processes = {node.get("id", ""): _ProcessReader(node, reader, findings).read() for node in executable}
    for process in processes.values():
        checks.check(process, findings)
    return Diagram(file, findings.all(), processes)


def _check_ids(root: xml.Node, findings: Findings) -> None:
    """Every id stands once in a file; what executes has one."""
    counted = Counter(str(node.get("id")) for node in root.iter(f"{{{xml.BPMN}}}*") if node.get("id") is not None)
    for element_id, count in counted.items():
        if count > 1:
            findings.add(element_id, "duplicate-id", f"编号“{element_id}”在文件中出现了 {count} 次，编号须唯一。")
    for node in root.iter(f"{{{xml.BPMN}}}*"):
        if xml.name(node) in FLOW_NODES | {"process", "sequenceFlow"} and not node.get("id"):
            findings.add("", "id-missing", f"一个 {xml.name(node)}（{node.get('name', '未命名')}）没有编号（id）。")


class _ProcessReader:
    """Reads one executable process with its sub-processes."""

    def __init__(self, node: xml.Node, elements: ElementReader, findings: Findings) -> None:
        self.node = node
        self.reader = elements
        self.findings = findings
        self.lanes = Lanes(node, findings)
        self.elements: dict[str, Element] = {}

    def read(self) -> Process:
        process_id = self.node.get("id", "")
        extensions = _process_extensions(self.node, process_id, self.findings)
        self._read_scope(self.node, parent=None, lane=None, depth=0)
        starts = tuple(
            StartEvent(element.id, element.name, element.event)
            for element in self.elements.values()
            if element.parent is None and element.type == "startEvent" and element.event is not None
        )
        return Process(
            id=process_id,
            name=" ".join(self.node.get("name", "").split()) or process_id,
            file=self.findings.file,
            executable=True,
            lanes=self.lanes.names,
            properties=extensions,
            start_events=starts,
            elements=self.elements,
            documentation=xml.text(xml.child(self.node, "documentation")),
            version_tag=_version_tag(self.node),
        )

    def _read_scope(self, scope: xml.Node, *, parent: str | None, lane: str | None, depth: int) -> None:
        owner = scope.get("id", "")
        if depth > MAX_DEPTH:
            self.findings.add(owner, "nested-too-deep", f"子流程嵌套超过 {MAX_DEPTH} 层，请改用调用活动。")
            return
        nodes = list(self._flow_nodes(scope, owner))
        incoming: dict[str, list[Flow]] = defaultdict(list)
        outgoing: dict[str, list[Flow]] = defaultdict(list)
        for flow in self._flows(scope, nodes):
            outgoing[flow.source].append(flow)
            incoming[flow.target].append(flow)
        for node in nodes:
            node_id = node.get("id", "")
            element = self.reader.read(
                node,
                parent=parent,
                lane=self.lanes.of(node_id) or lane,
                incoming=tuple(incoming[node_id]),
                outgoing=tuple(outgoing[node_id]),
            )
            self.elements[node_id] = dataclasses.replace(element, expressions=expressions_of(element))
            if element.type == "subProcess":
                self._read_scope(node, parent=node_id, lane=element.lane, depth=depth + 1)

    def _flow_nodes(self, scope: xml.Node, owner: str) -> Iterator[xml.Node]:
        for node in xml.children(scope):
            tag, node_id = xml.name(node), node.get("id", "")
            if tag in FLOW_NODES:
                self._check_data(node, node_id)
                yield node
            elif tag in REFUSED:
                self.findings.add(node_id, "unsupported-element", f"不支持{REFUSED[tag]}。")
            elif tag not in _HARMLESS:
                self.findings.add(node_id or owner, "unsupported-element", f"不认识元素 bpmn:{tag}。")

    def _check_data(self, node: xml.Node, node_id: str) -> None:
        """Data objects are drawings; reading or writing a data store is something nobody would do."""
        for association in xml.children(node):
            if xml.name(association) not in {"dataInputAssociation", "dataOutputAssociation"}:
                continue
            ends = {xml.text(end) for end in xml.children(association)}
            stores = self.node.iter(f"{{{xml.BPMN}}}dataStoreReference")
            if ends & {store.get("id", "") for store in stores}:
                self.findings.add(
                    node_id, "unsupported-data-store", "数据存储不会被读写，请删除与它的连线，改用服务任务。"
                )

    def _flows(self, scope: xml.Node, nodes: list[xml.Node]) -> list[Flow]:
        known = {node.get("id", ""): node for node in nodes}
        flows = []
        for node in xml.children(scope):
            if xml.name(node) != "sequenceFlow":
                continue
            flow_id, source, target = (node.get(key, "") for key in ("id", "sourceRef", "targetRef"))
            if source not in known or target not in known:
                self._lost_end(flow_id, source if source not in known else target)
                continue
            default = known[source].get("default") == flow_id
            name = " ".join(node.get("name", "").split())
            flows.append(Flow(flow_id, name, source, target, self._condition(node, flow_id), default))
        self._check_defaults(known, {(flow.source, flow.id) for flow in flows})
        return flows

    def _condition(self, node: xml.Node, flow_id: str) -> str | None:
        condition = xml.child(node, "conditionExpression")
        if condition is None:
            return None
        language = condition.get("language", "")
        if language and "feel" not in language.lower():
            self.findings.add(flow_id, "unsupported-language", "条件只能用 FEEL 书写，请删除 language 属性。")
        return xml.text(condition) or None

    def _check_defaults(self, known: dict[str, xml.Node], leaving: set[tuple[str, str]]) -> None:
        for node_id, node in known.items():
            default = node.get("default")
            if default and (node_id, default) not in leaving:
                self.findings.add(node_id, "unknown-reference", f"默认流向“{default}”不是从这里出去的连线。")

    def _lost_end(self, flow_id: str, end: str) -> None:
        found = self.node.xpath(".//*[@id=$id]", id=end) if end else []
        if found:
            self.findings.add(
                flow_id,
                "flow-crosses-scope",
                f"连线跨出了子流程的边界（“{end}”不在同一层），请改用消息或事件。",
            )
        else:
            self.findings.add(flow_id, "unknown-reference", f"连线所指的元素“{end}”不存在。")


def _process_extensions(node: xml.Node, process_id: str, findings: Findings) -> dict[str, str]:
    """Return the process's properties; refuse what would not be executed."""
    extensions = xml.child(node, "extensionElements")
    for child in xml.children(extensions, xml.ZEEBE) if extensions is not None else ():
        if xml.name(child) == "executionListeners":
            findings.add(process_id, "unsupported-extension", "不支持执行监听器（zeebe:executionListeners）。")
        elif xml.name(child) not in {"properties", "versionTag", "userTaskForm"}:
            findings.add(process_id, "unsupported-extension", f"不认识扩展元素 zeebe:{xml.name(child)}。")
    only_properties = Extensions(xml.bare_copy(node, {"properties"}), process_id, findings)
    return only_properties.properties()


def _version_tag(node: xml.Node) -> str | None:
    found = node.find(f"{{{xml.BPMN}}}extensionElements/{{{xml.ZEEBE}}}versionTag")
    return found.get("value") if found is not None else None
