"""Diagrams as Camunda Modeler saves them: each deploys and runs to its end, or is refused by element and
reason."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dialect import read
from tests.engine.play import ROOT, Files, Play, bundle_of

FOLDER = ROOT / "tests/engine/diagrams"
BROKEN = {"findings.bpmn"}


def everything() -> Files:
    files = {path.name: path.read_bytes() for path in FOLDER.glob("*.bpmn") if path.name not in BROKEN}
    return bundle_of(files, {path.name: path.read_bytes() for path in FOLDER.glob("*.dmn")})


RUNS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "ten_jobs": (
        {"region": "华南", "accepted": True},
        [
            ("", "job:Activity_1"),
            ("complete Activity_1", "job:Activity_2"),
            ("complete Activity_2", "job:Activity_3"),
            ("complete Activity_3", "timer:Event_wait"),
            ("fire Event_wait", "job:Activity_4"),
            ("complete Activity_4", "job:Activity_5"),
            ("complete Activity_5", "job:Activity_6"),
            ("complete Activity_6", "job:Activity_7"),
            ("complete Activity_7", "job:Activity_8"),
            ("complete Activity_8", "done"),
        ],
    ),
    "parcel_tracking": (
        {"parcels": ["a1"], "order_number": 7},
        [
            ("", "msg:Activity_duplicate msg:Event_cancelled msg:Event_transit"),
            (
                "deliver Event_transit",
                "msg:Activity_duplicate msg:Event_cancelled msg:Event_delivered msg:Event_missed",
            ),
            ("deliver Event_missed", "msg:Activity_duplicate msg:Event_again msg:Event_cancelled"),
            (
                "deliver Event_again",
                "msg:Activity_duplicate msg:Event_cancelled msg:Event_delivered msg:Event_missed",
            ),
            (
                "deliver Activity_duplicate",
                "msg:Activity_duplicate msg:Event_cancelled msg:Event_delivered msg:Event_missed",
            ),
            ("deliver Event_delivered", "done"),
        ],
    ),
    "grade_all": (
        {"goods": [{"price": 1200}, {"price": 12}], "region": "华南"},
        [
            ("", "timer:Event_5s"),
            ("fire Event_5s", "job:Activity_note job:Activity_note"),
            ("complete Activity_note", "job:Activity_note"),
            ("complete Activity_note", "job:Activity_report"),
            ("complete Activity_report", "done"),
        ],
    ),
    "one_form": ({}, [("", "Activity_inspect"), ("complete Activity_inspect", "done")]),
    "two_namespaces": ({}, [("", "done")]),
    "two_pools": (
        {},
        [
            ("", "Activity_answer"),
            ("complete Activity_answer", "Activity_approve"),
            ("complete Activity_approve", "done"),
        ],
    ),
}


@pytest.mark.parametrize("process_id", RUNS)
def test_runs(process_id: str) -> None:
    variables, steps = RUNS[process_id]
    play = Play(everything())
    for command, expected in steps:
        if command:
            verb, element = command.split()
            getattr(play, verb)(element)
        else:
            play.start(variables, process_id)
        assert play.waits == expected


def test_every_diagram_is_tried() -> None:
    assert set(RUNS) | {"grade_one"} == set(everything().diagrams)


def test_results_of_called_processes_are_collected() -> None:
    play = Play(everything()).start({"goods": [{"price": 1200}, {"price": 12}], "region": "x"}, "grade_all")
    play.fire("Event_5s").complete("Activity_note").complete("Activity_note")
    assert play.variables["grades"] == ["A", "B"]
    assert play.item("Activity_report").type == "report-x"


def test_lanes_of_pools() -> None:
    process = everything().diagrams["two_pools"]
    assert process.lanes == ("卖场", "客服部", "公司负责人")
    assert process.elements["Activity_approve"].lane == "公司负责人"


def test_what_cannot_run_is_refused_by_element_and_reason() -> None:
    found = read("findings.bpmn", (FOLDER / "findings.bpmn").read_bytes())
    assert {(problem.element_id, problem.code) for problem in found.problems if problem.severity == "error"} == {
        ("Activity_form", "unsupported-form"),
        ("Activity_job", "job-type-missing"),
        ("Activity_rule", "implementation-missing"),
        ("Activity_adhoc", "unsupported-element"),
    }
