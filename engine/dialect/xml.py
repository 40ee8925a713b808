"""The XML of a diagram: parsed without network, entities or document types."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from engine.dialect.findings import Findings

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
ZEEBE = "http://camunda.org/schema/zeebe/1.0"

# Dialects of other engines. What they say would be lost without a word, so it is refused.
FOREIGN = {
    "http://camunda.org/schema/1.0/bpmn": "Camunda 7",
    "http://activiti.org/bpmn": "Activiti",
    "http://flowable.org/bpmn": "Flowable",
    "http://spiffworkflow.org/bpmn/schema/1.0/core": "SpiffWorkflow",
    "http://www.jboss.org/drools": "jBPM",
}

Node = etree._Element


def parse(content: bytes, findings: Findings) -> Node | None:
    """Return the root `definitions` node, None with a finding if there is none."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        findings.add("", "not-xml", f"文件不是完好的 XML，无法读取：{error}。")
        return None
    if root.getroottree().docinfo.internalDTD is not None or b"<!DOCTYPE" in content[:4096]:
        findings.add("", "doctype", "文件含有 DOCTYPE 声明，为安全起见不予接受，请删除该声明。")
        return None
    if root.tag != f"{{{BPMN}}}definitions":
        findings.add("", "not-bpmn", "文件的根元素不是 bpmn:definitions，这不是 BPMN 2.0 流程图。")
        return None
    return root


def name(node: Node) -> str:
    """Return the tag without its namespace."""
    return etree.QName(node).localname


def namespace(node: Node) -> str:
    """Return the namespace of the tag, "" without one."""
    return etree.QName(node).namespace or ""


def children(node: Node, space: str = BPMN) -> Iterator[Node]:
    """Yield the child elements in a namespace, comments and processing instructions left out."""
    for child in node:
        if isinstance(child.tag, str) and namespace(child) == space:
            yield child


def child(node: Node, tag: str, space: str = BPMN) -> Node | None:
    """Return the first child element with this name."""
    return node.find(f"{{{space}}}{tag}")


def text(node: Node | None) -> str:
    """Return the text of an element, stripped; "" for none."""
    return "".join(str(part) for part in node.itertext()).strip() if node is not None else ""


def flag(node: Node, attribute: str, *, default: bool) -> bool:
    """Return a boolean attribute."""
    return {"true": True, "1": True, "false": False, "0": False}.get(node.get(attribute, ""), default)


def bare_copy(node: Node, extensions: set[str]) -> Node:
    """Return a copy of an element without its children except the named `zeebe:` extension elements."""
    copy = etree.Element(node.tag, {str(key): str(value) for key, value in node.attrib.items()})
    kept = etree.SubElement(copy, f"{{{BPMN}}}extensionElements")
    found = child(node, "extensionElements")
    for extension in children(found, ZEEBE) if found is not None else ():
        if name(extension) in extensions:
            kept.append(etree.fromstring(etree.tostring(extension)))
    return copy
