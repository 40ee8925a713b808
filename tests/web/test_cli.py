"""`hejie compensation`, on what the golden rows of the calculation are given."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from web import cli

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = json.loads((ROOT / "tests" / "engine" / "compensation_golden.json").read_text(encoding="utf-8"))


def compensation(given: dict[str, Any], tmp_path: Path) -> Result:
    file = tmp_path / "input.json"
    file.write_text(json.dumps({"rules_on": "2026-11-21", **GOLDEN["figures"], **given}), encoding="utf-8")
    return CliRunner().invoke(cli.main, ["compensation", str(file)])


@pytest.mark.parametrize("row", GOLDEN["rows"], ids=lambda row: row["id"])
def test_a_golden_row_is_printed(row: dict[str, Any], tmp_path: Path) -> None:
    result = compensation(row["input"], tmp_path)

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert set(told) >= {"company", "statutory", "proposed"}
    for side in ("company", "statutory"):
        assert told[side]["total"] == row.get(side, told[side]["total"])
        for line in told[side]["lines"]:
            assert line["item"]
            assert line["formula"]
            assert re.fullmatch(r"\d+\.\d\d", line["amount"])
    assert told["proposed"]["total"] == row.get("proposed", told["proposed"]["total"])
    assert told["proposed"]["basis"] == row.get("basis", told["proposed"]["basis"])
    for side, lines in (("company", "lines"), ("statutory", "statutory_lines")):
        printed = {line["item"]: line["amount"] for line in told[side]["lines"]}
        assert row.get(lines, {}).items() <= printed.items()


@pytest.mark.parametrize("row", GOLDEN["missing_figures"], ids=lambda row: "+".join(row["without"]))
def test_a_missing_figure_stops_with_a_sentence(row: dict[str, Any], tmp_path: Path) -> None:
    without = dict.fromkeys(row["without"])
    result = compensation({**row["input"], **without}, tmp_path)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert all(name in result.stderr for name in row["fields"])
    assert result.stderr.strip().endswith("。")


@pytest.mark.parametrize("text", ["{rules_on", "\xff", ""])
def test_what_is_no_json_is_said(text: str) -> None:
    result = CliRunner().invoke(cli.main, ["compensation", "-"], input=text.encode("latin-1"))
    assert result.exit_code == 2
    assert "不是有效的 JSON" in result.stderr


def test_what_is_no_object_is_said() -> None:
    result = CliRunner().invoke(cli.main, ["compensation", "-"], input="[1]")
    assert result.exit_code == 1
    assert result.stderr.strip().endswith("。")


def test_the_input_may_come_through_a_pipe() -> None:
    given = {"rules_on": "2026-11-21", "injury": {"medical": [{"receipt": "A1", "amount": "3280.50"}]}}
    result = CliRunner().invoke(cli.main, ["compensation", "-"], input=json.dumps(given))
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["company"]["total"] == "3280.50"
