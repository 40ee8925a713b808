"""Numbers: patterns, series, no gaps, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine import numbering
from engine.database import Database
from tests.fakes import MONDAY

NEW_YEAR = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)  # 0:00 on 1 January in China


@pytest.mark.parametrize(
    ("pattern", "at", "name"),
    [
        ("{org}-HJ-{yyyymm}-{seq:04}", MONDAY, "HJ-HJ-202611-{seq}"),
        ("{yy}{mm}{dd}/{seq}", MONDAY, "261123/{seq}"),
        ("{yyyymmdd}{seq:3}", NEW_YEAR, "20270101{seq}"),
        ("第{seq}号（{yyyy}）", NEW_YEAR, "第{seq}号（2027）"),
    ],
)
def test_series(pattern: str, at: datetime, name: str) -> None:
    assert numbering.series(pattern, org="HJ", at=at) == name


@pytest.mark.parametrize(
    ("pattern", "cause"),
    [
        ("HJ-{yyyy}", "恰好有一个流水号"),
        ("{seq}{seq:04}", "恰好有一个流水号"),
        ("{month}-{seq}", "{month}"),
        ("{seq:abc}", "{seq:abc}"),
        ("{yyyy-{seq}", "花括号"),
        ("x" * 100 + "{seq}", "100"),
    ],
)
def test_bad_patterns_are_explained(pattern: str, cause: str) -> None:
    with pytest.raises(numbering.BadPattern, match=cause):
        numbering.series(pattern, org="HJ", at=MONDAY)


def allocate(database: Database, pattern: str, at: datetime = MONDAY) -> str:
    with database.begin() as tx:
        return numbering.allocate(tx, pattern, org="HJ", at=at, case_key=None)


def test_a_series_counts_from_one_and_anew_each_month(database: Database) -> None:
    pattern = "{org}-{yyyymm}-{seq:03}"
    assert [allocate(database, pattern) for _ in range(2)] == ["HJ-202611-001", "HJ-202611-002"]
    assert allocate(database, pattern, NEW_YEAR) == "HJ-202701-001"
    assert allocate(database, "HJ-{yyyymm}-{seq:02}") == "HJ-202611-03"  # the same series, however written


def test_a_number_of_a_step_that_fails_is_given_again(database: Database) -> None:
    def fail() -> None:
        with database.begin() as tx:
            assert numbering.allocate(tx, "{seq}", org="HJ", at=MONDAY, case_key=None) == "1"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert allocate(database, "{seq}") == "1"


def test_more_numbers_than_places(database: Database) -> None:
    assert [allocate(database, "{seq:1}") for _ in range(11)][-2:] == ["10", "11"]
