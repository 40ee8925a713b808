"""Dates as documents write them, in Shanghai."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from documents import moments


def test_a_time_is_shown_on_the_clock_of_shanghai() -> None:
    assert moments.minute("2026-11-22T23:30:00+00:00") == "2026年11月23日 07:30"
    assert moments.day("2026-11-22T23:30:00Z") == "2026年11月23日"
    assert moments.day(datetime(2026, 11, 22, 16, tzinfo=UTC)) == "2026年11月23日"


def test_a_day_stays_a_day() -> None:
    assert moments.minute("2026-11-05") == "2026年11月5日"
    assert moments.day(date(2026, 1, 2)) == "2026年1月2日"


def test_a_time_without_an_offset_is_shanghais() -> None:
    assert moments.minute("2026-11-23T09:12") == "2026年11月23日 09:12"


def test_the_midnight_that_ends_a_day_is_its_24_00() -> None:
    assert moments.deadline("2026-11-26T16:00:00+00:00") == "2026年11月26日24:00"
    assert moments.deadline("2026-11-26T04:00:00+00:00") == "2026年11月26日 12:00"
    assert moments.deadline("2026-11-26") == "2026年11月26日"


@pytest.mark.parametrize("value", ["", "明天", "2026-13-01", "2026年11月21日", 7])
def test_what_is_not_a_date_is_refused_with_a_sentence(value: object) -> None:
    with pytest.raises(ValueError, match="不是日期"):
        moments.moment(value)


def test_pdf_dates_are_in_utc_and_never_naive() -> None:
    assert moments.pdf_date(datetime(2026, 11, 25, 15, 30, tzinfo=moments.SHANGHAI)) == "2026-11-25T07:30:00Z"
    with pytest.raises(ValueError, match="aware"):
        moments.pdf_date(datetime(2026, 11, 25))  # noqa: DTZ001 - the refused case
