"""The handbook says what the files say, and the committed pages are what the command makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.deployments import Bundle
from web import bundles, cli, handbook
from web.handbook.parameters import read_by, tables, texts, variables
from web.handbook.procedures import rule_texts, split_arguments

ROOT = Path(__file__).resolve().parents[2]
TOY = ROOT / "tests" / "workflows" / "toy"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return handbook.pages(bundles.collect(ROOT, ()))


def test_the_committed_pages_are_what_the_command_makes(made: dict[str, str]) -> None:
    committed = {
        path.relative_to(ROOT / "docs").as_posix(): path.read_text(encoding="utf-8")
        for path in [ROOT / "docs" / "parameters.md", *sorted((ROOT / "docs" / "procedures").glob("*.md"))]
    }
    assert sorted(committed) == sorted(made), "run: hejie handbook"
    assert [path for path in made if committed[path] != made[path]] == [], "run: hejie handbook"


def test_limits_of_the_case_are_listed(made: dict[str, str]) -> None:
    bundle = Bundle.of(bundles.collect(ROOT, ()))
    for process in bundle.diagrams.values():
        for element in process.elements.values():
            if element.job_type == "open_deadline":
                assert f"`{element.headers['deadline']}`）" in made[f"procedures/{process.id}.md"]


def test_every_parameter_is_explained(made: dict[str, str]) -> None:
    bundle = Bundle.of(bundles.collect(ROOT, ()))
    found = [row for rows in tables(bundle.decisions).values() for row in rows]
    assert len(found) > 50
    for row in found:
        assert all((row.name, row.value, row.label, row.source, row.status)), row
        assert row.unit or not row.value.replace(".", "").isdigit(), row
        assert f"| `{row.name}` | {row.label} |" in made["parameters.md"]


def test_every_parameter_is_read_by_somebody() -> None:
    """By an expression of a diagram, a form or a table, or by a verb that is given the whole table."""
    bundle = Bundle.of(bundles.collect(ROOT, ()))
    known = variables(bundle)
    read = {
        name for process in bundle.diagrams.values() for text in texts(bundle, process) for name in read_by(text, known)
    }
    calculation = (ROOT / "engine" / "compensation" / "parameters.yaml").read_text(encoding="utf-8")
    unread = {
        f"{variable}.{name}"
        for variable, rows in known.items()
        for name in rows
        if f"{variable}.{name}" not in read and f"  {name}:\n" not in calculation
    }
    assert unread == set()


def test_every_task_lane_form_and_document_is_told(made: dict[str, str]) -> None:
    bundle = Bundle.of(bundles.collect(ROOT, ()))
    for process in bundle.diagrams.values():
        page = made[f"procedures/{process.id}.md"]
        assert all(f"| {lane} |" in page for lane in process.lanes)
        for element in process.elements.values():
            if element.type == "userTask":
                assert f"### {element.name} `{element.id}`" in page
                assert not element.form_id or f"`{bundle.forms[element.form_id]}`" in page
            if template := element.headers.get("template"):
                assert f"`documents/templates/{template}/`" in page
            for text in rule_texts(element.due_date or ""):
                assert text in page


def test_a_new_procedure_gets_its_page_by_files_alone(tmp_path: Path) -> None:
    files = bundles.collect(ROOT, ()) | bundles.collect(TOY, ())
    changed = handbook.write(tmp_path, handbook.pages(files))
    page = tmp_path / "procedures" / "spare_loan.md"
    assert page in changed
    text = page.read_text(encoding="utf-8")
    for said in (
        "维修期间借一台备用机给顾客",
        "| 理财部 | 收押金 |",
        "备用机借用办法 第四条",
        "借几天*",
        "| 2 | `>= 1000` | 200.00 | 备用机借用办法 第三条：1000元以上收200元 |",
        "备用机借用单",
    ):
        assert said in text


def test_only_what_changed_is_written_and_pages_of_lost_procedures_go(tmp_path: Path) -> None:
    whole = handbook.pages(bundles.collect(TOY, ()))
    assert len(handbook.write(tmp_path, whole)) == len(whole) == 2
    assert handbook.write(tmp_path, whole) == []
    own = tmp_path / "procedures" / "notes.md"
    own.write_text("written by hand", encoding="utf-8")
    rest = {path: text for path, text in whole.items() if "spare_loan" not in path}
    assert handbook.write(tmp_path, rest) == [tmp_path / "procedures" / "spare_loan.md"]
    assert own.exists()


def test_the_command(tmp_path: Path) -> None:
    environment = {"HEJIE_DATA_DIR": str(tmp_path / "var"), "HEJIE_ROOT": str(ROOT)}
    result = CliRunner(env=environment).invoke(cli.main, ["handbook", "--out", str(tmp_path / "docs")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "docs" / "parameters.md").is_file()
    assert "页有变化" in result.output


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ('=rule(hours(now(), 4), "第二条")', ["第二条"]),
        (
            '=rule(limit(now(), p.x), if p.x.status = "公司流程" then p.x.source else "第三条（a, b）")',
            ["第三条（a, b）"],
        ),
        ('=if d = null then null else rule(date and time(d), "开庭, " + place)', ["开庭, "]),
        ("=hours(now(), 4)", []),
    ],
)
def test_the_rule_of_a_deadline(expression: str, said: list[str]) -> None:
    assert rule_texts(expression) == said


def test_arguments_end_at_their_own_bracket() -> None:
    assert split_arguments('f(1, [2, 3]), "a, )" + b) + g(4, 5)') == ["f(1, [2, 3])", ' "a, )" + b']
