"""Nothing is lost and nothing is done twice when processes are killed at random moments.

Short by default. `HEJIE_SOAK_COMPLETIONS` and `HEJIE_SOAK_KILLS` make it long, `HEJIE_SOAK_SEED` repeats the same
choice of moments and victims.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from engine.worker import LEASE
from tests.engine.conftest import House
from tests.faults.soaking import soak

COMPLETIONS = int(os.environ.get("HEJIE_SOAK_COMPLETIONS", "200"))
KILLS = int(os.environ.get("HEJIE_SOAK_KILLS", "6"))
STUCK = timedelta(seconds=30)
SOAK_LEASE = LEASE if KILLS > 20 else timedelta(seconds=3)
"""The product's own when it is measured; when it is only tried nobody wants to wait for it."""


def test_killed_processes_lose_and_double_nothing(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("HEJIE_SOAK_SEED") or int.from_bytes(os.urandom(4)))
    print(f"seed {seed}")
    report = soak(
        house, tmp_path / "run", completions=COMPLETIONS, kills=KILLS, seed=seed, patience=60, lease=SOAK_LEASE
    )
    with capsys.disabled():
        print(f"\n{house.database.dialect}, seed {seed}: {report}")
    assert report.violations() == []
    assert report.killed.total() == KILLS
    assert report.completions >= report.acknowledged > 0
    assert report.longest_stuck < STUCK
