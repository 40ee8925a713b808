"""Every scenario of workflows/ goes the way its file says, and leaves a history and documents that hold."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from web import scenarios
from web.scenarios import ScenarioError

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "workflows").glob("*.scenario.json"))

both = pytest.mark.parametrize(
    "database_url",
    [
        pytest.param("sqlite", marks=pytest.mark.xdist_group("stage-sqlite")),
        pytest.param("postgresql", marks=pytest.mark.xdist_group("stage-postgresql")),
    ],
    indirect=True,
)


@both
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name.removesuffix(".scenario.json"))
def test_scenario(file: Path, stage: Any, tmp_path: Path) -> None:
    playback = stage.player.play(scenarios.read(file))

    assert playback.case.case.number
    auditor = stage.house.identity.find("liangshen")
    (chain,) = stage.house.records.verify(auditor, playback.case.case.number)
    assert chain.verification.intact
    assert all(deadline.due and (deadline.due.rule or deadline.due.explanation) for deadline in playback.case.deadlines)
    for document in playback.case.documents:
        assert document.state == "READY"
        pdf = tmp_path / f"{document.key}.pdf"
        pdf.write_bytes(stage.house.files.read(document.sha256))
        subprocess.run(["qpdf", "--check", pdf], check=True, capture_output=True)
        text = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True, text=True).stdout
        assert document.number in text
        assert document.check_code in text


@both
def test_every_decision_names_a_source(stage: Any) -> None:
    """Of the first scenario: each table that decided says which rule matched, and where that rule comes from."""
    playback = stage.player.play(scenarios.read(FILES[0]))
    decided = [entry for entry in playback.timeline if entry.event == "decision:evaluated"]
    assert decided
    for entry in decided:
        for match in entry.facts.get("matched", []):
            assert any(match["annotations"]), entry.text


@both
def test_a_scenario_that_says_otherwise_fails(stage: Any) -> None:
    said = scenarios.read(FILES[0])
    wrong = scenarios.Scenario(
        said.file, said.title, said.source, said.process, said.start, said.steps, {"documents": ["no_such_document"]}
    )
    with pytest.raises(ScenarioError, match="no_such_document"):
        stage.player.play(wrong)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "读不懂"),
        ('{"title": "x", "process": "p", "start": {"by": "a", "at": "2026-11-23T09:12:00"}, "steps": []}', "时区"),
        ('{"title": "x", "steps": []}', "读不懂"),
    ],
)
def test_a_broken_scenario_file_is_named(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.scenario.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match=says) as caught:
        scenarios.read(path)
    assert "broken.scenario.json" in str(caught.value)
