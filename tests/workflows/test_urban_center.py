"""The urban management centre's year: 646 = 438 + 147 + 50 + 11 through its own summary, table and document."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from engine.database import Database
from engine.tables import case, case_dimension, deployment
from web import scenarios

ROOT = Path(__file__).resolve().parents[2]

both = pytest.mark.parametrize(
    "database_url",
    [
        pytest.param("sqlite", marks=pytest.mark.xdist_group("stage-sqlite")),
        pytest.param("postgresql", marks=pytest.mark.xdist_group("stage-postgresql")),
    ],
    indirect=True,
)

CHANNELS = {"电话投诉": 438, "电话咨询": 147, "来人来访": 50, "上级转来": 11}
CATEGORIES = {"违章占道经营": 97, "商业经营性噪声": 111}
"""19.4 % and 22.2 % of the 499 that were not mere enquiries; of all 646 no whole number gives 22.2 %."""
TRANSFERRED = 28


def enter_the_year(stage: Any) -> None:
    """Write 646 finished cases of 2025 straight into the tables: only what is counted."""
    database = Database(stage.house.settings.database_url)
    at = datetime(2025, 6, 1, 1, tzinfo=UTC)
    channels = [name for name, count in CHANNELS.items() for _ in range(count)]
    try:
        with database.begin() as tx:
            key = tx.execute(select(deployment.c.key)).scalars().first()
            rows = [
                {
                    "number": f"CG-2025-{number:04}",
                    "process_id": "urban_mgmt_center",
                    "process_name": "城管投诉中心",
                    "process_version": 1,
                    "deployment_key": key,
                    "state": "COMPLETED",
                    "started_by": "tingyu",
                    "started_at": at,
                    "ended_at": at,
                    "changed_at": at,
                }
                for number in range(len(channels))
            ]
            keys = sorted(tx.execute(insert(case).returning(case.c.key), rows).scalars())
            complaints = [key for key, channel in zip(keys, channels, strict=True) if channel != "电话咨询"]
            named = [name for name, count in CATEGORIES.items() for _ in range(count)]
            named += ["其他"] * (len(complaints) - len(named))
            found = [("channel", key, channel) for key, channel in zip(keys, channels, strict=True)]
            found += [("kind", key, "complaint" if key in complaints else "enquiry") for key in keys]
            found += [("category", key, name) for key, name in zip(complaints, named, strict=True)]
            found += [("outcome", key, "移送") for key in complaints[:TRANSFERRED]]
            tx.execute(
                insert(case_dimension),
                [{"case_key": key, "name": name, "value": value} for name, key, value in found],
            )
    finally:
        database.close()


@both
def test_the_year_adds_up(stage: Any, tmp_path: Path) -> None:
    assert sum(CHANNELS.values()) == 646
    enter_the_year(stage)
    weekly = scenarios.read(ROOT / "workflows" / "urban_mgmt_weekly.scenario.json")
    start = {**weekly.start, "at": "2026-01-05T09:00:00+08:00", "variables": {"span": "year"}}
    playback = stage.player.play(replace(weekly, start=start, expect={"finished": True}))

    report = playback.case.variables["report"]
    assert (report["figures"]["total"], report["figures"]["finished"]) == (646, 646)
    assert playback.case.variables["rates"]["transferred"] == TRANSFERRED
    tables = {one["title"]: {row["value"]: row for row in one["rows"]} for one in report["dimensions"]}
    assert {name: row["count"] for name, row in tables["渠道"].items()} == CHANNELS
    shares = {name: tables["类别（不含咨询）"][name]["share"] for name in CATEGORIES}
    assert shares == {"违章占道经营": "19.4%", "商业经营性噪声": "22.2%"}
    targets = {row["name"]: row for row in playback.case.variables["target_rows"]}
    assert (targets["处理率"]["value"], targets["处理率"]["met"]) == ("100%", True)

    (document,) = playback.case.documents
    pdf = tmp_path / "summary.pdf"
    pdf.write_bytes(stage.house.files.read(document.sha256))
    text = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True, text=True).stdout
    assert "2025年" in text
    for number in ("646", *map(str, CHANNELS.values()), "19.4%", "22.2%"):
        assert number in text
