from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask_babel import Babel

from web.wording import deadline_day, local, plain, size, span


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (datetime(2026, 11, 24, 16, 0, tzinfo=UTC), "11-24 24:00"),  # the end of a day, not the next one's beginning
        (datetime(2026, 11, 24, 2, 30, tzinfo=UTC), "11-24 10:30"),
        (datetime(2026, 12, 31, 16, 0, tzinfo=UTC), "12-31 24:00"),
    ],
)
def test_deadlines_are_said_as_people_say_them(at: datetime, words: str) -> None:
    assert deadline_day(at) == words


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=20), "不到1分钟"),
        (timedelta(minutes=59), "59分钟"),
        (timedelta(hours=3, minutes=5), "3小时5分钟"),
        (timedelta(hours=12, minutes=5), "12小时"),
        (timedelta(days=2, hours=3, minutes=5), "2天3小时"),
        (timedelta(days=400), "400天"),
    ],
)
def test_lengths(length: timedelta, words: str) -> None:
    app = Flask(__name__)
    Babel(app, default_locale="zh")
    with app.test_request_context():
        assert span(length) == words
        assert plain({"名称": "台面", "照片": [], "相符": True}) == "名称：台面；照片：—；相符：是"


def test_times_are_chinese() -> None:
    at = datetime(2026, 11, 23, 1, 12, 7, tzinfo=UTC)
    assert local(at) == "2026-11-23 09:12"
    assert local("2026-11-23T01:12:07+00:00", "short") == "11-23 09:12"
    assert local(at, "second") == "2026-11-23 09:12:07"
    assert local(None) == ""


def test_sizes() -> None:
    assert [size(n) for n in (None, 12, 2048, 3 * 1024**2)] == ["", "12 B", "2 KB", "3.0 MB"]
