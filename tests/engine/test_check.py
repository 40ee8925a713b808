"""The check: a sound bundle, and a folder of deliberately broken ones.

`broken/_sound` is a small complete bundle in which nothing is wrong. Every other folder of `broken/` holds
files that are laid over it, is called after the code of the finding that this must give (a second word
after `--` tells variants apart), and names file and element in `finding.txt`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from engine.calendars import ChinaCalendar
from engine.feel import Feel
from engine.operations import Operation
from engine.operations.cancel_deadline import CancelDeadline
from engine.operations.case_statistics import CaseStatistics
from engine.operations.compute_compensation import ComputeCompensation
from engine.operations.extend_deadline import ExtendDeadline
from engine.operations.meet_deadline import MeetDeadline
from engine.operations.notify import Notify
from engine.operations.number import Number
from engine.operations.open_deadline import OpenDeadline
from engine.operations.pause_deadline import PauseDeadline
from engine.operations.publish_message import PublishMessage
from engine.operations.render_document import RenderDocument
from engine.operations.resume_deadline import ResumeDeadline
from engine.operations.sample_cases import SampleCases
from engine.problems import Problem
from web.checking import CheckBundle, checker

ROOT = Path(__file__).resolve().parents[2]
BROKEN = Path(__file__).parent / "broken"
CASES = sorted(path.name for path in BROKEN.iterdir() if not path.name.startswith("_"))
VERBS: tuple[type[Operation], ...] = (
    CancelDeadline,
    CaseStatistics,
    ComputeCompensation,
    ExtendDeadline,
    MeetDeadline,
    Notify,
    Number,
    OpenDeadline,
    PauseDeadline,
    PublishMessage,
    RenderDocument,
    ResumeDeadline,
    SampleCases,
)

Bundle = Mapping[str, bytes]


@pytest.fixture(scope="module")
def check() -> Iterator[CheckBundle]:
    with Feel(ROOT / "bundles" / "feel.js", ChinaCalendar()) as feel:
        # The check reads what a verb declares; none of them is performed.
        yield checker(feel, {verb.type: verb.__new__(verb) for verb in VERBS})


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "finding.txt"
    }


SOUND = files_of(BROKEN / "_sound")


def test_nothing_is_wrong_with_the_sound_bundle(check: CheckBundle) -> None:
    assert check(SOUND) == []


def test_there_are_enough_broken_files() -> None:
    assert len(CASES) >= 100


@pytest.mark.parametrize("case", CASES)
def test_a_broken_file_gives_its_finding(check: CheckBundle, case: str) -> None:
    file, _, element_id = (BROKEN / case / "finding.txt").read_text(encoding="utf-8").strip().partition(" ")
    started = time.monotonic()
    problems = check(SOUND | files_of(BROKEN / case))
    assert time.monotonic() - started < 20, "a bomb must be refused, not sat through"
    found = {(problem.file, problem.element_id, problem.code) for problem in problems}
    assert (file, element_id, case.partition("--")[0]) in found
    for problem in problems:
        assert_well_said(problem)


def assert_well_said(problem: Problem) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", problem.code)
    assert re.search(r"[\u4e00-\u9fff]", problem.message)
    assert "\n" not in problem.message.strip()


def codes(problems: list[Problem]) -> set[tuple[str, str]]:
    return {(problem.element_id, problem.code) for problem in problems}


def changed(path: str, old: str, new: str) -> Bundle:
    text = SOUND[path].decode()
    assert old in text
    return {**SOUND, path: text.replace(old, new).encode()}


@pytest.mark.parametrize(
    ("path", "old", "new", "meant"),
    [
        ("workflows/repair.bpmn", '"repair.describe"', '"repair.descibe"', "repair.describe"),
        ("workflows/repair.bpmn", '"repair_inspection"', '"repair_inspektion"', "repair_inspection"),
        ("workflows/repair.bpmn", 'decisionId="repair_grade"', 'decisionId="repair_grad"', "repair_grade"),
        ("workflows/repair.bpmn", 'value="repair_note"', 'value="repair_not"', "repair_note"),
        ("workflows/repair.bpmn", 'type="notify"', 'type="notiffy"', "notify"),
    ],
)
def test_a_misspelt_name_gets_a_suggestion(check: CheckBundle, path: str, old: str, new: str, meant: str) -> None:
    errors = [problem for problem in check(changed(path, old, new)) if problem.severity == "error"]
    assert len(errors) == 1
    assert f"是不是指“{meant}”" in errors[0].message


@pytest.mark.parametrize("name", ["item_names", "told_by_message", "anything_else"])
def test_a_name_that_resembles_nothing_is_left_alone(check: CheckBundle, name: str) -> None:
    """Data come from outside as well: only a slip of the pen is reported."""
    bundle = changed("workflows/repair.bpmn", 'source="=item_name"', f'source="={name}"')
    assert check(bundle) == []


def test_names_computed_when_the_case_runs_are_left_alone(check: CheckBundle) -> None:
    bundle = changed("workflows/repair.bpmn", 'formId="repair.describe"', 'formId="=form_name"')
    assert check(bundle) == []


def test_a_broken_table_is_reported_once(check: CheckBundle) -> None:
    bundle = changed("workflows/repair_grade.dmn", 'hitPolicy="UNIQUE"', 'hitPolicy="MAYBE"')
    assert codes(check(bundle)) == {("repair_grade", "unknown-hit-policy")}


def test_a_finding_in_a_shared_file_is_one_finding(check: CheckBundle) -> None:
    folder = "documents/templates/"
    second = {
        path.replace("repair_note", "other_note"): content for path, content in SOUND.items() if path.startswith(folder)
    }
    shared = {f"{folder}_shared/company.css": b"@import 'https://example.org/x.css';"}
    problems = [one for one in check({**SOUND, **second, **shared}) if one.code == "style-import"]
    assert [one.file for one in problems] == [f"{folder}_shared/company.css"]


def test_findings_are_sorted_and_single(check: CheckBundle) -> None:
    problems = check({**SOUND, "workflows/a.bpmn": b"", "workflows/b.dmn": b"", "forms/a/b.form": b""})
    assert problems == sorted(set(problems))
    assert {problem.file for problem in problems} >= {"workflows/a.bpmn", "workflows/b.dmn", "forms/a/b.form"}


def test_an_empty_bundle_has_nothing_wrong(check: CheckBundle) -> None:
    assert check({}) == []


@pytest.mark.parametrize("path", sorted(SOUND))
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"null", b"[]", b"{}", b"<a/>", b"a: [", b"\x00" * 64])
def test_no_content_breaks_the_check(check: CheckBundle, path: str, content: bytes) -> None:
    for problem in check({**SOUND, path: content}):
        assert_well_said(problem)


def test_a_large_file_is_not_read(check: CheckBundle) -> None:
    path = "workflows/repair.bpmn"
    assert ("", "file-too-large") in codes(check({**SOUND, path: SOUND[path] + b" " * (9 * 1024 * 1024)}))
