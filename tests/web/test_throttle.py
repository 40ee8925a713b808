from __future__ import annotations

from datetime import timedelta

import pytest

from tests.fakes import FrozenClock
from web.throttle import Throttle, ThrottledError


def test_a_user_is_slowed_down_from_every_address() -> None:
    clock = FrozenClock()
    throttle = Throttle(clock, limit=3, window=timedelta(minutes=10))
    for number in range(3):
        throttle.must_be_allowed("Anna", f"10.0.0.{number}")
        throttle.failed("Anna", f"10.0.0.{number}")
    with pytest.raises(ThrottledError) as slowed:
        throttle.must_be_allowed("anna", "10.0.0.9")
    assert slowed.value.minutes == 10
    throttle.must_be_allowed("bob", "10.0.0.9")
    clock.advance(timedelta(minutes=10))
    throttle.must_be_allowed("anna", "10.0.0.9")


def test_an_address_is_slowed_down_whoever_is_tried() -> None:
    throttle = Throttle(FrozenClock(), limit=2)
    for number in range(10):
        throttle.failed(f"user{number}", "10.0.0.1")
    with pytest.raises(ThrottledError):
        throttle.must_be_allowed("somebody", "10.0.0.1")


def test_success_forgets_the_users_failures_only() -> None:
    throttle = Throttle(FrozenClock(), limit=2)
    for number in range(9):
        throttle.failed("anna" if number < 2 else f"user{number}", "10.0.0.1")
    throttle.succeeded("anna")
    throttle.must_be_allowed("anna", "10.0.0.2")
    throttle.failed("anna", "10.0.0.1")
    with pytest.raises(ThrottledError):
        throttle.must_be_allowed("anna", "10.0.0.1")
