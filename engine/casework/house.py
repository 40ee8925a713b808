"""What the use cases are made with, and how a use case is run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from engine import identity
from engine.casework.errors import Conflict, NotAllowed
from engine.database import Database, is_busy, lost_a_race
from engine.deployments import Deployments
from engine.feel import Feel
from engine.files import FileStore
from engine.office_hours import OfficeHours
from engine.operations import Operation
from engine.ports import Clock, Notifier
from engine.runtime import Runtime

_TRIES = 5

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class House:
    """The collaborators of every use case."""

    database: Database
    deployments: Deployments
    runtime: Runtime
    clock: Clock
    feel: Feel
    operations: Mapping[str, Operation]
    files: FileStore
    org_code: str
    notifier: Notifier | None = None
    """How notices leave the house; None: they stand in the case's history alone."""
    office_hours: OfficeHours = field(default_factory=OfficeHours)
    """When people are told of what can wait."""
    wake: Callable[[], None] = field(default=lambda: None)
    """Called after each commit that may have left work for a worker of this process."""


class UseCases:
    """Base of the families of use cases."""

    def __init__(self, house: House) -> None:
        self._house = house


def person(tx: Connection, username: str) -> identity.Person:
    """Return who acts. Raise `NotAllowed` for somebody unknown or no longer active."""
    found = identity.load(tx, username)
    if found is None or not found.active:
        raise NotAllowed(f"用户“{username}”不存在或已停用。")
    return found


U = TypeVar("U", bound=UseCases)


def use_case(function: Callable[Concatenate[U, P], T]) -> Callable[Concatenate[U, P], T]:
    """Run a use case's one transaction again when it only lost a race, and wake the worker afterwards."""

    @functools.wraps(function)
    def run(self: U, /, *args: P.args, **kwargs: P.kwargs) -> T:
        for tried in range(1, _TRIES + 1):
            try:
                result = function(self, *args, **kwargs)
            except OperationalError as error:
                if is_busy(error):
                    raise Conflict("系统正忙，请稍后再试。") from error
                if tried == _TRIES or not lost_a_race(error):
                    raise
            else:
                self._house.wake()
                return result
        raise AssertionError("unreachable")

    return run


def number_in(value: Any) -> int | None:
    """Return a key given as a JSON string or integer; None if it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19 else None
