"""A diagram edited the way Camunda Modeler does it: elements, lanes, shapes and edges together, ids kept."""

from __future__ import annotations

from typing import Any

from lxml import etree

_BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
_DI = "http://www.omg.org/spec/BPMN/20100524/DI"
_DC = "http://www.omg.org/spec/DD/20100524/DC"
_WAYPOINT = "{http://www.omg.org/spec/DD/20100524/DI}waypoint"
_ZEEBE = "http://camunda.org/schema/zeebe/1.0"


class Modeler:
    """An open diagram. `save()` gives the file back."""

    def __init__(self, content: bytes) -> None:
        self._root = etree.fromstring(content)
        self._root.set("exporterVersion", "5.41.0")

    def set_condition(self, flow_id: str, feel: str) -> None:
        """Type another condition into a sequence flow that has one."""
        condition = self._element(flow_id).find(f"{{{_BPMN}}}conditionExpression")
        assert condition is not None
        condition.text = feel

    def set_script(self, task_id: str, feel: str) -> None:
        """Type another expression into a script task."""
        (script,) = self._element(task_id).iter(f"{{{_ZEEBE}}}script")
        script.set("expression", feel)

    def set_cell(self, entry_id: str, feel: str) -> None:
        """Type something else into a cell of a decision table (Camunda Modeler's other editor)."""
        (text,) = (child for child in self._element(entry_id) if etree.QName(child).localname == "text")
        text.text = feel

    def insert_user_task(self, flow_id: str, task_id: str, name: str, *, form_id: str, due_date: str) -> None:
        """Drop a new user task on a sequence flow, in the lane of the flow's source.

        The flow keeps its id and ends at the task, a new one goes on to where it ended.
        """
        flow = self._element(flow_id)
        source, target = self._element(flow.get("sourceRef")), self._element(flow.get("targetRef"))
        onwards = f"Flow_{task_id}"
        task = etree.Element(f"{{{_BPMN}}}userTask", id=task_id, name=name)
        extensions = _sub(task, _BPMN, "extensionElements")
        _sub(extensions, _ZEEBE, "userTask")
        _sub(extensions, _ZEEBE, "formDefinition", formId=form_id)
        _sub(extensions, _ZEEBE, "taskSchedule", dueDate=due_date)
        _sub(task, _BPMN, "incoming").text = flow_id
        _sub(task, _BPMN, "outgoing").text = onwards
        flow.set("targetRef", task_id)
        next(one for one in target.findall(f"{{{_BPMN}}}incoming") if one.text == flow_id).text = onwards
        # The modeler writes what was added last after what was there.
        process = flow.getparent()
        process.append(task)
        _sub(process, _BPMN, "sequenceFlow", id=onwards, sourceRef=task_id, targetRef=target.get("id"))
        _sub(self._lane_of(source), _BPMN, "flowNodeRef").text = task_id
        self._draw(flow_id, task_id, onwards)

    def save(self) -> bytes:
        etree.indent(self._root, "  ")
        content: bytes = etree.tostring(self._root, encoding="UTF-8", xml_declaration=True)
        return content.replace(b"<?xml version='1.0' encoding='UTF-8'?>", b'<?xml version="1.0" encoding="UTF-8"?>')

    def _element(self, element_id: str | None) -> Any:
        (found,) = self._root.xpath("//*[@id=$id]", id=element_id)
        return found

    def _lane_of(self, element: Any) -> Any:
        (reference,) = self._root.xpath("//b:flowNodeRef[text()=$id]", id=element.get("id"), namespaces={"b": _BPMN})
        return reference.getparent()

    def _draw(self, flow_id: str, task_id: str, onwards: str) -> None:
        edge = self._element(f"{flow_id}_di")
        start, *_, end = ((float(point.get("x")), float(point.get("y"))) for point in edge.findall(_WAYPOINT))
        left, top = (start[0] + end[0]) / 2 - 50, start[1] + 60
        plane = edge.getparent()
        shape = _sub(plane, _DI, "BPMNShape", id=f"{task_id}_di", bpmnElement=task_id)
        _sub(shape, _DC, "Bounds", x=f"{left:g}", y=f"{top:g}", width="100", height="80")
        _sub(shape, _DI, "BPMNLabel")
        _route(edge, start, (left + 50, top))
        _route(_sub(plane, _DI, "BPMNEdge", id=f"{onwards}_di", bpmnElement=onwards), (left + 50, top), end)


def _sub(parent: Any, namespace: str, tag: str, **attributes: str) -> Any:
    return etree.SubElement(parent, f"{{{namespace}}}{tag}", attributes)


def _route(edge: Any, *points: tuple[float, float]) -> None:
    for old in edge.findall(_WAYPOINT):
        edge.remove(old)
    for number, (x, y) in enumerate(points):
        point = etree.Element(_WAYPOINT, x=f"{x:g}", y=f"{y:g}")
        edge.insert(number, point)
