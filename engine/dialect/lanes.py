"""Lanes: who does what. An element belongs to the innermost lane that names it."""

from __future__ import annotations

from engine.dialect import xml
from engine.dialect.findings import Findings


class Lanes:
    """The lanes of one process."""

    def __init__(self, process: xml.Node, findings: Findings) -> None:
        self._lane_of: dict[str, tuple[int, str]] = {}
        self._names: list[str] = []
        known = {str(node.get("id")) for node in process.iter() if node.get("id")}
        for lane in process.iter(f"{{{xml.BPMN}}}lane"):
            self._read(lane, known, findings)

    def _read(self, lane: xml.Node, known: set[str], findings: Findings) -> None:
        depth = len(list(lane.iterancestors()))
        lane_id, name = lane.get("id", ""), " ".join(lane.get("name", "").split())
        for reference in lane.findall(f"{{{xml.BPMN}}}flowNodeRef"):
            element_id = xml.text(reference)
            if element_id not in known:
                findings.add(lane_id, "unknown-reference", f"泳道“{name}”中的元素“{element_id}”不存在。")
                continue
            if not name:
                findings.add(lane_id, "lane-unnamed", "泳道没有名称，无法知道由谁办理。")
            before = self._lane_of.get(element_id)
            if before is not None and before[0] == depth and before[1] != name:
                findings.add(element_id, "lane-ambiguous", f"元素同时属于泳道“{before[1]}”与“{name}”。")
            if before is None or depth >= before[0]:
                self._lane_of[element_id] = (depth, name)

    def of(self, element_id: str) -> str | None:
        """Return the name of the element's lane, None without one."""
        found = self._lane_of.get(element_id)
        return found[1] or None if found else None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the lanes that contain elements, in the order of the file."""
        return tuple(dict.fromkeys(name for _, name in self._lane_of.values() if name))
