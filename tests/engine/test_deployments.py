"""Deployments: immutable, content-addressed, versioned, checked, on both databases."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select

from engine.casework import errors
from engine.casework.results import DeploymentInfo
from engine.deployments import Bundle, Deployments
from engine.identity import SYSTEM
from engine.problems import Problem
from engine.tables import deployment, resource
from tests.engine import procedures
from tests.engine.conftest import House
from tests.engine.procedures import chain, el, end, file, headers, job, lanes, process, properties, start, user, z

FORM = b'{"id": "complaint.register", "components": []}'
TABLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="http://x">
<decision id="grade" name="grade"><literalExpression id="l"><text>1</text></literalExpression></decision>
</definitions>"""


def versions(info: DeploymentInfo) -> dict[str, int]:
    return {process.process_id: process.version for process in info.processes}


def test_the_same_content_again_changes_nothing(house: House) -> None:
    first = house.deploy(procedures.COMPLAINT)
    again = house.deploy(dict(procedures.COMPLAINT))
    assert first.new
    assert not again.new
    assert (again.key, again.hash, again.processes) == (first.key, first.hash, first.processes)
    assert versions(first) == {"complaint": 1}


def test_files_are_laid_over_the_latest_bundle_and_stored_once(house: House) -> None:
    house.deploy(procedures.COMPLAINT)
    second = house.deploy(procedures.PARALLEL)
    assert versions(second) == {"complaint": 1, "parallel": 1}
    back = house.casework.deploy({}, by="owner", check=lambda _: [], remove=["workflows/drawn.bpmn"])
    assert back.new
    assert versions(back) == {"complaint": 1}
    with house.database.read() as tx:
        assert tx.execute(select(func.count()).select_from(resource)).scalar_one() == 2
        assert tx.execute(select(func.count()).select_from(deployment)).scalar_one() == 3


def caller(table: str = "grade") -> dict[str, bytes]:
    return file(
        process(
            "main",
            start(),
            user("fill", ext=z("formDefinition", formId="complaint.register")),
            el("callActivity", "call", ext=z("calledElement", processId="sub")),
            end(),
            chain("s fill call e"),
        ),
        name="main",
    ) | file(
        process(
            "sub",
            start("s2"),
            el(
                "businessRuleTask",
                "judge",
                ext=z("calledDecision", decisionId=table, resultVariable="grade"),
            ),
            job("write", kind="render_document", ext=headers(template="letter")),
            end("e2"),
            chain("s2 judge write e2"),
        ),
        name="sub",
    )


class TestVersions:
    @pytest.fixture
    def files(self) -> dict[str, bytes]:
        return {
            **caller(),
            "workflows/grade.dmn": TABLE,
            "forms/complaint/register.form": FORM,
            "documents/templates/letter/meta.yaml": b"{}",
            "documents/templates/_shared/company.html": b"x",
            "documents/templates/other/meta.yaml": b"{}",
        }

    @pytest.mark.parametrize(
        ("path", "content", "expected"),
        [
            ("forms/complaint/register.form", FORM + b" ", {"main": 2, "sub": 1}),
            ("workflows/grade.dmn", TABLE.replace(b">1<", b">2<"), {"main": 2, "sub": 2}),
            ("documents/templates/letter/meta.yaml", b"{a: 1}", {"main": 2, "sub": 2}),
            ("documents/templates/_shared/company.html", b"y", {"main": 2, "sub": 2}),
            ("documents/templates/other/meta.yaml", b"{a: 1}", {"main": 1, "sub": 1}),
        ],
    )
    def test_a_version_counts_up_when_anything_it_uses_changes(
        self, house: House, files: dict[str, bytes], path: str, content: bytes, expected: dict[str, int]
    ) -> None:
        assert versions(house.deploy(files)) == {"main": 1, "sub": 1}
        assert versions(house.deploy({path: content})) == expected

    def test_going_back_is_a_new_version(self, house: House, files: dict[str, bytes]) -> None:
        house.deploy(files)
        house.deploy({"workflows/grade.dmn": TABLE.replace(b">1<", b">2<")})
        assert versions(house.deploy({"workflows/grade.dmn": TABLE})) == {"main": 3, "sub": 3}


def test_a_running_case_stays_on_its_bundle(house: House) -> None:
    house.deploy(procedures.COMPLAINT)
    old = house.casework.start_case("complaint", by="alice")
    changed = procedures.COMPLAINT["workflows/complaint.bpmn"].replace("登记投诉".encode(), "登记客户投诉".encode())
    house.deploy({"workflows/complaint.bpmn": changed})
    new = house.casework.start_case("complaint", by="alice")
    names = [house.worklist.item(ref.next_item_keys[0], house.person("alice")).name for ref in (old, new)]
    assert names == ["登记投诉", "登记客户投诉"]
    house.casework.complete_task(old.next_item_keys[0], {}, by="alice")
    view = house.worklist.case(old.key, house.person("root"))
    assert (view.case.process_version, view.diagrams[0].version) == (1, 1)
    assert "登记客户投诉".encode() not in view.diagrams[0].xml


def test_findings_refuse_the_deployment(house: House) -> None:
    wrong = Problem("workflows/complaint.bpmn", "approve", "form-not-found", "没有表单。")
    hint = Problem("workflows/complaint.bpmn", "approve", "odd", "少见。", severity="warning")
    with pytest.raises(errors.DeploymentRefused) as caught:
        house.casework.deploy(procedures.COMPLAINT, by=SYSTEM, check=lambda _: [wrong, hint])
    assert caught.value.problems == (wrong,)
    assert house.deployments.latest() is None
    assert house.casework.deploy(procedures.COMPLAINT, by=SYSTEM, check=lambda _: [hint]).new


def test_only_owners_and_administrators_deploy(house: House) -> None:
    with pytest.raises(errors.NotAllowed):
        house.casework.deploy(procedures.COMPLAINT, by="alice", check=lambda _: [])
    assert house.casework.deploy(procedures.COMPLAINT, by="owner", check=lambda _: []).new


def test_deploying_and_starting_race(house: House) -> None:
    house.deploy(procedures.COMPLAINT)
    failures: list[Exception] = []

    def guard(action: object) -> None:
        try:
            action()  # type: ignore[operator]
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    def deploy(number: int) -> None:
        for version in range(3):
            house.deploy({f"documents/note{number}.txt": str(version).encode()})

    def begin() -> None:
        for _ in range(4):
            house.casework.start_case("complaint", by="alice")

    threads = [threading.Thread(target=guard, args=(lambda n=n: deploy(n),)) for n in range(2)]
    threads += [threading.Thread(target=guard, args=(begin,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    latest = house.deployments.latest()
    assert latest is not None
    assert {"documents/note0.txt", "documents/note1.txt"} <= latest.files.keys()
    assert len(house.worklist.search("", house.person("root"))) == 8


def test_another_process_reads_the_same_bundle(house: House) -> None:
    info = house.deploy(procedures.COMPLAINT)
    latest = Deployments(house.database, keep=1).latest()
    assert latest is not None
    assert latest.hash == info.hash == Bundle.of(procedures.COMPLAINT).hash
    assert latest.files == procedures.COMPLAINT
    assert (
        house.deployments.file(info.key, "workflows/complaint.bpmn") == procedures.COMPLAINT["workflows/complaint.bpmn"]
    )
    assert house.deployments.file(info.key, "workflows/none.bpmn") is None


class TestStarters:
    def starters(self, *parts: str, ext: str = "", others: str = "") -> frozenset[str]:
        return Bundle.of(file(process("p", *parts, ext=ext), others)).starters("p")

    def test_the_lane_of_the_first_user_task(self) -> None:
        drawn = (start(), job("j"), user("a"), user("b"), end(), chain("s j a b e"))
        assert self.starters(lanes(客服部="s j a", 采购部="b e"), *drawn) == {"客服部"}
        assert self.starters(*drawn) == {"*"}

    def test_what_the_process_says_wins(self) -> None:
        drawn = (start(), user("a"), end(), chain("s a e"))
        assert self.starters(*drawn, ext=properties(case_starters="采购部, 客服部")) == {"采购部", "客服部"}
        assert self.starters(*drawn, ext=properties(case_starters="")) == frozenset()

    def test_a_called_process_is_not_started_by_hand(self) -> None:
        drawn = (start(), user("a"), end(), chain("s a e"))
        other = process(
            "q",
            start("s3"),
            el("callActivity", "c", ext=z("calledElement", processId="p")),
            end("e3"),
            chain("s3 c e3"),
        )
        assert self.starters(*drawn, others=other) == frozenset()
        assert self.starters(*drawn, others=other, ext=properties(case_starters="*")) == {"*"}
