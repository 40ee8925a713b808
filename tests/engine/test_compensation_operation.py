"""The verb compute_compensation: a job's inputs in, the result variable out, or one sentence a field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.operations import BpmnError, Job
from engine.operations.compute_compensation import ComputeCompensation


def job(inputs: dict[str, Any], **headers: str) -> Job:
    return Job(
        key=None,
        case_key=1,
        case_number="HS-TS-202611-0001",
        process_id="retail_injury",
        element_id="Task_Compute",
        element_name="计算赔偿",
        type="compute_compensation",
        headers=headers,
        inputs=inputs,
        files={},
        now=datetime(2026, 11, 23, tzinfo=UTC),
        by="lin",
        idempotency_key="1",
    )


def test_the_result_goes_to_its_variable() -> None:
    inputs = {"rules_on": "2026-11-21", "fraud": {"price": "120.00"}, "channel": "phone"}
    assert ComputeCompensation.inline
    assert ComputeCompensation().perform(job(inputs))["compensation"]["proposed"]["total"] == "620.00"
    named = ComputeCompensation().perform(job({"compensation_input": inputs}, result_variable="fake"))
    assert named["fake"]["company"]["total"] == "240.00"


def test_what_cannot_be_computed_is_an_error_of_the_diagram_that_says_what_to_fill_in() -> None:
    inputs = {
        "rules_on": "2026-11-21",
        "fraud": {"kind": "goods"},
        "injury": {"medical": [{}, {"receipt": "A1"}]},
    }
    with pytest.raises(BpmnError) as failed:
        ComputeCompensation().perform(job(inputs))
    assert failed.value.code == "compensation_input"
    assert failed.value.variables == {"compensation_problem": "医疗费第 2 行：请填写医疗费金额。\n请填写实付价款。"}
