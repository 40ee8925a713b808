"""What a process owner does with files alone: change a diagram while cases run, add a procedure, see what is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from engine.casework.errors import DeploymentRefused
from engine.casework.results import DeploymentInfo
from engine.database import Database
from engine.journal import HOUSE
from engine.tables import journal
from tests.workflows.modeler import Modeler
from web import cli, scenarios

ROOT = Path(__file__).resolve().parents[2]
TOY = Path(__file__).with_name("toy")
BROKEN = ROOT / "tests" / "engine" / "broken"
OWNER = "panliu"
DIAGRAM = "workflows/retail_concession.bpmn"

both = pytest.mark.parametrize(
    "own_stage",
    [
        pytest.param("sqlite", marks=pytest.mark.xdist_group("own-stage-sqlite")),
        pytest.param("postgresql", marks=pytest.mark.xdist_group("own-stage-postgresql")),
    ],
    indirect=True,
)


def edited() -> dict[str, bytes]:
    """Our concession procedure with a condition changed and a task with a form added."""
    diagram = Modeler((ROOT / DIAGRAM).read_bytes())
    diagram.set_condition(
        "flow_supplier_needed__ask_supplier", '=ask_supplier = "yes" and number(demand_amount) > 5000'
    )
    diagram.insert_user_task(
        "flow_analyse_customer__supplier_needed",
        "review_demand",
        "主管复核要求",
        form_id="retail_concession.review_demand",
        due_date='=rule(workingDays(now(), 1), "客服部内部规定：次日复核")',
    )
    form = {
        "components": [
            {
                "type": "textarea",
                "key": "demand_review",
                "label": "复核意见",
                "id": "Field_demand_review",
                "validate": {"required": True},
            }
        ],
        "id": "retail_concession.review_demand",
        "type": "default",
        "schemaVersion": 19,
        "executionPlatform": "Camunda Cloud",
        "executionPlatformVersion": "8.8.0",
    }
    return {
        DIAGRAM: diagram.save(),
        "forms/retail_concession/review_demand.form": json.dumps(form, ensure_ascii=False).encode(),
    }


def the_old_way() -> scenarios.Scenario:
    return scenarios.read(ROOT / "workflows" / "retail_concession.scenario.json")


def the_new_way() -> scenarios.Scenario:
    """The same case after the change: the demand is reviewed, the supplier is not asked for 4200 yuan."""
    before = the_old_way()
    review = {"task": "review_demand", "as": "客服部", "answers": {"demand_review": "差价过高，先谈换减震垫。"}}
    steps = [review if step.get("task") == "ask_supplier" else step for step in before.steps]
    path = ["review_demand" if element == "ask_supplier" else element for element in before.expect["path"]]
    return replace(before, steps=tuple(steps), expect={**before.expect, "path": path})


def versions(stage: Any) -> dict[str, int]:
    """Return the version of every process in force."""
    info = stage.house.casework.deploy({}, by=OWNER, check=stage.house.check)
    assert not info.new
    return {process.process_id: process.version for process in info.processes}


def last_deployment_in_the_journal(stage: Any) -> Mapping[str, Any]:
    database = Database(stage.house.settings.database_url)
    try:
        with database.read() as tx:
            query = (
                select(journal.c.actor, journal.c.facts)
                .where(journal.c.stream == HOUSE, journal.c.event == "deployment:made")
                .order_by(journal.c.seq.desc())
                .limit(1)
            )
            entry = tx.execute(query).one()
    finally:
        database.close()
    facts = json.loads(entry.facts) if isinstance(entry.facts, str) else entry.facts
    return {"by": entry.actor, **facts}


def as_it_was(stage: Any) -> Mapping[str, Any]:
    """What is in force, and how often something was deployed."""
    owner = stage.house.identity.find(OWNER)
    return {
        "hash": stage.house.deployments.latest().hash,
        "versions": versions(stage),
        "deployments": len(stage.house.records.deployments(owner)),
    }


@both
def test_a_diagram_changed_while_a_case_runs(own_stage: Any) -> None:
    before = versions(own_stage)
    deployed: list[DeploymentInfo] = []

    def change(step: int) -> None:
        if step == 1:  # the case has not called the changed process yet
            check = own_stage.house.check
            deployed.append(own_stage.house.casework.deploy(edited(), by=OWNER, note="加一道复核", check=check))
            assert_counted_up(own_stage, before, deployed[0])

    running = own_stage.player.play(the_old_way(), meanwhile=change)
    fresh = own_stage.player.play(the_new_way())

    assert running.case.case.process_version == before["retail_major"]
    assert "ask_supplier" in running.path
    assert "review_demand" not in running.path
    assert fresh.case.case.process_version == before["retail_major"] + 1
    assert "review_demand" in fresh.path
    assert "ask_supplier" not in fresh.path
    for playback, version in ((running, 0), (fresh, 1)):
        called = next(one for one in playback.case.diagrams if one.process_id == "retail_concession")
        assert called.version == before["retail_concession"] + version
        assert (b"review_demand" in called.xml) == bool(version)
    assert running.case.bundle_hash != fresh.case.bundle_hash == deployed[0].hash


def assert_counted_up(stage: Any, before: Mapping[str, int], info: DeploymentInfo) -> None:
    """The changed process and the one that calls it have a new version, the others the old one; the journal says so."""
    after = {process.process_id: process.version for process in info.processes}
    changed = {"retail_concession", "retail_major", "intake"}  # which may call any process
    assert after == {process_id: version + (process_id in changed) for process_id, version in before.items()}
    told = last_deployment_in_the_journal(stage)
    assert (told["by"], told["note"], told["hash"]) == (OWNER, "加一道复核", info.hash)
    assert told["processes"] == after
    newest = stage.house.records.deployments(stage.house.identity.find(OWNER))[0]
    assert {process.process_id for process in newest.processes} == changed


def signing_limit(playback: Any) -> tuple[timedelta, str]:
    """Return how long the department had to sign for the complaint, and the rule that is shown for it."""
    (limit,) = [limit for limit in playback.case.case_deadlines if limit.id == "dispatch"]
    (signing,) = [item for item in playback.case.deadlines if item.element_id == "sign_form"]
    assert signing.due.at == limit.due.at
    return limit.due.at - limit.opened_at, limit.due.rule


def satisfaction_target(playback: Any) -> str:
    (target,) = [row["target"] for row in playback.case.variables["target_rows"] if row["name"].startswith("满意率")]
    return str(target)


@both
def test_a_limit_in_a_diagram_and_a_target_in_a_table(own_stage: Any) -> None:
    """The ten minutes of the diagram become fifteen, the 80 % of the table 75 %; both are seen in the next cases."""
    complaint = scenarios.read(ROOT / "workflows" / "property_complaint_minor.scenario.json")
    monthly = scenarios.read(ROOT / "workflows" / "property_monthly_report.scenario.json")
    limit, rule = signing_limit(own_stage.player.play(complaint))
    assert limit == timedelta(minutes=10)
    assert "10分钟" in rule
    assert satisfaction_target(own_stage.player.play(monthly)) == "80%"

    diagram = Modeler((ROOT / "workflows" / "property_complaint.bpmn").read_bytes())
    diagram.set_script("dispatch_limit", "=15")
    table = Modeler((ROOT / "workflows" / "property_targets.dmn").read_bytes())
    table.set_cell("property_targets_rule_4_out_3", "0.75")
    changed = {"workflows/property_complaint.bpmn": diagram.save(), "workflows/property_targets.dmn": table.save()}
    own_stage.house.casework.deploy(changed, by=OWNER, note="签收15分钟，满意率75%", check=own_stage.house.check)

    after = replace(complaint, expect={**complaint.expect, "variables": {"dispatch_minutes": 15}})
    limit, rule = signing_limit(own_stage.player.play(after))
    assert limit == timedelta(minutes=15)
    assert "15分钟" in rule
    assert satisfaction_target(own_stage.player.play(monthly)) == "75%"


@both
def test_a_procedure_is_added_by_files_alone(own_stage: Any) -> None:
    assert not list(TOY.rglob("*.py"))
    before = versions(own_stage)

    result = hejie(own_stage, "deploy", str(TOY), "--by", OWNER, "--note", "备用机可以借了")

    assert result.exit_code == 0, result.output
    assert "借用备用机  第 1 版" in result.output
    assert versions(own_stage) == {**before, "spare_loan": 1, "intake": before["intake"] + 1}  # may call any process
    playback = own_stage.player.play(scenarios.read(TOY / "workflows" / "spare_loan.scenario.json"))
    assert playback.case.case.state == "COMPLETED"
    assert playback.case.case.title == "借用 单门冰箱（备用）"
    (slip,) = playback.case.documents
    assert slip.number.endswith("0001")
    assert own_stage.house.files.read(slip.sha256).startswith(b"%PDF-")
    assert {item.element_id: item.due.rule for item in playback.case.deadlines} == {
        "apply": "备用机借用办法 第二条",
        "collect_deposit": "备用机借用办法 第三条",
        "take_back": "备用机借用办法 第四条",
    }
    receptionist = own_stage.house.identity.find("linxiaoyu")
    assert "spare_loan" in {one.process_id for one in own_stage.house.worklist.startable(receptionist)}


@both
def test_a_broken_file_is_refused_and_the_version_before_stays(own_stage: Any, tmp_path: Path) -> None:
    before = as_it_was(own_stage)
    diagram = Modeler((ROOT / DIAGRAM).read_bytes())
    diagram.set_condition("flow_supplier_needed__ask_supplier", "=ask_supplier = ")
    file = tmp_path / "retail_concession.bpmn"
    file.write_bytes(diagram.save())

    with pytest.raises(DeploymentRefused) as refused:
        own_stage.house.casework.deploy({DIAGRAM: file.read_bytes()}, by=OWNER, check=own_stage.house.check)

    (problem,) = refused.value.problems
    assert (problem.file, problem.element_id) == (DIAGRAM, "flow_supplier_needed__ask_supplier")
    assert problem.code == "feel-invalid"
    assert as_it_was(own_stage) == before

    result = hejie(own_stage, "deploy", str(file), "--by", OWNER)

    assert result.exit_code == 1
    for said in (DIAGRAM, "flow_supplier_needed__ask_supplier", "feel-invalid", "部署被拒绝"):
        assert said in result.output
    assert as_it_was(own_stage) == before


def test_the_check_finds_nothing_in_ours(tmp_path: Path) -> None:
    result = CliRunner(env={"HEJIE_DATA_DIR": str(tmp_path)}).invoke(cli.main, ["check"])
    assert result.exit_code == 0, result.output
    assert "0 个错误，0 个提醒" in result.output


def test_the_check_names_file_element_and_what_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    for layer in (BROKEN / "_sound", BROKEN / "condition-not-feel"):
        for path in layer.rglob("*.*"):
            if path.name != "finding.txt":
                copy = folder / path.relative_to(layer)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
    finding = (BROKEN / "condition-not-feel" / "finding.txt").read_text(encoding="utf-8").split()

    result = CliRunner(env={"HEJIE_DATA_DIR": str(tmp_path)}).invoke(cli.main, ["check", str(folder)])

    assert result.exit_code == 1, result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("error")]
    for said in (*finding, "condition-not-feel"):
        assert said in line
    assert line.endswith("。")


def hejie(stage: Any, *arguments: str) -> Result:
    """Run a command on the stage's own database."""
    settings = stage.house.settings
    environment = {
        "HEJIE_DATA_DIR": str(settings.data_dir),
        "HEJIE_DATABASE_URL": settings.database_url,
        "HEJIE_SECRET_KEY": settings.secret_key,
        "HEJIE_ROOT": str(ROOT),
    }
    return CliRunner(env=environment).invoke(cli.main, list(arguments))
